"""The background process: takes work from the queues, one run at a time, and keeps the catalogue true about it.

Torch is imported when the first image is to be measured: a worker is there at once, and an index never waits for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
from filelock import Timeout
from huey.consumer import Consumer

from jepascore_core.catalogue import utc_now
from jepascore_core.closeups import Closeup, unfinished_closeups, wanted_closeup, write_closeup
from jepascore_core.curation.preparations import is_wanted, preparations, settle_preparation, work_out
from jepascore_core.errors import JepaScoreError, RunCancelled, StoreError, UnknownNameError, WorkerStopped
from jepascore_core.indexing import build_dataset_index, keep_former_index, leave_unfinished
from jepascore_core.queueing import QUEUES, Work, open_queue
from jepascore_core.records import DatasetState, ProbeState, Run, RunState
from jepascore_core.runs import worker_lock
from jepascore_core.store import Store, write_atomically
from jepascore_core.trust.preparing import prepare_trust
from jepascore_core.views.score_set import ScoreSet
from jepascore_core.views.score_tables import prepare_score_table

logger = logging.getLogger("jepascore.worker")

#: Seconds between heartbeats, which is also how soon a cancellation is noticed.
PULSE_SECONDS = 0.5

#: Whoever looks whether a worker lives holds its lock for an instant. Two that are started at once must not wait for
#: each other's end, or the second takes over when the first is stopped; in seconds.
LOCK_PATIENCE = 1.0

#: Between two attempts at work whose end could not be written down, in seconds.
RETRY_SECONDS = 5.0

#: The interface shares the machine with the worker and must stay quick.
NICENESS = 10


class Pulse:
    """While something is worked on: writes its heartbeat and notices that it is cancelled or the worker stopped."""

    def __init__(self, beat: Callable[[float], bool], stop: threading.Event) -> None:
        self._beat, self._stop = beat, stop
        self._cancelled, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._beat(time.time()):
                    self._cancelled.set()
            except StoreError as error:
                # A catalogue that is busy for long is no reason to stop measuring.
                logger.warning("heartbeat not written: %s", error)
            self._ended.wait(PULSE_SECONDS)

    def check(self) -> None:
        """Raise RunCancelled or WorkerStopped if it is time to end."""
        if self._stop.is_set():
            raise WorkerStopped
        if self._cancelled.is_set():
            raise RunCancelled

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()


class Ending(StrEnum):
    """How a piece of work ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    FAILED = "failed"


RUN_STATES = {
    Ending.DONE: RunState.FINISHED,
    Ending.CANCELLED: RunState.CANCELLED,
    Ending.STOPPED: RunState.QUEUED,
    Ending.FAILED: RunState.FAILED,
}
DATASET_STATES = {
    Ending.DONE: DatasetState.READY,
    Ending.CANCELLED: DatasetState.CANCELLED,
    Ending.STOPPED: DatasetState.INDEXING,
    Ending.FAILED: DatasetState.FAILED,
}


def attempt(work: Callable[[], str]) -> tuple[Ending, str]:
    """Do a piece of work; whatever happens becomes an ending and a sentence for people."""
    try:
        return Ending.DONE, work()
    except RunCancelled:
        return Ending.CANCELLED, "Cancelled; what was finished is kept"
    except WorkerStopped:
        return Ending.STOPPED, "The worker was stopped; waiting for the next one"
    except JepaScoreError as error:
        return Ending.FAILED, str(error)
    except Exception as error:
        logger.exception("unexpected error")
        return Ending.FAILED, f"Unexpected {type(error).__name__}: {error}. The worker's log has the details."


