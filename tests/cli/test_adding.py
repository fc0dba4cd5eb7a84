"""`jepascore add`: what would be read is said before it is read, and options settle what was guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jepascore_core.jobs.queue import JobKind
from jepascore_core.worker.loop import Worker
from tests.cli.conftest import Cli
from tests.datasets.images import write_image


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A training set, and a folder beside it that is not named like a split."""
    for number, name in enumerate(("train/cat/0.png", "train/dog/1.png", "odd/dog/2.png")):
        write_image(tmp_path / "pets" / name, number)
    (tmp_path / "pets" / "notes.txt").write_text("x")
    return tmp_path / "pets"


def test_a_dry_run_says_what_would_be_read_and_adds_nothing(cli: Cli, pets: Path):
    answer = cli("add", "--dry-run", "pets", pets)
    assert answer.code == 0
    lines = answer.err.splitlines()
    assert lines[:3] == [
        f"Reads {pets} as a folder of images in folders (imagefolder): 3 samples; first odd/dog/2.png.",
        "Labels: the folders' names, 2 classes: train 2, odd 1. Splits: none.",
        "Skipped: 1 .txt (notes.txt).",
    ]
    assert lines[3].startswith("Warning: The folder train is named like a split, odd beside it is not")
    assert "--folders (one of splits, classes)" in lines[3]
    assert "odd/dog/2.png" in answer.out
    report = cli("add", "--dry-run", "pets", pets, "--folders", "splits", "--json").json
    assert [(item["name"], item["count"]) for item in report["labels"]] == [("dog", 2), ("cat", 1)]
    assert [item["name"] for item in report["splits"]] == ["train", "odd"]
    assert report["questions"] == []
    assert cli("datasets", "--json").json == []


def test_what_cannot_be_read_is_an_error_of_the_dry_run(cli: Cli, tmp_path: Path):
    answer = cli("add", "--dry-run", "x", tmp_path / "gone")
    assert answer.code == 1
    assert "does not exist" in answer.sentence
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert "not a readable zip archive" in cli("add", "--dry-run", "x", tmp_path / "a.zip").sentence


def test_adding_says_the_same_and_keeps_the_options(cli: Cli, pets: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jepascore_core.jobs.process.start_worker", lambda home: None)
    answer = cli("add", "pets", pets, "--detach", "--folders", "splits", "--label-column", "none")
    assert answer.code == 0
    assert "Labels: none, as asked. Splits: the folders' names: train 2, odd 1." in answer.err
    options = cli.store.catalogue.dataset("pets").options
    assert (options["folders"], options["label_column"]) == ("splits", "none")


def test_a_folder_that_was_moved_is_recognised(cli: Cli, pets: Path):
    assert cli("add", "pets", pets, "--detach").code == 0
    Worker(cli.store).handle(JobKind.INDEX, cli.store.catalogue.dataset("pets").dataset_id)
    moved = pets.rename(pets.with_name("animals"))
    answer = cli("add", "--dry-run", "animals", moved)
    assert f"`jepascore datasets move pets {moved}`" in answer.err
    assert "datasets move" not in cli("add", "--dry-run", "others", moved / "train").err
    pets.symlink_to(moved)  # where it was there is something again
    assert "datasets move" not in cli("add", "--dry-run", "animals", moved).err
