"""The worker finds what is to be done in the catalogue; its bell only says when to look."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jepascore_core.errors import StoreError
from jepascore_core.jobs.queue import LANES, Job, JobKind, last_ring, ring_bell
from jepascore_core.jobs.requests import request_dataset
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from jepascore_core.worker.jobs import JOB_TYPES, unfinished_jobs
from jepascore_core.worker.loop import LOOK_SECONDS, Dispatcher, Worker
from tests.conftest import add_backbone, add_dataset, add_run, make_samples, wait_until
from tests.worker.sources import write_images


class Recorder(Worker):
    """A worker that notes its jobs, and is at them until it is let go."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.jobs: list[Job] = []
        self.may_end = threading.Event()

    def handle(self, kind: JobKind, identifier: str) -> None:
        self.jobs.append(Job(kind, identifier))
        self.may_end.wait(30)


def queued_run(store: Store, name: str) -> Job:
    dataset = add_dataset(store, name, make_samples(["cat"] * 2))
    return Job(JobKind.RUN, add_run(store, dataset, add_backbone(store), RunState.QUEUED).run_id)


def test_every_kind_of_job_has_a_handler_and_a_lane() -> None:
    assert set(JOB_TYPES) == set(JobKind)
    assert {kind.lane for kind in JobKind} == set(LANES)


def test_a_bell_is_heard_by_whoever_looks_at_it(tmp_path: Path) -> None:
    assert last_ring(tmp_path) == 0
    ring_bell(tmp_path)
    first = last_ring(tmp_path)
    assert first > 0
    wait_until(lambda: (ring_bell(tmp_path), last_ring(tmp_path) > first)[1], 10)
    ring_bell(tmp_path / "missing")  # delays, but does not fail


def test_a_job_is_handed_out_once_and_again_if_it_is_unfinished_after_its_end(store: Store) -> None:
    job = queued_run(store, "toy")
    worker = Recorder(store)
    dispatcher = Dispatcher(worker)
    for _ in range(3):
        ring_bell(store.home)
        dispatcher.look()
    wait_until(lambda: worker.jobs == [job])
    worker.may_end.set()  # it is still queued in the catalogue: somebody resumed it
    wait_until(lambda: (dispatcher.look(), worker.jobs[:2] == [job, job])[1])
    store.catalogue.update_run(job.identifier, state=RunState.FINISHED)
    dispatcher.close()
    assert unfinished_jobs(store) == []


def test_without_a_bell_it_looks_around_now_and_then(store: Store) -> None:
    now = 0.0
    worker = Recorder(store)
    worker.may_end.set()
    dispatcher = Dispatcher(worker, lambda: now)
    dispatcher.look()
    job = queued_run(store, "toy")
    dispatcher.look()
    assert worker.jobs == []
    now = LOOK_SECONDS
    dispatcher.look()
    wait_until(lambda: worker.jobs == [job])
    dispatcher.close()


def test_lanes_do_not_wait_for_one_another_but_jobs_of_one_lane_do(store: Store, tmp_path: Path) -> None:
    first, second = queued_run(store, "toy"), queued_run(store, "other")
    index = request_dataset(store, "new", str(write_images(tmp_path / "images", 2)))
    worker = Recorder(store)
    dispatcher = Dispatcher(worker)
    dispatcher.look()
    wait_until(lambda: len(worker.jobs) == 2)
    assert set(worker.jobs) == {first, Job(JobKind.INDEX, index.dataset_id)}
    worker.stop.set()
    worker.may_end.set()
    dispatcher.close()
    assert second not in worker.jobs  # those not begun stay for the next worker


def test_a_catalogue_that_cannot_be_read_now_is_read_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Recorder(store)
    worker.may_end.set()
    dispatcher = Dispatcher(worker)
    job = queued_run(store, "toy")

    def busy() -> list[Job]:
        raise StoreError("busy")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "unfinished", busy)
        dispatcher.look()
    ring_bell(store.home)
    dispatcher.look()
    wait_until(lambda: worker.jobs == [job])
    dispatcher.close()