class Worker:
    """Does the work of one home folder, whoever asked for it; everything here also runs in a test's own thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stop = threading.Event()
        self.last_active = time.monotonic()
        self._num_busy = 0

    def handle(self, kind: Work, identifier: str) -> None:
        """Do one piece of work to its end, whatever that is."""
        handlers = {
            Work.RUN: self.run,
            Work.INDEX: self.index,
            Work.PROBE: self.probe,
            Work.CLOSEUP: self.closeup,
            Work.EXPORT: self.export,
            Work.PREPARATION: self.prepare,
        }
        self._num_busy += 1
        try:
            while not self._is_handled(handlers[kind], identifier):
                self.stop.wait(RETRY_SECONDS)
        except UnknownNameError as error:
            logger.info("%s %s is gone: %s", kind, identifier, error)
        finally:
            self._num_busy -= 1
            self.last_active = time.monotonic()

    def _is_handled(self, handler: Callable[[str], None], identifier: str) -> bool:
        """Whether it came to an end that is written down, or nobody waits for one any more."""
        try:
            handler(identifier)
        except (StoreError, OSError) as error:
            # A full disk, most likely: what has no ending in the catalogue is unfinished, and is taken up again.
            logger.error("%s has no ending, since nothing can be written: %s", identifier, error)
            return self.stop.is_set()
        return True

    @property
    def idle_seconds(self) -> float:
        """For how long there has been nothing to do."""
        return 0.0 if self._num_busy else time.monotonic() - self.last_active

    def run(self, run_id: str) -> None:
        """Measure what a run still lacks."""
        from jepascore_core.tasks import measure_run

        catalogue = self.store.catalogue
        run = catalogue.run(run_id)
        if not run.state.is_active:
            return

        def beat(now: float) -> bool:
            catalogue.update_run(run_id, heartbeat=now)
            return catalogue.run(run_id).cancel_requested

        started = run.started_at or utc_now()
        catalogue.update_run(run_id, state=RunState.RUNNING, started_at=started, message="Loading the backbone")
        with Pulse(beat, self.stop) as pulse:
            ending, message = attempt(lambda: measure_run(self.store, run, pulse.check))
            if ending is Ending.DONE:
                self._lay_out_scores(catalogue.run(run_id))
        finished = None if ending is Ending.STOPPED else utc_now()
        catalogue.update_run(run_id, state=RUN_STATES[ending], message=message, rate=None, finished_at=finished)

    def _lay_out_scores(self, run: Run) -> None:
        """What pages would wait for; without it they are slow, not wrong."""
        if run.backbone_id is None:
            return
        dataset = self.store.catalogue.dataset(run.dataset_id)
        try:
            if prepare_score_table(self.store, dataset, run.backbone_id, run.result_spec_id) is not None:
                prepare_trust(self.store, ScoreSet(dataset.dataset_id, run.backbone_id, run.result_spec_id))
        except (OSError, duckdb.Error, StoreError):
            logger.exception("no score table for %s", dataset.name)

    def index(self, dataset_id: str) -> None:
        """Build or refresh a dataset's index."""
        catalogue = self.store.catalogue
        dataset = catalogue.dataset(dataset_id)
        if dataset.state is not DatasetState.INDEXING:
            return

        def beat(now: float) -> bool:
            catalogue.update_dataset(dataset_id, heartbeat=now)
            return catalogue.dataset(dataset_id).cancel_requested

        with Pulse(beat, self.stop) as pulse:
            ending, message = attempt(lambda: build_dataset_index(self.store, dataset, pulse.check))
        if dataset.version is not None:
            with contextlib.suppress(StoreError):  # the former index is damaged, too
                if ending is Ending.FAILED:
                    keep_former_index(self.store, dataset, message)
                    return
                if ending is Ending.CANCELLED:
                    leave_unfinished(self.store, dataset)
                    return
        catalogue.update_dataset(dataset_id, state=DATASET_STATES[ending], message=message)

    def probe(self, probe_id: str) -> None:
        """Answer a cost probe."""
        from jepascore_core.tasks import probe_cost

        catalogue = self.store.catalogue
        probe = catalogue.probe(probe_id)
        if probe.state is not ProbeState.QUEUED:
            return

        def answer() -> str:
            result = probe_cost(self.store, probe)
            catalogue.update_probe(probe_id, state=ProbeState.FINISHED, result=result.to_dict())
            return ""

        ending, message = attempt(answer)
        if ending is not Ending.DONE:
            catalogue.update_probe(probe_id, state=ProbeState.FAILED, message=message)

    def closeup(self, identifier: str) -> None:
        """Work out what an encoder is sensitive to in one image."""
        from jepascore_core.sensitivity import work_out_closeup

        wanted = wanted_closeup(self.store, identifier)
        if wanted is None:
            return

        def answer() -> str:
            work_out_closeup(self.store, wanted)
            return ""

        ending, message = attempt(answer)
        if ending is not Ending.DONE:
            write_closeup(self.store, wanted, Closeup("failed", message=message), {})

    def export(self, export_id: str) -> None:
        """Write an export: the whole of it or nothing."""
        from jepascore_core.exporters.requests import write_requested

        catalogue = self.store.catalogue
        request = catalogue.export(export_id)
        if not request.state.is_active:
            return

        def beat(now: float) -> bool:
            catalogue.update_export(export_id, heartbeat=now)
            return catalogue.export(export_id).cancel_requested

        started = request.started_at or utc_now()
        catalogue.update_export(export_id, state=RunState.RUNNING, started_at=started, message="Working out the list")
        with Pulse(beat, self.stop) as pulse:
            ending, message = attempt(lambda: write_requested(self.store, request, pulse.check))
        if ending is Ending.CANCELLED:
            message = "Cancelled"
        finished = None if ending is Ending.STOPPED else utc_now()
        catalogue.update_export(export_id, state=RUN_STATES[ending], message=message, rate=None, finished_at=finished)

    def prepare(self, identifier: str) -> None:
        """Work out what a curation waits for."""

        def answer() -> str:
            work_out(self.store, identifier, pulse.check)
            return ""

        with Pulse(lambda _: not is_wanted(self.store, identifier), self.stop) as pulse:
            ending, message = attempt(answer)
        reason = message if ending is Ending.FAILED else ""
        settle_preparation(self.store, identifier, ending is Ending.DONE, reason)

    def unfinished(self) -> list[tuple[Work, str]]:
        """Everything that is still to be done, oldest first: runs wait for their dataset's index."""
        catalogue = self.store.catalogue
        indexing = [item.dataset_id for item in catalogue.datasets() if item.state is DatasetState.INDEXING]
        return [
            *((Work.INDEX, dataset_id) for dataset_id in indexing),
            *((Work.PROBE, probe.probe_id) for probe in catalogue.queued_probes()),
            *((Work.CLOSEUP, identifier) for identifier in unfinished_closeups(self.store)),
            *((Work.PREPARATION, item.identifier) for item in preparations(self.store) if item.is_active),
            *((Work.EXPORT, item.export_id) for item in reversed(catalogue.exports(active_only=True))),
            *((Work.RUN, run.run_id) for run in reversed(catalogue.runs(active_only=True))),
        ]


