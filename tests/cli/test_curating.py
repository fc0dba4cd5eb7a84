"""Decisions, duplicates and recipes on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from jepascore_core.curation import parse
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.journal import user_name
from jepascore_core.curation.precompute import requests as requests_module
from jepascore_core.curation.precompute.steps import pending_work
from jepascore_core.curation.recipes import from_yaml
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.score_set import ScoreSet
from tests.cli.conftest import Cli
from tests.conftest import add_backbone, add_dataset, add_measurements, add_run, make_sample

#: Three times three copies, the last of them under two labels and in two splits.
SAMPLES = [
    make_sample(
        f"{number}.png", "x" if number < 8 else "y", "train" if number < 8 else "test", content=f"c{number // 3}"
    )
    for number in range(9)
]


@pytest.fixture
def dataset(cli: Cli) -> DatasetRecord:
    store = cli.store
    dataset = add_dataset(store, "toy", [*SAMPLES, make_sample("=lone.png", "y")])
    scores = {"0.png": 1.0, "3.png": 2.0, "6.png": 3.0, "=lone.png": 4.0}
    backbone = add_backbone(store)
    add_measurements(store, dataset, backbone, scores, samples=[*SAMPLES, make_sample("=lone.png")])
    add_run(store, dataset, backbone)
    return dataset


def standing(cli: Cli, *options: str) -> dict[str, str]:
    return {row["sample_key"]: row["verdict"] for row in cli("decisions", "toy", "--json", *options).json}


def test_deciding_by_key_by_content_id_and_by_file(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    answer = cli("decisions", "drop", "toy", "0.png", "4.png", "--who", "ada", "--why", "blurred")
    assert (answer.code, answer.out) == (0, "")
    assert "2 samples of toy: drop. `jepascore decisions undo toy` undoes it." in answer.err
    ids = tmp_path / "ids.txt"
    ids.write_text(f"=lone.png\n{SAMPLES[6].content_id}\n\n", encoding="utf-8-sig")  # as Windows' editor writes it
    answer = cli("decisions", "keep", "toy", "--from", ids, "--json")
    assert answer.json["num_samples"] == 4
    assert standing(cli) == {
        "0.png": "drop", "4.png": "drop", "6.png": "keep", "7.png": "keep", "8.png": "keep", "=lone.png": "keep",
    }  # fmt: skip
    assert standing(cli, "--verdict", "drop") == {"0.png": "drop", "4.png": "drop"}
    assert cli("decisions", "clear", "toy", "--from", "-", typed="0.png\n").code == 0
    assert "0.png" not in standing(cli)
    listed = cli("decisions", "list", "toy").out
    assert "blurred" in listed
    assert user_name() in listed
    # What the app and exports go by.
    assert decisions_of(cli.store, dataset.dataset_id)[("4.png", SAMPLES[4].content_id)] == "drop"


def test_a_name_that_is_none_decides_nothing(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    answer = cli("decisions", "drop", "toy", "0.png", "gone.png")
    assert answer.code == 1
    assert "1 of 2 names are not a sample key or content id of toy, for example 'gone.png'" in answer.sentence
    (tmp_path / "empty.txt").touch()
    for nothing in ((), ("--from", tmp_path / "empty.txt")):
        assert "No sample is given." in cli("decisions", "drop", "toy", *nothing).sentence
    assert "cannot be read" in cli("decisions", "drop", "toy", "--from", tmp_path / "none.txt").sentence
    assert 'Unknown dataset "toi"' in cli("decisions", "toi").sentence
    assert standing(cli) == {}


def test_undo_and_redo_are_of_ones_own(cli: Cli, dataset: DatasetRecord):
    cli("decisions", "drop", "toy", "0.png", "--who", "ada")
    cli("decisions", "drop", "toy", "1.png", "--who", "bob")
    assert "Undid in toy: dropped 0.png." in cli("decisions", "undo", "toy", "--who", "ada").err
    assert standing(cli) == {"1.png": "drop"}
    assert "You have nothing to undo" in cli("decisions", "undo", "toy", "--who", "ada").err
    assert cli("decisions", "undo", "toy", "--who", "carl", "--json").json is None
    assert cli("decisions", "redo", "toy", "--who", "ada", "--json").json["num_samples"] == 1
    assert standing(cli) == {"0.png": "drop", "1.png": "drop"}
    kinds = [row["kind"] for row in cli("decisions", "history", "toy", "--json").json]
    assert kinds == ["redo", "undo", "decide", "decide"]
    assert "bob" in cli("decisions", "history", "toy").out


def test_exact_duplicates_as_table_json_and_csv(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    answer = cli("duplicates", "toy")
    assert answer.code == 0
    assert "3 groups of 9 samples: 6 would be dropped, keeping one per group" in answer.err
    groups = cli("duplicates", "toy", "--keep", "first", "--json").json
    assert [(group["group"], group["size"]) for group in groups] == [(1, 3), (2, 3), (3, 3)]
    assert [[row["proposal"] for row in group["samples"]] for group in groups] == [["keep", "drop", "drop"]] * 3
    assert [group["samples"][0]["sample_key"] for group in groups] == ["0.png", "3.png", "6.png"]
    assert len(cli("duplicates", "toy", "--limit", "1", "--json").json) == 1
    out = tmp_path / "groups.csv"
    assert "9 samples written" in cli("duplicates", "toy", "--out", out).err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["group"] for row in rows] == ["1"] * 3 + ["2"] * 3 + ["3"] * 3
    assert (rows[8]["label"], rows[8]["split"], rows[8]["decision"]) == ("y", "test", "")
    assert "already exists" in cli("duplicates", "toy", "--out", out).sentence
    assert cli("duplicates", "toy", "--out", out, "--overwrite").code == 0


def test_near_duplicates_say_how_they_were_found(cli: Cli, dataset: DatasetRecord):
    # All embeddings of these tests are the same.
    answer = cli("duplicates", "toy", "--radius", "0.05", "--keep", "most_likely")
    assert "1 group of 10 samples: 9 would be dropped" in answer.err
    assert "flat index over 4 images, cosine distance up to 0.05: all pairs were compared" in answer.err
    (group,) = cli("duplicates", "toy", "--radius", "0.05", "--keep", "most_likely", "--json").json
    assert group["samples"][0]["sample_key"] == "=lone.png"
    assert "cosine distance" in cli("duplicates", "toy", "--radius", "7").sentence


def test_the_radius_follows_the_backbone_and_a_curve_shows_what_each_drops(cli: Cli, dataset: DatasetRecord):
    found = cli("duplicates", "toy", "--curve", "--json").json
    # All embeddings of these tests are the same, and ten samples have four images.
    assert (found["default"], {row["dropped"] for row in found["radii"]}) == (0.001, {9})
    assert "The default is 0.001" in cli("duplicates", "toy", "--curve").err
    answer = cli("duplicates", "toy", "--near")
    assert "Radius 0.001." in answer.err
    assert "1 group of 10 samples: 9 would be dropped" in answer.err


def test_accepting_decides_and_can_be_taken_back(cli: Cli, dataset: DatasetRecord):
    cli("decisions", "keep", "toy", "1.png", "--who", "ada")
    asked = cli("duplicates", "toy", "--keep", "first", "--accept", "--who", "ada")
    assert asked.code == 130
    assert "of the dataset. That is rare for copies" in asked.err
    assert standing(cli) == {"1.png": "keep"}
    answer = cli("duplicates", "toy", "--keep", "first", "--accept", "--yes", "--who", "ada")
    assert "Decided about 6 samples" in answer.err
    assert standing(cli) == {
        "1.png": "keep", "3.png": "keep", "4.png": "drop", "5.png": "drop", "6.png": "keep", "7.png": "drop",
        "8.png": "drop",
    }  # fmt: skip
    decided = [row["decision"] for group in cli("duplicates", "toy", "--json").json for row in group["samples"]]
    assert decided.count("keep") == 3
    again = cli("duplicates", "toy", "--keep", "first", "--accept", "--who", "ada")
    assert "Every duplicate already has a decision." in again.err
    assert "undo" not in again.err, "it would take back what was accepted before"
    cli("decisions", "undo", "toy", "--who", "ada")
    assert standing(cli) == {"1.png": "keep"}


def test_same_bytes_are_found_without_a_measurement(cli: Cli, tmp_path: Path):
    add_dataset(cli.store, "raw", SAMPLES)
    assert len(cli("duplicates", "raw", "--keep", "largest", "--json").json) == 3
    groups = cli("duplicates", "raw", "--json").json
    assert [group["samples"][0]["sample_key"] for group in groups] == ["0.png", "3.png", "6.png"]
    assert "Measure it first" in cli("duplicates", "raw", "--radius", "0.05").sentence
    assert "Measure it first" in cli("duplicates", "raw", "--backbone", "timm:any").sentence
    add_dataset(cli.store, "unlike", SAMPLES[::3])
    assert cli("duplicates", "unlike", "--keep", "first", "--json").json == []
    out = tmp_path / "none.csv"
    assert cli("duplicates", "unlike", "--keep", "first", "--out", out).code == 0
    assert out.read_text().startswith('"group","size","sample_key"')


def test_same_bytes_ask_for_no_backbone_where_there_are_several(cli: Cli, dataset: DatasetRecord):
    with_one = cli("duplicates", "toy", "--json").json
    everything, second = [*SAMPLES, make_sample("=lone.png")], add_backbone(cli.store, "timm:second")
    scores = {sample.sample_key: 1.0 for sample in everything}
    add_measurements(cli.store, dataset, second, scores, samples=everything)
    assert "choose one with --backbone" in cli("duplicates", "toy", "--radius", "0.05").sentence
    found = cli("duplicates", "toy", "--json").json
    assert [[row["proposal"] for row in group["samples"]] for group in found] == [["keep", "drop", "drop"]] * 3
    keys = [[row["sample_key"] for row in group["samples"]] for group in with_one]
    assert [[row["sample_key"] for row in group["samples"]] for group in found] == keys
    (first, *_) = cli("duplicates", "toy", "--backbone", "timm:second", "--json").json
    assert first["samples"][0]["score"] == 1.0


def test_a_table_shows_the_largest_groups(cli: Cli):
    add_dataset(cli.store, "many", [make_sample(f"{n:03d}.png", content=f"c{n // 2}") for n in range(60)])
    answer = cli("duplicates", "many", "--keep", "first")
    assert "These are the 20 largest" in answer.err
    assert answer.out.count(".png") == 40
    assert cli("duplicates", "many", "--keep", "first", "--limit", "25").out.count(".png") == 50


def test_recipes_are_saved_shown_duplicated_compared_and_removed(cli: Cli, dataset: DatasetRecord, tmp_path: Path):
    assert "Saved high: 4 of 10 samples kept" in cli("recipes", "save", "toy", "high", "--rules", "score >= 3").err
    cli("recipes", "save", "toy", "low", "--rules", "score <= 3")
    assert "visible characters" in cli("recipes", "save", "toy", "a\nb", "--rules", "score <= 3").sentence
    assert "already" in cli("recipes", "save", "toy", "low", "--rules", "score <= 3").sentence
    cli("recipes", "save", "toy", "low", "--rules", "score <= 2", "--overwrite")
    assert [row["name"] for row in cli("recipes", "toy", "--json").json] == ["low", "high"]
    assert "score >= 3" in cli("recipes", "toy").out
    shown = cli("recipes", "show", "toy", "high").out
    assert from_yaml(shown).curation == parse("score >= 3")

    file = tmp_path / "high.yaml"
    file.write_text(shown, encoding="utf-8")
    found = cli("recipes", "compare", "toy", file, "low", "--json").json
    assert (found["both"], found["only_first"]["count"], found["only_second"]["count"]) == (0, 4, 6)
    out = tmp_path / "differ.csv"
    answer = cli("recipes", "compare", "toy", "high", "low", "--out", out)
    assert "0 samples kept by both" in answer.err
    with out.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 10
    assert rows[-1] == {"sample_key": "'=lone.png", "first": "keep", "second": "drop"}
    assert "already exists" in cli("recipes", "compare", "toy", "high", "low", "--out", out).sentence
    assert cli("recipes", "compare", "toy", "high", "low", "--out", out, "--overwrite").code == 0

    assert "as before" in cli("recipes", "changes", "toy", "high").err
    assert cli("recipes", "changes", "toy", "high", "--json").json["kept_now"] == 4
    assert "Saved high (2)" in cli("recipes", "duplicate", "toy", "high").err
    cli("recipes", "remove", "toy", "high")
    assert [row["name"] for row in cli("recipes", "list", "toy", "--json").json] == ["high (2)", "low"]
    assert 'Unknown recipe "high"' in cli("recipes", "show", "toy", "high").sentence
    exported = cli("export", "toy", tmp_path / "kept.txt", "--recipe", "high (2)")
    assert exported.code == 0
    assert len((tmp_path / "kept.txt").read_text().splitlines()) == 4
    assert json.loads((tmp_path / "kept.txt.provenance.json").read_text())["recipe"]["name"] == "high (2)"


@pytest.mark.parametrize("draw", ["diverse", "clusters 3"])
def test_what_is_drawn_by_embeddings_is_worked_out_and_kept(
    cli: Cli, dataset: DatasetRecord, tmp_path: Path, draw: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests_module, "start_worker", lambda *_: False)
    (run,) = cli.store.catalogue.runs()
    scores = ScoreSet(dataset.dataset_id, run.key)
    rules, out = f"all | budget 4 {draw}", tmp_path / "kept.txt"
    cli("decisions", "keep", "toy", "7.png")
    decisions = decisions_of(cli.store, dataset.dataset_id)
    (work,) = pending_work(cli.store, scores, parse(rules), decisions)
    requests_module.request_precompute(cli.store, scores, work)
    assert [item["title"] for item in cli("worker", "status", "--json").json["preparations"]] == [work.title]
    assert f"{work.title} · Waiting for the worker" in cli("worker", "status").err
    assert cli("export", "toy", out, "--rules", rules).code == 0
    assert pending_work(cli.store, scores, parse(rules), decisions) == ()
    kept = out.read_text().split()
    assert (len(kept), "7.png" in kept) == (4, True)
    assert cli("recipes", "save", "toy", "drawn", "--rules", rules).code == 0
    assert cli("export", "toy", tmp_path / "again.txt", "--recipe", "drawn").code == 0
    assert (tmp_path / "again.txt").read_bytes() == out.read_bytes()
