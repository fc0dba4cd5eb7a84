"""`jepascore train`, `density` and `langevin`: what they leave behind, what stops them, and how they go on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from jepascore_core.backbones.build import load_backbone, load_ref
from jepascore_core.cli.training import MAX_IMAGES
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import detect_kind
from jepascore_core.density_check.results import load_grid, load_langevin, quick_note
from jepascore_core.jobs.indexing import build_dataset_index
from jepascore_core.records.datasets import DatasetState
from tests.cli.conftest import Cli, finish
from tests.conftest import SPEC, make_measurement

SMALL = (
    "--image-size", "16", "--patch-size", "8", "--size", "tiny", "-k", "4", "--batch-size", "16", "--device", "cpu",
)  # fmt: skip


def add_images(cli: Cli, folder: Path, grey: bool = True) -> None:
    """48 images of two classes, bright and dark, indexed as the dataset "toy"."""
    rng = np.random.default_rng(0)
    for number in range(48):
        label = "dark" if number % 2 else "bright"
        shape = (20, 24) if grey else (20, 24, 3)
        pixels = rng.integers(0, 100, shape) + (0 if number % 2 else 150)
        path = folder / label / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    store = cli.store
    record = store.catalogue.add_dataset("toy", str(folder), detect_kind(str(folder)), {})
    build_dataset_index(store, record, lambda: None)
    store.catalogue.update_dataset(record.dataset_id, state=DatasetState.READY)


@pytest.mark.parametrize("grey", [True, False])
def test_a_trained_encoder_is_a_backbone_with_a_card(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grey: bool
):
    add_images(cli, tmp_path / "images", grey)
    answer = cli("train", "toy", "--name", "mine", "--epochs", "2", "--json", *SMALL)
    assert answer.code == 0, answer.err
    found = answer.json
    assert (found["name"], found["state"], found["num_images"], found["epochs"]) == ("trained:mine", "finished", 48, 2)
    assert [row[0] for row in found["curve"]] == [1, 2]
    assert found["probe_accuracy"] > 0.8
    card = Path(found["md"]).read_text()
    assert "48 images of the dataset toy" in card
    assert "2 epochs, 6 steps of 16 images" in card
    monkeypatch.setenv("JEPASCORE_HOME", str(cli.home))
    backbone = load_backbone("trained:mine", device="cpu")
    assert (backbone.info.library, backbone.info.dimension, backbone.info.is_jepa) == ("trained", 4, True)
    assert len(backbone.info.preprocessing.mean) == (1 if grey else 3)
    (row,) = cli("backbones", "trained:mine", "--json").json
    assert (row["name"], row["dimension"], row["weights"]) == ("trained:mine", 4, "here")
    assert not list((cli.home / "encoders").glob("*.state"))


def test_the_path_of_a_trained_encoder_is_its_name_for_every_command(cli: Cli, tmp_path: Path):
    add_images(cli, tmp_path / "images")
    assert cli("train", "toy", "--name", "mine", "--epochs", "1", *SMALL).code == 0
    folder = tmp_path / "elsewhere"
    (cli.home / "encoders").rename(folder)
    answer = cli("score", "toy", "-b", folder, "--detach", "--json")
    assert answer.code == 0, answer.err
    (run,) = cli.store.catalogue.runs()
    assert run.backbone.name == f"trained:{folder / 'mine'}"
    info = load_ref(run.backbone, "cpu").info
    assert info.name == "trained:mine"
    dataset = cli.store.catalogue.dataset("toy")
    cli.store.catalogue.save_backbone(info)
    samples = list(Dataset(cli.store.index_folder(dataset)))
    rows = [make_measurement(sample.content_id, float(number)) for number, sample in enumerate(samples)]
    cli.store.write_measurements(info.backbone_id, SPEC, rows)
    out = tmp_path / "sheet.png"
    assert cli("figure", "extremes", "toy", "-b", folder / "mine.json", "-o", out).code == 0
    assert cli("figure", "extremes", "toy", "-b", "trained:mine", "-o", out, "--overwrite").code == 0
    assert cli("score", "toy", "-b", tmp_path / "nothing.json").code == 1


def test_what_is_there_is_not_replaced_unless_asked(cli: Cli, tmp_path: Path):
    add_images(cli, tmp_path / "images")
    assert cli("train", "toy", "--epochs", "1", *SMALL).code == 0
    weights = load_file(cli.home / "encoders" / "toy.safetensors")
    answer = cli("train", "toy", "--epochs", "1", *SMALL)
    assert answer.code == 1
    assert "trained:toy already exists" in answer.sentence
    assert cli("train", "toy", "--epochs", "1", "--seed", "1", "--again", *SMALL).code == 0
    other = load_file(cli.home / "encoders" / "toy.safetensors")
    assert not all((weights[name] == other[name]).all() for name in weights)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--patch-size", "7"], "do not fill"),
        (["--size", "huge"], "tiny, small, medium"),
        (["--name", "../up"], "not a valid encoder name"),
        (["-k", "5000"], "K must be in"),
        (["--device", "tpu"], 'Unknown device "tpu"'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(cli: Cli, tmp_path: Path, options: list[str], said: str):
    add_images(cli, tmp_path / "images")
    answer = cli("train", "toy", *SMALL, *options)
    assert answer.code == 1
    assert said in answer.sentence


def test_an_unknown_dataset_and_too_few_images(cli: Cli, tmp_path: Path):
    add_images(cli, tmp_path / "images")
    assert cli("train", "tiy", *SMALL).code == 1
    assert "unknown dataset" in cli("train", "tiy", *SMALL).sentence.lower()
    assert MAX_IMAGES > 48
    assert cli("train", "toy", "--epochs", "1", "--max-images", "16", *SMALL, "--json").json["num_images"] == 16


@pytest.mark.slow
def test_ctrl_c_and_kill_leave_a_training_that_goes_on(cli: Cli, tmp_path: Path):
    add_images(cli, tmp_path / "images")
    state = cli.home / "encoders" / "toy.state"
    words = ("train", "toy", "--epochs", "100000", "--json", *SMALL)
    for number in (signal.SIGINT, signal.SIGKILL):
        before = state.stat().st_mtime_ns if state.exists() else 0
        process = cli.start(*words)
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > before):
            time.sleep(0.1)
        process.send_signal(number)
        answer = finish(process)
        if number == signal.SIGINT:
            assert answer.code == 130
            assert answer.json["state"] == "stopped"
            assert "the same command resumes" in answer.err
    assert not (cli.home / "encoders" / "toy.json").exists()
    other = cli("train", "toy", "--epochs", "2", *SMALL)
    assert other.code == 1
    assert "other settings" in other.sentence
    assert cli("train", "toy", "--epochs", "2", "--again", *SMALL).code == 0


def test_density_keeps_what_is_finished_and_does_nothing_twice(cli: Cli, tmp_path: Path):
    words = ("density", "--dimensions", "2", "--samples", "500", "--steps", "10", "--json")
    first = cli(*words).json
    assert [(cell["dimension"], cell["num_samples"], cell["gaussian_weight"]) for cell in first] == [
        (2, 500, 0.0),
        (2, 500, 0.1),
    ]
    assert [cell["is_quick"] for cell in first] == [True, True]
    assert cli(*words).json == first
    more = cli("density", "--dimensions", "2,3", "--samples", "500", "--steps", "10", "--no-control", "--json").json
    assert [cell["dimension"] for cell in more] == [2, 3]
    grid = load_grid(cli.home)
    assert grid.is_own
    assert len(grid.cells) == 3
    page = tmp_path / "out" / "density.html"
    table = cli(*words[:-1], "--html", page)
    assert "no (control)" in table.out
    assert quick_note(grid.of(control=False)[:1] + grid.of(control=True)) in table.err
    assert "plotly" in page.read_text()
    page.write_text("mine")
    # Before anything is trained.
    assert "already exists" in cli("density", "--dimensions", "64", "--html", page).sentence
    assert page.read_text() == "mine"
    assert cli(*words[:-1], "--html", page, "--overwrite").code == 0
    assert "plotly" in page.read_text()


@pytest.mark.parametrize("text", ["", "1", "2,x", "2,1000"])
def test_dimensions_that_make_no_sense_are_wrong_usage(cli: Cli, text: str):
    assert cli("density", "--dimensions", text or ",", "--samples", "500").code == 2


def test_langevin_leaves_a_walk_for_the_page(cli: Cli, tmp_path: Path):
    page = tmp_path / "walk.html"
    answer = cli("langevin", "--samples", "300", "--steps", "10", "--walk-steps", "6", "--json", "--html", page)
    assert answer.code == 0, answer.err
    walk = load_langevin(cli.home)
    assert walk is not None
    assert walk.steps[-1] == 6
    assert json.loads(answer.out)["steps"] == walk.steps
    assert "Play" in page.read_text()
