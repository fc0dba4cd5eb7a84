"""What a curation waits for, by the worker: asked for once, cancelled, failed, begun again; also by a killed one."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.columns.baselines import baseline_values
from jepascore_core.curation.columns.near_duplicates import known_near_groups
from jepascore_core.curation.precompute import requests as requests_module
from jepascore_core.curation.precompute.requests import (
    cancel_precompute,
    precompute_request_of,
    precompute_requests,
    request_precompute,
    run_precompute,
)
from jepascore_core.curation.precompute.steps import pending_work
from jepascore_core.embeddings import files as vector_files
from jepascore_core.embeddings.files import stream_embeddings
from jepascore_core.embeddings.index import unit
from jepascore_core.errors import RunCancelled, UnknownNameError
from jepascore_core.formatting import PERCENT
from jepascore_core.jobs.process import start_worker, worker_is_alive, worker_pid
from jepascore_core.jobs.queue import JobKind
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample, wait_until

RULES = parse("near_duplicate(0.05) and percentile[knn] >= 5")


def put_pairs(store, count, dimension=8, name="pairs"):
    """Measured images of which each two neighbours are near duplicates."""
    samples = [make_sample(f"{n:05d}.png", "a", content=f"{name} {n}") for n in range(count)]
    dataset, backbone = add_dataset(store, name, samples), add_backbone(store)
    rng = np.random.default_rng(0)
    alone = unit(np.repeat(rng.standard_normal((count // 2, dimension), np.float32), 2, axis=0))
    near = (alone + 0.01 * rng.standard_normal(alone.shape) / dimension**0.5).astype(np.float16)
    rows = [
        replace(make_measurement(sample.content_id, float(n % 100)), embedding=near[n])
        for n, sample in enumerate(samples)
    ]
    store.write_measurements(backbone.backbone_id, SPEC, rows)
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


@pytest.fixture
def scores(store, monkeypatch):
    """Sixty measured images; requests start no process."""
    monkeypatch.setattr(requests_module, "start_worker", lambda *_: False)
    return put_pairs(store, 60)


def states(store, scores):
    return [precompute_request_of(store, scores, work).state for work in pending_work(store, scores, RULES)]


def files(store, scores):
    return sorted(path.name for path in (store.dataset_folder(scores.dataset_id) / "preparations").glob("*"))


def test_the_worker_does_what_was_asked_for_once(store, scores):
    work = pending_work(store, scores, RULES)
    assert states(store, scores) == ["none", "none"]
    asked = [request_precompute(store, scores, item) for item in work]
    assert states(store, scores) == ["waiting", "waiting"]
    # By somebody else, and under another definition of the score.
    again = [request_precompute(Store(store.home), replace(scores, definition="paper"), item) for item in work]
    assert [item.identifier for item in again] == [item.identifier for item in asked]
    worker = Worker(store)
    assert worker.unfinished() == [(JobKind.PRECOMPUTE, item.identifier) for item in asked]
    for item in asked:
        worker.handle(JobKind.PRECOMPUTE, item.identifier)
    assert (pending_work(store, scores, RULES), precompute_requests(store), worker.unfinished()) == ((), (), [])
    assert files(store, scores) == []
    found = known_near_groups(store, scores, 0.05)
    assert (found.num_images, found.num_pairs, found.num_groups) == (60, 30, 30)
    assert len(baseline_values(store, scores, "knn", _refuse)) == 60
    # A message that comes late, as after a second request at the same instant, changes nothing.
    worker.handle(JobKind.PRECOMPUTE, asked[0].identifier)
    assert files(store, scores) == []


def _refuse(_share):
    raise AssertionError("worked out again")


def test_a_rule_may_name_another_backbone(store, scores):
    other = add_backbone(store, "timm:vit_tiny_patch16_224.other")
    samples = store.query(store.measurements_sql(SPEC.key(scores.backbone_id)))["content_id"].to_pylist()
    store.write_measurements(other.backbone_id, SPEC, [make_measurement(name, 1.0) for name in samples[:20]])
    rules = parse(f'near_duplicate(0.05, "{other.backbone_id}")')
    (work,) = pending_work(store, scores, rules)
    asked = request_precompute(store, scores, work)
    there = replace(scores, key=SPEC.key(other.backbone_id))
    assert precompute_request_of(store, there, replace(work, backbone=None)).identifier == asked.identifier
    assert precompute_request_of(store, scores, replace(work, backbone=None)).state == "none"
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert known_near_groups(store, there, 0.05).num_images == 20
    assert evaluate(store, scores, rules)


def test_how_far_it_is(store, scores):
    (work, _) = pending_work(store, scores, RULES)
    asked = request_precompute(store, scores, work)
    seen = []

    def check():
        seen.append(precompute_request_of(Store(store.home), scores, work))

    run_precompute(store, asked.identifier, check)
    assert (seen[0].state, seen[1].state, seen[1].share, seen[1].seconds_left) == ("waiting", "running", 0.0, None)
    path = store.dataset_folder(scores.dataset_id) / "preparations" / f"{asked.identifier.partition('/')[2]}"
    path.with_suffix(".progress.json").write_text(json.dumps({"share": 0.25, "seconds": 20.0}))
    (shown,) = precompute_requests(store)
    assert (shown.share, shown.seconds_left, shown.progress_text) == (0.25, 60.0, f"25.0{PERCENT} · 1 min left")
    assert (shown.work.title, shown.dataset_id) == (work.title, scores.dataset_id)


def cancelled_at(monkeypatch, store, identifier, calls):
    """Have a request taken back while its worker reports for the so many-th time; [0] once that has happened."""
    monkeypatch.setattr("jepascore_core.worker.heartbeat.HEARTBEAT_SECONDS", 0.001)
    report, left = requests_module._Reporter.__call__, [calls]

    def cancelled_meanwhile(reporter, share):
        left[0] -= 1
        if not left[0]:
            cancel_precompute(store, identifier)
            with pytest.raises(RunCancelled):
                while True:
                    reporter._check()
            raise RunCancelled
        report(reporter, share)

    monkeypatch.setattr(requests_module._Reporter, "__call__", cancelled_meanwhile)
    return left


@pytest.mark.parametrize("calls", [1, 3])
def test_a_cancelled_one_leaves_nothing(store, scores, monkeypatch, calls):
    (work, _) = pending_work(store, scores, RULES)
    asked = request_precompute(store, scores, work)
    left = cancelled_at(monkeypatch, store, asked.identifier, calls)
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert left == [0]
    assert known_near_groups(store, scores, 0.05) is None
    assert (states(store, scores), files(store, scores)) == (["none", "none"], [])


@pytest.mark.parametrize(
    "text", ["near_duplicate(0.05)", "percentile[knn] >= 5", "all | budget 9 diverse", "all | budget 9 clusters 3"]
)
def test_reading_the_embeddings_ends_in_the_middle(store, scores, monkeypatch, text):
    many, read = put_pairs(store, 5000, name="many"), []

    def stream(*about):
        for batch in stream_embeddings(*about):
            read.append(len(batch[0]))
            yield batch

    monkeypatch.setattr(vector_files, "BATCH_ROWS", 2048)
    monkeypatch.setattr("jepascore_core.curation.columns.measured.stream_embeddings", stream)
    (work,) = pending_work(store, many, parse(text))
    asked = request_precompute(store, many, work)
    left = cancelled_at(monkeypatch, store, asked.identifier, 3)  # the first time before it begins
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert left == [0]
    assert len(read) == 2  # DuckDB decides how full they are
    assert sum(read) < 5000
    assert precompute_request_of(store, many, work).state == "none"


def test_one_taken_back_and_asked_for_again_is_done(store, scores):
    (work, _) = pending_work(store, scores, RULES)
    asked = request_precompute(store, scores, work)
    cancel_precompute(store, asked.identifier)
    cancel_precompute(store, asked.identifier)
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert known_near_groups(store, scores, 0.05) is None
    request_precompute(store, scores, work)
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert known_near_groups(store, scores, 0.05) is not None


def test_a_stopped_worker_leaves_it_to_the_next_one(store, scores):
    (work, _) = pending_work(store, scores, RULES)
    asked = request_precompute(store, scores, work)
    worker = Worker(store)
    worker.stop.set()
    worker.handle(JobKind.PRECOMPUTE, asked.identifier)
    assert states(store, scores) == ["waiting", "none"]
    (unfinished,) = Worker(store).unfinished()
    Worker(store).handle(*unfinished)
    assert states(store, scores) == ["none"]


def test_a_failure_is_told_and_can_be_tried_again(store, scores):
    (work, _) = pending_work(store, scores, RULES)
    asked = request_precompute(store, scores, work)
    # A file stands where the results are kept.
    obstacle = store.dataset_folder(scores.dataset_id) / "neighbours"
    obstacle.write_text("")
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    failed = precompute_request_of(store, scores, work)
    assert (failed.state, failed.is_active) == ("failed", False)
    assert failed.message == f"{store.home} is not writable: Not a directory. Fix that, and try again."
    assert Worker(store).unfinished() == []
    obstacle.unlink()
    assert request_precompute(store, scores, work).state == "waiting"
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert (known_near_groups(store, scores, 0.05).num_groups, files(store, scores)) == (30, [])


def test_too_few_images_are_said_in_a_sentence(store, monkeypatch):
    monkeypatch.setattr(requests_module, "start_worker", lambda *_: False)
    few = put_pairs(store, 6, name="few")
    (work,) = pending_work(store, few, parse("score[mahalanobis] >= -9"))
    Worker(store).handle(JobKind.PRECOMPUTE, request_precompute(store, few, work).identifier)
    assert "mahalanobis needs at least 20" in precompute_request_of(store, few, work).message


def test_a_dataset_that_goes_takes_it_along(store, scores):
    work = pending_work(store, scores, RULES)[0]
    asked = request_precompute(store, scores, work)
    store.remove_dataset(store.catalogue.datasets()[0])
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert precompute_requests(store) == ()
    assert not store.dataset_folder(scores.dataset_id).exists()
    with pytest.raises(UnknownNameError):
        requests_module.precompute_request(store, asked.identifier)


@pytest.mark.slow
def test_kill_9_in_the_middle_of_it(tmp_path):
    store = Store(tmp_path / "home")
    # Large enough that a kill finds it at work, also on a fast machine.
    scores = put_pairs(store, 20_000, dimension=128)
    (work,) = pending_work(store, scores, parse("near_duplicate(0.05)"))
    try:
        asked = request_precompute(store, scores, work)
        wait_until(lambda: precompute_request_of(store, scores, work).state == "running")
        os.kill(worker_pid(store.home), signal.SIGKILL)
        wait_until(lambda: not worker_is_alive(store.home))
        assert precompute_request_of(store, scores, work).state == "running"
        assert known_near_groups(store, scores, 0.05) is None
        assert request_precompute(store, scores, work).identifier == asked.identifier
        assert start_worker(store.home)
        wait_until(lambda: precompute_request_of(store, scores, work).state == "none")
        found = known_near_groups(store, scores, 0.05)
        assert (found.num_images, found.num_pairs, found.num_groups) == (20_000, 10_000, 10_000)
        assert files(store, scores) == []
    finally:
        pid = worker_pid(store.home)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    assert audit(store) == []