def run_worker(home: Path, idle_seconds: float) -> bool:
    """Work until stopped (SIGINT, SIGTERM) or idle for `idle_seconds`; False at once if another worker lives."""
    lock = worker_lock(home)
    try:
        lock.acquire(timeout=LOCK_PATIENCE)
    except Timeout:
        return False
    # At once: whoever sees the lock held and wants to stop its holder reads the process id here.
    write_atomically(home / "worker.json", json.dumps({"pid": os.getpid(), "started_at": utc_now()}).encode())
    with contextlib.suppress(OSError, AttributeError):  # not on Windows
        os.nice(NICENESS)
    worker = Worker(Store(home))
    try:
        while not worker.stop.is_set():
            _serve(worker, home, idle_seconds)
            # Somebody may have asked between the last look at the queue and now, and seen a living worker.
            if worker.stop.is_set() or not worker.unfinished():
                break
    finally:
        lock.release()
    return True


def _serve(worker: Worker, home: Path, idle_seconds: float) -> None:
    queues = {name: open_queue(home, name, worker.handle) for name in QUEUES}
    for queue in queues.values():
        # Messages of a former life are stale: the catalogue says what is still to be done.
        queue.huey.flush()
    worker.last_active = time.monotonic()
    for kind, identifier in worker.unfinished():
        queues[kind.queue_name].put(kind.value, identifier)
    consumers = [
        Consumer(queue.huey, workers=1, periodic=False, initial_delay=0.05, max_delay=0.3) for queue in queues.values()
    ]
    for consumer in consumers:
        consumer.start()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: worker.stop.set())
    logger.info("worker %d serves %s", os.getpid(), home)
    while not worker.stop.wait(0.5) and worker.idle_seconds < idle_seconds:
        pass
    for consumer in consumers:
        consumer.stop(graceful=True)
    logger.info("worker %d ends", os.getpid())
