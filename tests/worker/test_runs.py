"""The worker on real encoders and files: runs and probes, and what cannot be written down."""

import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from functools import partial

import pytest
import torch
from PIL import Image

from jepascore_core.backbones.build import load_ref
from jepascore_core.errors import JepaScoreError, StoreError
from jepascore_core.jobs import process
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import (
    cancel_dataset,
    cancel_run,
    follow,
    request_dataset,
    request_probe,
    request_run,
    resume_run,
)
from jepascore_core.measuring.precision import PrecisionTrial, keep_precision
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import ProbeState, RunState
from jepascore_core.storage import disk
from jepascore_core.storage.catalogue import database
from jepascore_core.worker import measure as tasks
from jepascore_core.worker import probe as probe_module
from jepascore_core.worker.loop import Worker
from tests.worker.sources import indexed, write_images


def measured_ids(store):
    return [
        row["content_id"]
        for pair in store.measured_keys()
        for row in store.query(store.measurements_sql(pair)).to_pylist()
    ]


def test_work_whose_end_cannot_be_written_down_goes_on_when_it_can(store, worker, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    dataset = request_dataset(store, "toy", str(write_images(tmp_path / "images", 4)))
    # Another program that keeps the file to itself refuses writes as a full disk does.
    with closing(sqlite3.connect(store.catalogue.path, isolation_level=None)) as hindrance:
        hindrance.execute("BEGIN IMMEDIATE")

        class Patience(threading.Event):
            def wait(self, timeout=None):
                hindrance.execute("ROLLBACK")  # once: a second time is an error
                return super().wait(0)

        worker.stop = Patience()
        worker.handle(JobKind.INDEX, dataset.dataset_id)
        assert not hindrance.in_transaction
    assert store.catalogue.dataset("toy").state is DatasetState.READY
    assert store.catalogue.dataset("toy").num_indexed == 4


def test_a_full_disk_is_said_to_who_waits(store, worker, tmp_path, monkeypatch):
    dataset = request_dataset(store, "toy", str(write_images(tmp_path / "images", 2)))
    monkeypatch.setattr(disk, "LEAST_BYTES", 1 << 62)  # no disk is as large
    with pytest.raises(JepaScoreError, match=r"no space left on the disk of .*home"):
        list(follow(store, partial(store.catalogue.dataset, dataset.dataset_id), interval=0.01))
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    with closing(sqlite3.connect(store.catalogue.path, isolation_level=None)) as hindrance:
        hindrance.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="There is no space left on the disk of"):
            cancel_dataset(store, dataset.dataset_id)


def test_from_folder_to_scores(store, worker, tmp_path, checkpoint):
    folder = write_images(tmp_path / "images", 10)
    (folder / "a" / "copy.png").write_bytes((folder / "a" / "000.png").read_bytes())
    (folder / "b" / "broken.png").write_bytes(b"not an image")
    dataset = indexed(store, worker, folder)
    assert (dataset.state, dataset.num_indexed, dataset.num_failed) == (DatasetState.READY, 11, 1)

    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    run = store.catalogue.run(run.run_id)
    assert (run.state, run.num_total, run.num_measured, run.num_failed) == (RunState.FINISHED, 10, 10, 0)
    assert run.started_at is not None
    assert run.finished_at is not None
    assert len(set(measured_ids(store))) == len(measured_ids(store)) == 10
    assert store.catalogue.backbones()[run.backbone_id].dimension == 64
    assert (store.home / "speed.json").is_file(), "the web process tells costs by what runs have shown"


def test_a_second_run_measures_only_what_is_new(store, worker, tmp_path, checkpoint):
    folder = write_images(tmp_path / "images", 6)
    indexed(store, worker, folder)
    worker.handle(JobKind.RUN, request_run(store, MeasurementRequest("toy", checkpoint)).run_id)
    Image.new("RGB", (20, 20), "red").save(folder / "a" / "new.png")
    indexed(store, worker, folder)
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    run = store.catalogue.run(run.run_id)
    assert (run.num_total, run.num_measured, run.num_reused) == (7, 7, 6)
    assert len(measured_ids(store)) == 7


