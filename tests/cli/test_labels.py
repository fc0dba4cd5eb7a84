"""`jepascore labels`: a table for people, JSON for programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.conftest import SPEC, add_backbone, add_dataset, add_run, make_measurement, make_sample

WRONG = ["07.png", "12.png"]
CAT, DOG = "cat", "d[bold]o\x1bg"


def put(cli: Cli, labels: list[str | None]) -> None:
    """Two clumps of images by turns, and their labels."""
    store = cli.store
    samples = [make_sample(f"{n:02d}.png", label) for n, label in enumerate(labels)]
    dataset, backbone = add_dataset(store, "toy", samples), add_backbone(store)
    noise = np.random.default_rng(0).standard_normal((len(samples), 8))
    embeddings = (6 * np.eye(2, 8)[np.arange(len(samples)) % 2] + noise).astype(np.float16)
    rows = [
        replace(make_measurement(sample.content_id, 1.0), embedding=embedding)
        for sample, embedding in zip(samples, embeddings, strict=True)
    ]
    store.write_measurements(backbone.backbone_id, SPEC, rows)
    add_run(store, dataset, backbone)


@pytest.fixture
def flipped(cli: Cli) -> None:
    put(cli, [(CAT, DOG)[(n % 2) ^ (f"{n:02d}.png" in WRONG)] for n in range(60)])


def test_the_worst_come_first_as_json(cli: Cli, flipped: None) -> None:
    found = cli("labels", "toy", "--limit", "3", "--json").json
    assert (found["threshold"], found["num_samples"], found["num_judged"]) == (0.9, 60, 60)
    assert found["num_likely_wrong"] == 2
    first, second, third = found["worst"]
    assert sorted([first["sample_key"], second["sample_key"]]) == WRONG
    assert first["label_issue"] >= second["label_issue"] >= 0.9 > third["label_issue"]
    by_key = {item["sample_key"]: (item["label"], item["likely_label"]) for item in (first, second)}
    assert by_key == {"07.png": (CAT, DOG), "12.png": (DOG, CAT)}
    assert all(-1 <= item[name] < 0 for item in (first, second) for name in ("knn_margin", "probe_margin"))


def test_a_table_for_people_shows_hostile_labels_as_text(cli: Cli, flipped: None) -> None:
    answer = cli("labels", "toy")
    assert answer.code == 0
    assert "d[bold]o\\x1bg" in answer.out
    assert "\x1b" not in answer.out
    assert len([line for line in answer.out.splitlines() if ".png" in line]) == 50
    assert "2 of 60 judged labels likely wrong (label_issue >= 0.9)" in answer.err
    assert "--rules 'label_issue < 0.9'" in answer.err


def test_what_it_names_to_leave_them_out_does(cli: Cli, flipped: None) -> None:
    counts = cli("export", "toy", str(cli.home / "list.csv"), "--rules", "label_issue < 0.9", "--json").json
    assert counts["counts"]["dropped"] == 2


def test_one_class_is_an_error_in_a_sentence(cli: Cli) -> None:
    put(cli, [CAT] * 10)
    assert "at least two classes" in cli("labels", "toy").sentence
    assert "likely wrong" not in cli("labels", "toy").err
