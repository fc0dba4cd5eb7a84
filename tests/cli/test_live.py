"""The same commands with the real worker: from files to scores, and what cancelling, killing and resuming leave.

One home folder and, as far as possible, one worker for all tests here: starting one is paid for once.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from jepascore_core.jobs.demos import DEFAULT_DEMO
from jepascore_core.jobs.process import worker_is_alive, worker_pid
from jepascore_core.records.augmentation import CropViews
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.audit import audit
from tests.cli.conftest import Cli, finish
from tests.cli.sources import SOURCES, write_noise
from tests.conftest import wait_until

pytestmark = pytest.mark.slow

#: Enough that a run is still going on when somebody decides to stop it.
MANY = 800


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A home folder with a worker; audited at the end, and left by the worker."""
    cli = Cli(tmp_path_factory.mktemp("live") / "home")
    assert cli("worker", "start", "--json").json["started"]
    yield cli
    for process in cli.started:
        process.kill()  # left by a test that failed; waiting, it would start another worker
    cli("worker", "stop")
    assert audit(cli.store) == []
    assert not worker_is_alive(cli.home)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options for timm's smallest transformer, with random weights."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), path)
    sizes = ("--image-size", "32", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")
    return ("--backbone", "timm:test_vit", "--checkpoint", str(path), *sizes)


@pytest.fixture(scope="module")
def many(live: Cli, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a dataset of `MANY` images."""
    folder = write_noise(tmp_path_factory.mktemp("many") / "images", MANY)
    assert live("add", "many", folder).code == 0
    return "many"


def newest_run(cli: Cli) -> Run:
    return cli.store.catalogue.runs()[0]


def has_measured(cli: Cli, more_than: int) -> bool:
    """Whether the newest run is a slow one, goes on, and has measured more images than that."""
    runs = cli.store.catalogue.runs()
    is_on = bool(runs) and runs[0].spec.precision == "float64" and runs[0].state is RunState.RUNNING
    return is_on and runs[0].num_measured > more_than


def manifest(cli: Cli, name: str) -> pa.Table:
    return cli.store.query(cli.store.manifest_sql(cli.store.catalogue.dataset(name)))


def measured_once(cli: Cli, run: Run) -> bool:
    """Whether every image of a run has exactly one measurement (its shards may hold other datasets' images, too)."""
    assert run.backbone_id is not None
    shards = cli.store.measurements_sql(run.spec.key(run.backbone_id))
    wanted = cli.store.manifest_sql(cli.store.catalogue.dataset(run.dataset_id))
    sql = f"""SELECT count(*) AS n, count(DISTINCT content_id) AS m FROM ({shards})
        SEMI JOIN ({wanted}) USING (content_id)"""
    (row,) = cli.store.query(sql).to_pylist()
    return bool(row["n"] == row["m"] == run.num_total)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_is_added_and_added_again(live: Cli, tmp_path: Path, kind: str):
    source, expected = SOURCES[kind](tmp_path)
    answer = live("add", kind, source, "--json")
    assert answer.code == 0
    record = answer.json
    assert (record["state"], record["kind"]) == ("ready", expected.kind)
    assert (record["num_indexed"], record["num_failed"], record["num_pending"]) == (expected.count, 0, 0)
    table = live.store.query(
        f"SELECT label, split FROM ({live.store.manifest_sql(live.store.catalogue.dataset(kind))})"
    )
    assert set(table["label"].to_pylist()) == expected.labels
    assert set(table["split"].to_pylist()) == expected.splits

    answer = live("add", kind, source)
    assert (answer.code, answer.out) == (0, "")
    assert f"{expected.count} of them unchanged" in answer.err


@pytest.mark.parametrize("kind", ["tar", "images-in-parquet", "saved"])
def test_images_inside_files_are_measured_and_exported(live: Cli, tmp_path: Path, kind: str):
    source, expected = SOURCES[kind](tmp_path)
    name = f"inside {kind}"
    assert live("add", name, source).code == 0
    answer = live("score", name, "--backbone", "bundled:digits-vit", "--estimator", "embed", "--json")
    assert (answer.code, answer.json["num_measured"]) == (0, expected.count)
    assert live("export", name, tmp_path / "kept", "--format", "tree", "--json").code == 0
    assert len(list((tmp_path / "kept").rglob("*.png"))) == expected.count
    assert live("export", name, tmp_path / "kept.txt", "--json").code == 0
    keys = manifest(live, name)["sample_key"].to_pylist()
    assert sorted((tmp_path / "kept.txt").read_text().splitlines()) == sorted(keys)


def test_adding_again_reads_what_changed_and_counts_what_fails(live: Cli, tmp_path: Path):
    folder = write_noise(tmp_path / "images", 20)
    live("add", "changing", folder)
    changed, new, broken = sorted(folder.rglob("*.png"))[0], folder / "a" / "new.png", folder / "b" / "broken.png"
    shutil.copy(changed, new)
    write_noise(tmp_path / "other", 1, seed=5).joinpath("a", "0000.png").replace(changed)
    broken.write_bytes(b"not an image")
    answer = live("add", "changing", folder)
    assert answer.code == 0
    assert "21 samples, 19 of them unchanged, 1 failed" in answer.err
    assert "jepascore datasets failures changing" in answer.err
    (failure,) = live("datasets", "failures", "changing", "--json").json
    assert (failure["sample_key"], failure["stage"]) == ("b/broken.png", "decode")


def test_a_source_of_which_nothing_can_be_read_fails_with_the_first_reason(live: Cli, tmp_path: Path):
    table = tmp_path / "wrong.csv"
    table.write_text("path,label\nnone/1.png,a\nnone/2.png,b\n")
    answer = live("add", "all wrong", table, "--json")
    assert (answer.code, answer.json["num_failed"]) == (1, 2)
    assert "No sample of all wrong can be read: all 2 failed. The first, none/1.png: " in answer.sentence
    assert "jepascore datasets failures 'all wrong'" in answer.sentence


def test_a_source_that_is_gone_fails_with_its_sentence_and_keeps_the_dataset(live: Cli, tmp_path: Path):
    folder = write_noise(tmp_path / "images", 4)
    for name in ("a.txt", "b.txt", "c.json", "README"):
        (folder / name).write_text("no image")
    assert "4 other files skipped (e.g. .txt, .json).\n" in live("add", "going", folder).err
    for path in folder.rglob("*.png"):
        path.unlink()
    answer = live("add", "going", folder, "--kind", "imagefolder", "--json")
    assert (answer.code, answer.json["state"], answer.json["num_indexed"]) == (1, "ready", 4)
    assert "contains no image" in answer.sentence
    assert answer.sentence.endswith("going is unchanged: 4 samples, 0 failed.")
    assert "going could not be re-scanned: " in live("datasets").err
    assert len(manifest(live, "going")) == 4


def test_an_index_that_is_interrupted_goes_on_with_the_same_command(live: Cli, tmp_path: Path):
    folder = write_noise(tmp_path / "images", 4000)
    process = live.start("add", "large", folder)
    wait_until(lambda: (found := live.store.catalogue.find_dataset("large")) is not None and found.num_indexed > 0)
    process.send_signal(signal.SIGINT)
    answer = finish(process)
    assert (answer.code, answer.out) == (130, "")
    assert "Continue with the same command" in answer.err
    wait_until(lambda: live.store.catalogue.dataset("large").state is DatasetState.CANCELLED)
    kept = live.store.catalogue.dataset("large").num_indexed
    assert 0 < kept < 4000
    record = live("add", "large", folder, "--json").json
    assert (record["state"], record["num_indexed"]) == ("ready", 4000)
    parts = sorted(live.home.glob(f"datasets/{record['dataset_id']}/{record['version']}/manifest-*.parquet"))
    assert len({path.name for path in parts}) >= 2, "what was read before the interruption is a part of its own"


def test_add_detached_then_score_waits_for_the_index(live: Cli, weights: tuple[str, ...], tmp_path: Path):
    folder = write_noise(tmp_path / "images", 30)
    answer = live("add", "later", folder, "--detach", "--json")
    assert (answer.code, answer.json["state"]) == (0, "indexing")
    answer = live("score", "later", *weights, "--detach")
    assert (answer.code, answer.out) == (0, "")
    assert "Queued as" in answer.err
    answer = live("runs", "follow", newest_run(live).run_id, "--json")
    assert (answer.code, answer.json["state"], answer.json["num_measured"]) == (0, "finished", 30)


def test_the_cost_is_predicted_and_nothing_is_measured(live: Cli, weights: tuple[str, ...], tmp_path: Path):
    live("add", "dear", write_noise(tmp_path / "images", 8, seed=9))
    before = len(live.store.catalogue.runs())
    answer = live("score", "dear", *weights, "--predict", "--json")
    assert (answer.code, answer.json["num_pending"], answer.json["dimension"]) == (0, 8, 64)
    assert answer.json["seconds_total"] == pytest.approx(8 * answer.json["seconds_per_image"])
    answer = live("score", "dear", *weights, "--predict")
    assert (answer.code, answer.out) == (0, "")
    assert "8 of 8 images remain to be measured" in answer.err
    assert len(live.store.catalogue.runs()) == before
    answer = live("score", "dear", "-b", "timm:nonsense", "--predict")
    assert answer.code == 1
    assert 'Unknown backbone "timm:nonsense"' in answer.sentence


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        (("--estimator", "sketch", "--probes", "4", "--seed", "7"), {"estimator": "sketch", "probes": 4, "seed": 7}),
        (("--estimator", "calibrated", "--calibration", "40", "--probes", "8"), {"estimator": "calibrated"}),
        (
            ("--views", "2", "--view-augmentation", "crops:flip=0"),
            {"estimator": "exact", "views": 2, "augmentation": CropViews(flip=0).text},
        ),
    ],
    ids=["sketch", "calibrated", "views"],
)
def test_approximate_estimators_take_their_options(
    live: Cli, weights: tuple[str, ...], tmp_path: Path, options: tuple[str, ...], spec: dict[str, object]
):
    folder = write_noise(tmp_path / "images", 60, seed=17)
    name = f"near-{spec['estimator']}"
    live("add", name, folder)
    run = live("score", name, *weights, *options, "--json")
    assert (run.code, run.json["state"], run.json["num_measured"]) == (0, "finished", 60)
    assert spec.items() <= run.json["spec"].items()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--estimator", "exact", "--probes", "4"), "number of probes"),
        (("--estimator", "sketch", "--target-fidelity", "0.9"), "calibrated and cascade"),
        (("--estimator", "cascade", "--coverage", "2"), "between 0 and 1"),
        (("--estimator", "cascade", "--views", "2"), "Use exact or sketch"),
        (("--views", "2", "--view-augmentation", "cropped"), "view augmentation"),
        (("--views", "0"), "from 1 to 256"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_options_that_make_no_sense_together_are_refused(live: Cli, many: str, options: tuple[str, ...], words: str):
    answer = live("score", many, "-b", "bundled:digits-vit", *options)
    assert answer.code == 1
    assert words in answer.sentence


def test_a_backbone_that_cannot_be_loaded_ends_with_one_and_the_record(live: Cli, many: str, weights: tuple[str, ...]):
    answer = live("score", many, *weights, "--checkpoint", "/nowhere/weights.safetensors", "--json")
    assert (answer.code, answer.json["state"]) == (1, "failed")
    assert "/nowhere/weights.safetensors" in answer.sentence


def test_failed_images_are_listed_and_tried_again(live: Cli, weights: tuple[str, ...], tmp_path: Path):
    folder = write_noise(tmp_path / "images", 6, seed=11)
    live("add", "losing", folder)
    victim = folder / "a" / "0000.png"
    content = victim.read_bytes()
    victim.unlink()
    answer = live("score", "losing", *weights)
    assert answer.code == 0
    assert "5 images measured, 1 failed" in answer.err
    run_id = newest_run(live).run_id
    (failure,) = live("runs", "failures", run_id, "--json").json
    assert (failure["sample_key"], failure["stage"]) == ("a/0000.png", "read")
    victim.write_bytes(content)
    answer = live("runs", "resume", run_id, "--retry-failures", "--json")
    assert (answer.code, answer.json["num_measured"], answer.json["num_failed"]) == (0, 6, 0)


def test_a_run_survives_cancelling_ctrl_c_and_a_killed_worker(live: Cli, many: str, weights: tuple[str, ...]):
    """One story, for measuring takes the time; float64 because it is slow enough to be interrupted three times."""
    process = live.start("score", many, *weights, "--precision", "float64", "--json")
    wait_until(lambda: has_measured(live, 0))
    run_id = newest_run(live).run_id
    assert "Asked run" in live("runs", "cancel", run_id).err
    answer = finish(process)
    assert (answer.code, answer.json["state"]) == (130, "cancelled")
    kept = newest_run(live).num_measured
    assert 0 < kept < MANY

    process = live.start("runs", "resume", run_id)
    wait_until(lambda: has_measured(live, kept))
    process.send_signal(signal.SIGINT)
    answer = finish(process)
    assert (answer.code, answer.out) == (130, "")
    assert f"jepascore runs resume {run_id}" in answer.err
    assert "Traceback" not in answer.err
    wait_until(lambda: newest_run(live).state is RunState.CANCELLED)
    assert kept < newest_run(live).num_measured < MANY

    process = live.start("runs", "resume", run_id, "--json")
    kept = newest_run(live).num_measured
    wait_until(lambda: has_measured(live, kept))
    victim = worker_pid(live.home)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    answer = finish(process)
    assert (answer.code, answer.json["state"], answer.json["num_measured"]) == (0, "finished", MANY)
    assert worker_pid(live.home) not in (None, victim)
    assert measured_once(live, newest_run(live))


def test_a_bar_on_a_terminal_leaves_json_alone(live: Cli, tmp_path: Path):
    folder = write_noise(tmp_path / "images", 300, seed=13)
    ours, theirs = pty.openpty()
    process = live.start("add", "drawn", folder, "--json", stderr=theirs, environment={"TERM": "xterm-256color"})
    os.close(theirs)
    drawn = b""
    with suppress(OSError):  # how the end of a terminal reads
        while piece := os.read(ours, 4096):
            drawn += piece
    os.close(ours)
    answer = finish(process)
    assert answer.code == 0
    assert json.loads(answer.out)["num_indexed"] == 300
    assert b"Indexing drawn" in drawn
    assert b"\x1b[" in drawn, "the bar moved"


def test_one_worker_serves_a_home(live: Cli):
    assert live("worker", "status", "--json").json["alive"]
    assert live("worker", "start", "--json").json == {"started": False, "pid": worker_pid(live.home)}
    answer = live("worker", "run")
    assert answer.code == 1
    assert "Another worker" in answer.sentence
    assert "Stopped" in live("worker", "stop").err
    assert live("worker", "status", "--json").json["pid"] is None
    process = live.start("worker", "run", "--idle", "0.5", "--json")
    answer = finish(process)
    assert (answer.code, answer.json["pid"]) == (0, process.pid)


def test_the_demo_is_asked_for_once(live: Cli):
    """That it is measured to its end, the README's test sees."""
    answer = live("demo", "--detach", "--json")
    assert answer.code == 0
    run_ids = [run["run_id"] for run in answer.json]
    assert len(run_ids) == len(DEFAULT_DEMO.backbones)
    again = live("demo", "--detach", "--json").json
    assert [run["run_id"] for run in again] == run_ids, "nothing is asked for twice"
    wait_until(lambda: live.store.catalogue.dataset(DEFAULT_DEMO.name).state is DatasetState.READY)
    assert live.store.catalogue.dataset(DEFAULT_DEMO.name).num_indexed == 1944
    for run_id in run_ids:
        live("runs", "cancel", run_id)
    answer = live("demo")
    assert (answer.code, answer.out) == (130, "")
