"""`jepascore reference`: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv

import pytest

from tests.cli.conftest import Cli
from tests.conftest import add_backbone, add_dataset, add_run, make_sample
from tests.curation.test_reference_rules import A, B, put


@pytest.fixture
def both(cli: Cli) -> None:
    backbone = add_backbone(cli.store)
    for name, images, measured in (("A", A, None), ("B", B, 5)):
        scores = put(cli.store, name, images, backbone, measured)
        add_run(cli.store, cli.store.catalogue.dataset(scores.dataset_id), backbone)


def test_what_is_farthest_comes_first_as_json(cli: Cli, both: None) -> None:
    found = cli("reference", "B", "--against", "A", "--limit", "2", "--json").json
    assert (found["dataset"], found["reference"], found["num_compared"], found["num_new"]) == ("B", "A", 5, 3)
    assert [item["sample_key"] for item in found["farthest"]] == ["B03.png", "B04.png"]
    first = found["farthest"][0]
    assert (first["nearest_key"], first["reference_percentile"]) == ("A02.png", 100.0)
    assert first["reference_distance"] == pytest.approx(0.658, abs=1e-3)
    assert found["shared"]["num_exact"] == 1
    assert found["shared"]["exact"][0]["reference_key"] == "A00.png"
    assert found["shared"]["num_alike"] is None, "these indexes have no perceptual hashes"
    assert found["rule"].startswith('reference_distance["A", 10] > ')


def test_tables_and_sentences_for_people(cli: Cli, both: None) -> None:
    answer = cli("reference", "B", "--against", "A")
    assert answer.code == 0
    assert "Farthest from A in B" in answer.out
    assert "B03.png" in answer.out
    assert "Same bytes" in answer.out
    assert "5 of 6 samples of B compared with 3 samples of A." in answer.err
    assert "3 samples (60.0" in answer.err
    assert 'budget 3 farthest from "A"' in answer.err


def test_every_sample_as_csv(cli: Cli, both: None) -> None:
    path = cli.home / "compared.csv"
    assert cli("reference", "B", "--against", "A", "--out", str(path)).code == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["sample_key"] for row in rows] == [f"B0{n}.png" for n in (3, 4, 2, 1, 0, 5)]
    assert (rows[-1]["reference_distance"], rows[-2]["nearest_key"]) == ("", "A00.png")


def test_an_export_by_the_rule_that_it_prints(cli: Cli, both: None) -> None:
    rule = cli("reference", "B", "--against", "A", "--json").json["rule"]
    path = cli.home / "new.csv"
    assert cli("export", "B", str(path), "--rules", rule, "--json").json["counts"]["kept"] == 3
    assert "reference_distance" in path.read_text().splitlines()[0]


def test_a_reference_that_is_not_there_or_not_comparable(cli: Cli, both: None) -> None:
    assert 'Unknown reference dataset "C"' in cli("reference", "B", "--against", "C").sentence
    add_dataset(cli.store, "bare", [make_sample("x.png")])
    assert "bare cannot be the reference" in cli("reference", "B", "--against", "bare").sentence