def test_auto_takes_the_precision_that_a_trial_finds_good_and_keeps_to_it(
    store, worker, tmp_path, checkpoint, monkeypatch
):
    trial = PrecisionTrial("bfloat16", error=0.1, spread=48.0)
    asked = []

    def choose(backbone, images, on_chunk):
        asked.append(len(images))
        return "bfloat16", (trial,)

    monkeypatch.setattr(tasks, "choose_precision", choose)
    indexed(store, worker, write_images(tmp_path / "images", 12))
    indexed(store, worker, write_images(tmp_path / "others", 12, seed=1), "others")
    runs = [request_run(store, MeasurementRequest(name, checkpoint)) for name in ("toy", "others")]
    for run in runs:
        assert run.is_precision_open
        worker.handle(JobKind.RUN, run.run_id)
    found = [store.catalogue.run(run.run_id) for run in runs]
    assert [run.spec.precision for run in found] == ["bfloat16", "bfloat16"]
    assert not any(run.is_precision_open for run in found)
    assert asked == [4]
    assert store.measured_keys() == [found[0].spec.key(found[0].backbone_id)]


def test_auto_stays_at_float32_where_there_are_such_scores(store, worker, tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr(tasks, "choose_precision", lambda *_, **__: pytest.fail("nothing to try out"))
    folder = write_images(tmp_path / "images", 12)
    indexed(store, worker, folder)
    worker.handle(JobKind.RUN, request_run(store, MeasurementRequest("toy", checkpoint, precision="float32")).run_id)
    Image.new("RGB", (20, 20), "red").save(folder / "a" / "new.png")
    indexed(store, worker, folder)
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    run = store.catalogue.run(run.run_id)
    assert (run.spec.precision, run.num_reused, run.num_measured) == ("float32", 12, 13)


def test_two_datasets_that_share_images_share_measurements(store, worker, tmp_path, checkpoint):
    first = write_images(tmp_path / "first", 6)
    second = tmp_path / "second"
    second.mkdir()
    for path in first.rglob("*.png"):
        (second / path.name).write_bytes(path.read_bytes())
    indexed(store, worker, first, "first")
    indexed(store, worker, second, "second")
    for name in ("first", "second"):
        run = request_run(store, MeasurementRequest(name, checkpoint))
        worker.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).num_reused == 6
    assert len(measured_ids(store)) == 6


def cancel_soon(store, run):
    """Cancel the run from another thread as soon as a few images are measured."""

    def watch():
        while store.catalogue.run(run.run_id).num_measured < 2:
            time.sleep(0.01)
        cancel_run(store, run.run_id)

    monkey = threading.Thread(target=watch)
    monkey.start()
    return monkey


def test_cancel_and_resume(store, worker, tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr("jepascore_core.measuring.progress.REPORT_SECONDS", 0.0)
    monkeypatch.setattr("jepascore_core.worker.heartbeat.HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(process, "worker_is_alive", lambda _: True)
    indexed(store, worker, write_images(tmp_path / "images", 150))
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    watcher = cancel_soon(store, run)
    worker.handle(JobKind.RUN, run.run_id)
    watcher.join()
    ended = store.catalogue.run(run.run_id)
    assert ended.state is RunState.CANCELLED
    kept = len(measured_ids(store))
    assert 0 < kept < 150
    resume_run(store, run.run_id)
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert (ended.state, ended.num_measured, ended.num_reused) == (RunState.FINISHED, 150, kept)
    assert max(Counter(measured_ids(store)).values()) == 1


def test_a_queued_run_is_cancelled_at_once(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", 2))
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    cancel_run(store, run.run_id)
    worker.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).state is RunState.CANCELLED
    assert measured_ids(store) == []


def test_a_stopped_worker_leaves_the_run_for_the_next_one(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", 4))
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.stop.set()
    worker.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).state is RunState.QUEUED
    following = Worker(store)
    assert (JobKind.RUN, run.run_id) in following.unfinished()
    following.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).state is RunState.FINISHED


def test_failed_images_are_recorded_left_alone_and_retried_on_demand(store, worker, tmp_path, checkpoint):
    folder = write_images(tmp_path / "images", 5)
    indexed(store, worker, folder)
    victim = folder / "a" / "000.png"
    content = victim.read_bytes()
    victim.unlink()
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert (ended.state, ended.num_measured, ended.num_failed, ended.num_pending) == (RunState.FINISHED, 4, 1, 0)
    (failure,) = store.catalogue.run_failures(run.run_id)
    assert (failure.sample_key, failure.stage) == ("a/000.png", "read")

    victim.write_bytes(content)
    resume_run(store, run.run_id)
    worker.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).num_failed == 1
    resume_run(store, run.run_id, retry_failures=True)
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert (ended.num_measured, ended.num_failed) == (5, 0)


