"""Exports by the worker: whole or not there at all, whatever ends them; in this thread and in a killed process."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.decisions import decide, decisions_of
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.errors import ExportError, RunCancelled, UnknownNameError
from jepascore_core.exporters import (
    ExportOptions,
    ListSize,
    cancel_export,
    list_size,
    repeat_export,
    request_export,
)
from jepascore_core.exporters import requests as requests_module
from jepascore_core.exporters.export import PIECE
from jepascore_core.exporters.requests import write_requested
from jepascore_core.jobs.process import start_worker, worker_is_alive, worker_pid
from jepascore_core.jobs.queue import JobKind
from jepascore_core.records.runs import RunState
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from tests.conftest import wait_until
from tests.exporters.images import index, make_source

RULES = "score >= 3"
KEPT = ExportOptions()


@pytest.fixture
def scores(store, tmp_path, monkeypatch):
    """Ten measured images; requests start no process."""
    monkeypatch.setattr(requests_module, "start_worker", lambda *_: False)
    return index(store, make_source(tmp_path / "source"), monkeypatch)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def ask(store, scores, path, file_format="tree", rules=RULES, options=KEPT):
    recipe = make_recipe(store, evaluate(store, scores, parse(rules), decisions_of(store, scores.dataset_id)), "r")
    return request_export(store, scores.dataset_id, recipe, path, file_format, options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_the_worker_writes_what_was_kept_when_it_was_asked_for(store, scores, out):
    sql = f"SELECT sample_key, content_id FROM ({store.manifest_sql(store.catalogue.datasets()[0])}) ORDER BY 1 LIMIT 1"
    lowest = [tuple(row.values()) for row in store.query(sql).to_pylist()]
    decide(store, scores.dataset_id, lowest, "keep", "ada")
    request = ask(store, scores, out / "kept", options=ExportOptions("kept", link="symlink"))
    assert (request.state, request.num_total) == (RunState.QUEUED, 0)
    decide(store, scores.dataset_id, lowest, "drop", "ada")
    assert (JobKind.EXPORT, request.export_id) in Worker(store).unfinished()
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    done = store.catalogue.export(request.export_id)
    assert (done.state, done.num_written, done.num_pending) == (RunState.FINISHED, 8, 0)
    assert done.message == f"8 samples written to {out / 'kept'}"
    assert files(out / "kept") == 8
    assert all(path.is_symlink() for path in (out / "kept").rglob("*.png"))
    assert names(out) == ["kept", "kept.provenance.json"]
    found = json.loads((out / "kept.provenance.json").read_text())
    assert found["export_id"] == request.export_id
    assert found["recipe"]["rules"] == [RULES]


@pytest.mark.parametrize("file_format", ["tree", "zip", "csv", "webdataset", "datasets", "imagefolder", "fiftyone"])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_cancelled_export_leaves_nothing(store, scores, out, file_format, calls, monkeypatch):
    monkeypatch.setitem(PIECE, file_format != "csv", 3)
    request = ask(store, scores, out / "x", file_format)

    def check():
        nonlocal calls
        calls -= 1
        if not calls:
            assert names(out) == [f".x.{request.export_id}.tmp", ".x.jepascore.lock"]
            raise RunCancelled

    with pytest.raises(RunCancelled):
        write_requested(store, request, check)
    assert names(out) == []


def test_cancelling_before_it_began(store, scores, out):
    request = ask(store, scores, out / "x")
    cancel_export(store, request.export_id)
    cancel_export(store, request.export_id)
    assert store.catalogue.export(request.export_id).state is RunState.CANCELLED
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    assert names(out) == []
    repeat_export(store, request.export_id)
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    done = store.catalogue.export(request.export_id)
    assert repeat_export(store, ask(store, scores, out / "y").export_id).state is RunState.QUEUED
    assert (done.state, done.cancel_requested, files(out / "x")) == (RunState.FINISHED, False, 7)


def test_a_cancellation_reaches_the_worker(store, scores, out, monkeypatch):
    monkeypatch.setattr("jepascore_core.worker.heartbeat.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(requests_module, "worker_is_alive", lambda _: True)
    request = ask(store, scores, out / "x")
    store.catalogue.update_export(request.export_id, state=RunState.RUNNING)
    cancel_export(store, request.export_id)
    assert store.catalogue.export(request.export_id).state is RunState.RUNNING
    worker = Worker(store)

    def wait_for_the_pulse(reporter, *_):
        while True:
            reporter._check()
            time.sleep(0.01)

    monkeypatch.setattr("jepascore_core.exporters.requests._Reporter.__call__", wait_for_the_pulse)
    worker.handle(JobKind.EXPORT, request.export_id)
    done = store.catalogue.export(request.export_id)
    assert (done.state, done.message) == (RunState.CANCELLED, "Cancelled")
    assert names(out) == []


def test_a_stopped_worker_leaves_it_to_the_next_one(store, scores, out):
    request = ask(store, scores, out / "x")
    worker = Worker(store)
    worker.stop.set()
    worker.handle(JobKind.EXPORT, request.export_id)
    assert store.catalogue.export(request.export_id).state is RunState.QUEUED
    assert names(out) == []
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    assert files(out / "x") == 7


def test_a_source_that_vanished_fails_it_with_its_sentence(store, scores, out, tmp_path):
    victim = tmp_path / "source" / "test" / "d.png"
    content = victim.read_bytes()
    victim.unlink()
    request = ask(store, scores, out / "x")
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    done = store.catalogue.export(request.export_id)
    assert done.state is RunState.FAILED
    assert "test/d.png" in done.message
    assert "Nothing was exported" in done.message
    assert names(out) == []
    victim.write_bytes(content)
    repeat_export(store, request.export_id)
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    assert store.catalogue.export(request.export_id).state is RunState.FINISHED


def test_a_full_disk_fails_it_with_its_sentence(store, scores, tmp_path, out, monkeypatch):
    large = tmp_path / "large"
    generator = np.random.default_rng(0)
    for number in range(8):
        (large / "a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (400, 400, 3), np.uint8)).save(large / "a" / f"{number}.png")
    request = ask(store, index(store, large, monkeypatch), out / "x.zip", "zip", rules="")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        Worker(store).handle(JobKind.EXPORT, request.export_id)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    done = store.catalogue.export(request.export_id)
    assert done.state is RunState.FAILED
    assert "no space" in done.message
    assert names(out) == []


def test_what_can_be_known_beforehand_is_said_at_once(store, scores, out):
    (out / "mine").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        ask(store, scores, out / "mine")
    with pytest.raises(ExportError, match="does not exist"):
        ask(store, scores, out / "no" / "x")
    with pytest.raises(ExportError, match="must be an absolute path"):
        ask(store, scores, Path("x"))
    with pytest.raises(ExportError, match="cannot hold verdicts"):
        ask(store, scores, out / "x", "txt", options=ExportOptions("all"))
    ask(store, scores, out / "x")
    with pytest.raises(ExportError, match="is already being written"):
        ask(store, scores, out / "x")
    assert names(out) == ["mine"]


def test_a_folder_that_appeared_meanwhile_is_not_touched(store, scores, out):
    request = ask(store, scores, out / "x")
    (out / "x").mkdir()
    (out / "x" / "mine").write_text("mine")
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    assert "is a folder" in store.catalogue.export(request.export_id).message
    assert names(out / "x") == ["mine"]
    assert names(out) == ["x"]


@pytest.mark.parametrize("file_format", ["tree", "zip"])
@pytest.mark.parametrize("named", ["both", "provenance only"])
def test_killed_while_names_were_given(store, scores, out, file_format, named):
    """The states of the disk that a kill between two renamings can leave."""
    request = ask(store, scores, out / "x", file_format)
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    before = (out / "x").stat().st_mtime_ns
    (out / ".x.jepascore.lock").touch()
    if named != "both":
        (out / "x").rename(out / f".x.{request.export_id}.tmp")
    elif file_format == "zip":
        os.link(out / "x", out / f".x.{request.export_id}.tmp")
    store.catalogue.update_export(request.export_id, state=RunState.RUNNING)
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    done = store.catalogue.export(request.export_id)
    assert (done.state, done.num_written) == (RunState.FINISHED, 7)
    assert names(out) == ["x", "x.provenance.json"]
    assert ((out / "x").stat().st_mtime_ns == before) == (named == "both")


def test_the_provenance_of_somebody_else_is_left_alone(store, scores, out):
    request = ask(store, scores, out / "x")
    (out / "x.provenance.json").write_text("{}")
    Worker(store).handle(JobKind.EXPORT, request.export_id)
    assert "already exists" in store.catalogue.export(request.export_id).message
    assert (out / "x.provenance.json").read_text() == "{}"


def test_the_size_is_known_beforehand(store, scores, tmp_path):
    size = list_size(store, evaluate(store, scores, parse(RULES)), "kept")
    whole = list_size(store, evaluate(store, scores, parse(RULES)), "all")
    assert (size.num_rows, whole.num_rows) == (7, 10)
    assert whole.num_bytes == sum(path.stat().st_size for path in (tmp_path / "source").rglob("*.*"))
    assert 0 < size.num_bytes < whole.num_bytes
    assert list_size(store, evaluate(store, scores, parse("score > 99")), "kept") == ListSize(0, 0)
    assert ListSize(100_000, 10**9).fits_download("csv")
    assert not ListSize(100_001, 0).fits_download("csv")
    assert ListSize(10, 10**8).fits_download("zip")
    assert not ListSize(10, 10**8 + 1).fits_download("zip")
    assert not ListSize(10, 10).fits_download("tree")


def test_old_requests_are_forgotten(store, scores, out, monkeypatch):
    monkeypatch.setattr("jepascore_core.storage.catalogue.exports.MAX_EXPORTS", 2)
    for number in range(5):
        cancel_export(store, ask(store, scores, out / f"{number}").export_id)
    waiting = ask(store, scores, out / "x")
    assert [Path(item.path).name for item in store.catalogue.exports()] == ["x", "4", "3"]
    store.catalogue.remove_export(waiting.export_id)
    Worker(store).handle(JobKind.EXPORT, waiting.export_id)
    with pytest.raises(UnknownNameError):
        cancel_export(store, waiting.export_id)
    store.remove_dataset(store.catalogue.datasets()[0])
    assert store.catalogue.exports() == []


NUM_IMAGES = 4000


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Many images, indexed and scored, and a store whose worker ends with the test."""
    source = tmp_path / "many"
    image = bytearray(Image.effect_noise((20, 20), 50).tobytes())
    for number in range(NUM_IMAGES):
        path = source / "ab"[number % 2] / f"{number:05d}.pgm"
        path.parent.mkdir(parents=True, exist_ok=True)
        image[:4] = number.to_bytes(4, "big")
        path.write_bytes(b"P5 20 20 255\n" + image)
    store = Store(tmp_path / "home")
    yield store, index(store, source, monkeypatch)
    pid = worker_pid(store.home)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    assert audit(store) == []


