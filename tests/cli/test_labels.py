"""`jepascore labels`: a table for people, JSON for programs."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.embeddings.clumps import flipped, put_clumps

WRONG = ["07.png", "12.png"]
CAT, DOG = "cat", "d[bold]o\x1bg"


@pytest.fixture
def wrong(cli: Cli) -> None:
    put_clumps(cli.store, flipped([7, 12], names=(CAT, DOG)))


def test_the_worst_come_first_as_json(cli: Cli, wrong: None) -> None:
    found = cli("labels", "toy", "--limit", "3", "--json").json
    assert (found["threshold"], found["num_samples"], found["num_judged"]) == (0.9, 60, 60)
    assert found["num_likely_wrong"] == 2
    first, second, third = found["worst"]
    assert sorted([first["sample_key"], second["sample_key"]]) == WRONG
    assert first["label_issue"] >= second["label_issue"] >= 0.9 > third["label_issue"]
    by_key = {item["sample_key"]: (item["label"], item["likely_label"]) for item in (first, second)}
    assert by_key == {"07.png": (CAT, DOG), "12.png": (DOG, CAT)}
    assert [(pair["label"], pair["likely_label"], pair["num_issues"]) for pair in found["pairs"]] == [
        (CAT, DOG, 1),
        (DOG, CAT, 1),
    ]
    assert all(-1 <= item[name] < 0 for item in (first, second) for name in ("knn_margin", "probe_margin"))


def test_another_threshold(cli: Cli, wrong: None) -> None:
    found = cli("labels", "toy", "--threshold", "0.5", "--json").json
    assert (found["threshold"], found["rule"]) == (0.5, "label_issue < 0.5")
    assert found["num_likely_wrong"] == sum(pair["num_issues"] for pair in found["pairs"]) >= 2
    assert cli("labels", "toy", "--threshold", "0.4").code == 2


def test_a_table_for_people_shows_hostile_labels_as_text(cli: Cli, wrong: None) -> None:
    answer = cli("labels", "toy")
    assert answer.code == 0
    assert "d[bold]o\\x1bg" in answer.out
    assert "\x1b" not in answer.out
    assert len([line for line in answer.out.splitlines() if ".png" in line]) == 50
    assert "2 of 60 judged labels likely wrong (label_issue >= 0.9)" in answer.err
    assert "--rules 'label_issue < 0.9'" in answer.err


def test_what_it_names_to_leave_them_out_does(cli: Cli, wrong: None) -> None:
    counts = cli("export", "toy", str(cli.home / "list.csv"), "--rules", "label_issue < 0.9", "--json").json
    assert counts["counts"]["dropped"] == 2


def test_one_class_is_an_error_in_a_sentence(cli: Cli) -> None:
    put_clumps(cli.store, [CAT] * 10)
    assert "at least two classes" in cli("labels", "toy").sentence
    assert "likely wrong" not in cli("labels", "toy").err


def test_label_issues_go_into_an_export(cli: Cli, wrong: None) -> None:
    cli(
        "export",
        "toy",
        str(cli.home / "all.csv"),
        "--which",
        "all",
        "--columns",
        "labels",
        "--columns",
        "quality",
        "--json",
    )
    header, *rows = (cli.home / "all.csv").read_text().splitlines()
    assert "quality_issue" in header and header.replace('"', "").split(",")[9:11] == ["label_issue", "likely_label"]
    assert len(rows) == 60
    assert "group of columns" in cli("export", "toy", str(cli.home / "b.csv"), "--columns", "lables").sentence
