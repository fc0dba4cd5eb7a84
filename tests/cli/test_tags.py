"""Tags and corrected labels on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from jepascore_core.records.datasets import DatasetRecord
from tests.cli.conftest import Cli
from tests.cli.test_curating import SAMPLES, dataset
from tests.conftest import add_dataset, make_sample

__all__ = ["dataset"]


def tags(cli: Cli, name: str = "toy") -> dict[str, int]:
    return {tag["name"]: tag["num_samples"] for tag in cli("tag", name, "--json").json}


def test_tags_are_added_listed_renamed_merged_and_undone(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    answer = cli("tag", "add", "toy", "dark", "0.png", SAMPLES[4].content_id, "--who", "ada", "--why", "night")
    assert (answer.code, answer.out) == (0, "")
    assert "4 samples of toy: tagged dark. `jepascore decisions undo toy` undoes it." in answer.err
    listed = tmp_path / "list.txt"
    listed.write_text("1.png\n2.png\n", encoding="utf-8")
    assert cli("tag", "add", "toy", "blurred", "--from", listed, "--json").json["num_samples"] == 2
    assert cli("tag", "add", "toy", "blurred", "--where", "score >= 3", "--json").json["num_samples"] == 4
    assert tags(cli) == {"dark": 4, "blurred": 6}
    assert cli("tag", "remove", "toy", "blurred", "--where", 'tag("blurred") and score >= 3.5').code == 0
    assert tags(cli)["blurred"] == 5
    assert "dark" in cli("tag", "list", "toy").out
    assert cli("tag", "rename", "toy", "dark", "night").code == 0
    assert cli("tag", "merge", "toy", "blurred", "night").code == 0
    assert tags(cli) == {"night": 9}
    answer = cli("decisions", "undo", "toy")
    assert "Undid in toy: tagged 5 samples night, removed the tag blurred from 5 samples." in answer.err
    assert cli("tag", "set", "toy", "night", "--colour", "violet", "--key", "9", "--json").json["digit"] == 9
    assert cli("tag", "delete", "toy", "night", "--json").json["num_samples"] == 4
    assert tags(cli) == {"blurred": 5}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "toy", "dark"), "No sample is given."),
        (("add", "toy", "dark", "gone.png"), "Nothing was recorded."),
        (("add", "toy", "dark", "--where", "score >= 1000"), "No sample of toy matches"),
        (("add", "toy", "a;b", "0.png"), "A tag needs a name"),
        (("remove", "toy", "dark", "0.png"), 'Unknown tag "dark" in toy.'),
        (("rename", "toy", "dark", "night"), 'Unknown tag "dark" in toy.'),
        (("set", "toy", "dark", "--key", "3"), 'Unknown tag "dark" in toy.'),
        (("set", "toy", "dark"), "Nothing to set."),
    ],
)
def test_what_cannot_be_tagged_is_refused(cli: Cli, dataset: DatasetRecord, words: tuple[str, ...], sentence: str):
    answer = cli("tag", *words)
    assert answer.code == 1
    assert sentence in answer.sentence
    assert tags(cli) == {}


def test_rules_without_scores_tag_before_any_run(cli: Cli):
    add_dataset(cli.store, "new", [make_sample("a.png", "x"), make_sample("b.png", "y")])
    assert cli("tag", "add", "new", "yes", "--where", 'label = "y"', "--json").json["num_samples"] == 1
    assert tags(cli, "new") == {"yes": 1}


def test_corrected_labels_are_exported_beside_the_original(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    answer = cli("relabel", "toy", "0.png", "--to", "z")
    assert answer.code == 1
    assert 'Unknown class "z" in toy.' in answer.sentence
    assert "Say which label" in cli("relabel", "toy", "0.png").sentence
    assert cli("relabel", "toy", "0.png", "--to", "y", "--json").json["num_samples"] == 1
    assert cli("relabel", "toy", "1.png", "--to", "z", "--new-class").code == 0
    assert cli("tag", "add", "toy", "dark", "0.png").code == 0
    assert cli("tag", "add", "toy", "blurred", "0.png").code == 0
    out = tmp_path / "list.csv"
    assert cli("export", "toy", out, "--rules", "relabelled", "--which", "all").code == 0
    rows = {row["sample_key"]: row for row in csv.DictReader(out.open(encoding="utf-8"))}
    assert {key: row["label"] for key, row in rows.items()}["0.png"] == "x"
    assert {key: row["corrected_label"] for key, row in rows.items() if row["verdict"] == "keep"} == {
        "0.png": "y", "1.png": "z",
    }  # fmt: skip
    assert (rows["0.png"]["tags"], rows["1.png"]["tags"]) == ("blurred;dark", "")
    provenance = json.loads((tmp_path / "list.csv.provenance.json").read_text())
    assert provenance["marks"] == {"tags": {"blurred": 1, "dark": 1}, "num_relabelled": 2}
    assert cli("relabel", "toy", "--where", "relabelled", "--original").code == 0
    assert cli("export", "toy", tmp_path / "other.csv", "--rules", "relabelled").code == 0
    assert "corrected_label" not in (tmp_path / "other.csv").read_text().splitlines()[0]