def kill_in_the_middle(store, request, out):
    """SIGKILL the worker as soon as a part of an export is written."""
    temporary = out / f".x.{request.export_id}.tmp"
    wait_until(lambda: temporary.exists() and files(temporary) > 100)
    os.kill(worker_pid(store.home), signal.SIGKILL)
    wait_until(lambda: not worker_is_alive(store.home))
    assert store.catalogue.export(request.export_id).state is RunState.RUNNING
    assert names(out) == [temporary.name, ".x.jepascore.lock"], "nothing has the name that was asked for"
    assert 0 < files(temporary) < NUM_IMAGES


@pytest.mark.slow
def test_kill_9_in_the_middle_of_an_export(large, out):
    store, scores = large
    request = ask(store, scores, out / "x", "imagefolder", rules="")
    kill_in_the_middle(store, request, out)
    assert start_worker(store.home)
    wait_until(lambda: not store.catalogue.export(request.export_id).state.is_active)
    done = store.catalogue.export(request.export_id)
    assert (done.state, done.num_written) == (RunState.FINISHED, NUM_IMAGES)
    assert files(out / "x") == NUM_IMAGES + 1
    assert names(out) == ["x", "x.provenance.json"]

    # Another one, which nobody wants any more after its worker was killed.
    (out / "x").rename(out.parent / "elsewhere")
    (out / "x.provenance.json").unlink()
    request = ask(store, scores, out / "x", "imagefolder", rules="")
    kill_in_the_middle(store, request, out)
    cancel_export(store, request.export_id)
    assert store.catalogue.export(request.export_id).state is RunState.CANCELLED
    assert names(out) == []
