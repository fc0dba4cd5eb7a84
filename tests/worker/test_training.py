"""Trainings: requested by name, done by the worker, cancelled, gone on with, and failed with a sentence."""

from __future__ import annotations

import pytest

from jepascore_core.errors import DatasetNotReadyError, StoreError, UnknownNameError
from jepascore_core.jobs import trainings as requests
from jepascore_core.jobs.queue import Job, JobKind
from jepascore_core.jobs.trainings import (
    cancel_training,
    encoder_name,
    is_trained,
    request_training,
    training,
    training_seconds,
    trainings,
)
from jepascore_core.worker import training as training_module
from tests.worker.sources import indexed, write_images


@pytest.fixture
def toy(store, worker, tmp_path, monkeypatch):
    monkeypatch.setenv("JEPASCORE_HOME", str(store.home))
    for module in (requests, training_module):
        monkeypatch.setattr(module, "EPOCHS", 2)
    return indexed(store, worker, write_images(tmp_path / "images", 20))


def test_a_requested_encoder_is_a_backbone(store, worker, toy):
    asked = request_training(store, toy.dataset_id)
    assert (asked.name, asked.state, asked.is_active) == ("toy", "waiting", True)
    assert Job(JobKind.TRAIN, "toy") in worker.unfinished()
    assert not is_trained(store, "toy")
    worker.handle(JobKind.TRAIN, "toy")
    assert trainings(store) == ()
    assert is_trained(store, "toy")
    assert (store.home / "encoders" / "toy.safetensors").is_file()
    with pytest.raises(StoreError, match="already exists"):
        request_training(store, toy.dataset_id)
    with pytest.raises(UnknownNameError, match="is done"):
        training(store, "toy")


def test_progress_is_told_and_a_request_is_cancelled(store, worker, toy, monkeypatch):
    monkeypatch.setattr(training_module, "REPORT_SECONDS", 0.0)
    seen = []
    report = training_module.report_training

    def watched(store, name, share, left):
        report(store, name, share, left)
        seen.append(training(store, name))
        if share > 0.5:
            cancel_training(store, name)

    monkeypatch.setattr(training_module, "report_training", watched)
    request_training(store, toy.dataset_id)
    worker.handle(JobKind.TRAIN, "toy")
    assert seen
    assert all(item.state == "running" for item in seen)
    shares = [item.share for item in seen]
    assert shares == sorted(shares)
    assert trainings(store) == ()


def test_a_failure_is_said_and_tried_again(store, worker, tmp_path, monkeypatch):
    dataset = indexed(store, worker, write_images(tmp_path / "images", 4), "few")
    request_training(store, dataset.dataset_id)
    worker.handle(JobKind.TRAIN, "few")
    (failed,) = trainings(store)
    assert (failed.state, failed.is_active) == ("failed", False)
    assert "at least 16 readable images" in failed.message
    assert Job(JobKind.TRAIN, "few") not in worker.unfinished()
    assert request_training(store, dataset.dataset_id).state == "waiting"


def test_a_stopped_worker_leaves_the_request(store, worker, toy):
    request_training(store, toy.dataset_id)
    worker.stop.set()
    worker.handle(JobKind.TRAIN, "toy")
    assert training(store, "toy").is_active


def test_only_a_dataset_with_an_index_is_trained_on(store):
    dataset = store.catalogue.add_dataset("new", "/images/new", "imagefolder", {})
    with pytest.raises(DatasetNotReadyError):
        request_training(store, dataset.dataset_id)


@pytest.mark.parametrize(
    ("name", "wanted"), [("My Birds!", "my-birds"), ("../x", "x"), ("北", "encoder"), ("a" * 90, "a" * 64)]
)
def test_encoders_are_called_like_their_dataset(store, name, wanted):
    assert encoder_name(store.catalogue.add_dataset(name, "/images", "imagefolder", {})) == wanted


def test_more_images_take_longer_up_to_a_limit(store):
    few, many, most = (training_seconds(store, n) for n in (100, 1000, 10**6))
    assert 0 < few < many < most == training_seconds(store, 10**7)
    assert many == pytest.approx(10 * few)