def test_a_run_of_which_everything_fails_has_failed(store, worker, tmp_path, checkpoint):
    folder = write_images(tmp_path / "images", 3)
    indexed(store, worker, folder)
    for path in folder.rglob("*.png"):
        path.unlink()
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert (ended.state, ended.num_failed) == (RunState.FAILED, 3)
    assert "None of the 3 images" in ended.message


def test_a_folder_that_is_gone_is_named_before_precisions_are_tried(store, worker, tmp_path, checkpoint):
    folder = write_images(tmp_path / "images", 9)
    indexed(store, worker, folder)
    folder.rename(tmp_path / "elsewhere")
    run = request_run(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert ended.state is RunState.FAILED
    assert "images can be read. The first, " in ended.message
    assert "The file does not exist: restore it" in ended.message


def test_a_backbone_that_cannot_be_loaded_fails_the_run_with_its_sentence(store, worker, tmp_path):
    indexed(store, worker, write_images(tmp_path / "images", 2))
    run = request_run(store, MeasurementRequest("toy", BackboneRef("timm:test_vit", "/nowhere/weights.safetensors")))
    worker.handle(JobKind.RUN, run.run_id)
    ended = store.catalogue.run(run.run_id)
    assert ended.state is RunState.FAILED
    assert "Unexpected" not in ended.message


def test_a_probe_predicts_from_real_passes(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", 20))
    probe = request_probe(store, MeasurementRequest("toy", checkpoint))
    worker.handle(JobKind.PROBE, probe.probe_id)
    answered = store.catalogue.probe(probe.probe_id)
    assert answered.state is ProbeState.FINISHED
    assert (answered.result.dimension, answered.result.num_pending) == (64, 20)
    assert answered.result.seconds_total > 0
    assert measured_ids(store) == []


def test_a_probe_takes_the_precision_that_auto_stands_for(store, worker, tmp_path, checkpoint, monkeypatch):
    def ask(precision):
        probe = request_probe(store, MeasurementRequest("toy", checkpoint, precision=precision))
        worker.handle(JobKind.PROBE, probe.probe_id)
        result = store.catalogue.probe(probe.probe_id).result
        return result.precision, result.may_be_faster

    indexed(store, worker, write_images(tmp_path / "images", 12))
    monkeypatch.setattr(probe_module, "promising_precisions", lambda _: ("bfloat16",))
    assert ask("auto") == ("float32", True)
    assert ask("float32") == ("float32", False)
    keep_precision(store, load_ref(checkpoint, torch.device("cpu")), "bfloat16", ())
    assert ask("auto") == ("bfloat16", False)
    assert ask("float64") == ("float64", False)


def test_a_probe_of_a_missing_checkpoint_says_so(store, worker, tmp_path):
    indexed(store, worker, write_images(tmp_path / "images", 2))
    probe = request_probe(
        store, MeasurementRequest("toy", BackboneRef("timm:test_vit", "/nowhere/weights.safetensors"))
    )
    worker.handle(JobKind.PROBE, probe.probe_id)
    assert store.catalogue.probe(probe.probe_id).state is ProbeState.FAILED
