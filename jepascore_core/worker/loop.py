"""The background process: do the jobs of one home folder, one at a time per lane, and record their state."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from filelock import Timeout

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.jobs.process import starting_file, worker_lock
from jepascore_core.jobs.queue import LANES, Job, JobKind, last_ring
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.store import Store
from jepascore_core.worker.jobs import JOB_TYPES, unfinished_jobs

logger = logging.getLogger("jepascore.worker")

#: A check for a living worker holds its lock for an instant. Two workers that start at the same time must not wait
#: until the other stops, or the second would take over then; in seconds.
LOCK_PATIENCE = 1.0

#: Seconds between two attempts to record the outcome of a job.
RETRY_SECONDS = 5.0

#: How soon the worker notices its bell, and how often it looks for jobs without one, in seconds.
LISTEN_SECONDS = 0.1
LOOK_SECONDS = 5.0

LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"

#: The interface shares the machine with the worker and must stay responsive. On a machine of its own a worker need not
#: wait for others: the variable sets another niceness, 0 to 19.
NICENESS = 10
NICENESS_VARIABLE = "JEPASCORE_NICENESS"


class Worker:
    """Does the jobs of one home folder; everything here also runs in a test's own thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stop = threading.Event()
        self.last_active = time.monotonic()
        self._num_busy = 0

    def handle(self, kind: JobKind, identifier: str) -> None:
        """Do one job and record its outcome."""
        self._num_busy += 1
        try:
            while not self._is_handled(kind, identifier):
                self.stop.wait(RETRY_SECONDS)
        except UnknownNameError as error:
            logger.info("%s %s is gone: %s", kind, identifier, error)
        finally:
            self._num_busy -= 1
            self.last_active = time.monotonic()

    def _is_handled(self, kind: JobKind, identifier: str) -> bool:
        """Return whether the outcome is recorded, or no longer needed."""
        try:
            JOB_TYPES[kind].do(self.store, identifier, self.stop)
        except (StoreError, OSError) as error:
            # Most likely a full disk: a job without an outcome in the catalogue is unfinished, and is started again.
            logger.error("%s has no ending, since nothing can be written: %s", identifier, error)
            return self.stop.is_set()
        return True

    @property
    def idle_seconds(self) -> float:
        """Return for how long no job has been running."""
        return 0.0 if self._num_busy else time.monotonic() - self.last_active

    def unfinished(self) -> list[Job]:
        """Return all unfinished jobs."""
        return unfinished_jobs(self.store)


class Dispatcher:
    """Hands unfinished jobs to their lanes, which do one at a time; no job is handed out twice."""

    def __init__(self, worker: Worker, clock: Callable[[], float] = time.monotonic) -> None:
        self._worker, self._clock = worker, clock
        self._lanes = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in LANES}
        self._in_hand: dict[Job, Future[None]] = {}
        self._heard, self._looked = -1, -LOOK_SECONDS

    def look(self) -> None:
        """Hand out new jobs if the bell rang, a job ended, or it is time to look; call it regularly."""
        ring = last_ring(self._worker.store.home)
        has_ended = any(future.done() for future in self._in_hand.values())
        if ring == self._heard and not has_ended and self._clock() - self._looked < LOOK_SECONDS:
            return
        self._in_hand = {job: future for job, future in self._in_hand.items() if not future.done()}
        self._heard, self._looked = ring, self._clock()
        try:
            jobs = self._worker.unfinished()
        except (StoreError, OSError) as error:
            logger.warning("what is to be done cannot be read now: %s", error)
            return
        for job in jobs:
            if job not in self._in_hand:
                self._in_hand[job] = self._lanes[job.kind.lane].submit(self._worker.handle, *job)

    def close(self) -> None:
        """Wait for running jobs, which end soon once the worker stops; jobs that have not started stay unfinished."""
        for lane in self._lanes.values():
            lane.shutdown(cancel_futures=True)


def run_worker(home: Path, idle_seconds: float) -> bool:
    """Work until stopped (SIGINT, SIGTERM) or idle for `idle_seconds`; return False if another worker is running."""
    lock = worker_lock(home)
    try:
        lock.acquire(timeout=LOCK_PATIENCE)
    except Timeout:
        return False
    # First of all: a process that sees the lock held and wants to stop its holder reads the process id here.
    write_atomically(home / "worker.json", json.dumps({"pid": os.getpid(), "started_at": utc_now()}).encode())
    starting_file(home).unlink(missing_ok=True)
    _yield_to_others()
    for name in ("", "-wal", "-shm"):
        (home / f"queue.sqlite{name}").unlink(missing_ok=True)  # left by versions before the catalogue was the queue
    worker = Worker(Store(home))
    try:
        while not worker.stop.is_set():
            _serve(worker, idle_seconds)
            # A job may have been requested between the last look and now, when the worker still seemed alive.
            if worker.stop.is_set() or not worker.unfinished():
                break
    finally:
        lock.release()
    return True


def niceness() -> int:
    """Return the niceness that `JEPASCORE_NICENESS` asks for, else `NICENESS`; what is no number is ignored."""
    configured = os.environ.get(NICENESS_VARIABLE, "").strip()
    return min(int(configured), 19) if configured.isdecimal() else NICENESS


def _yield_to_others() -> None:
    """Lower the priority of this process, so that whatever else the person does stays fast."""
    with contextlib.suppress(OSError, AttributeError):  # not on Windows
        os.nice(niceness())
    # Where Linux first shares the processors between sessions, niceness counts only within one: a worker that was
    # started in the background has its own, and one that runs in a terminal must not slow down all that runs there.
    with contextlib.suppress(OSError, AttributeError):
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(niceness()))


def _serve(worker: Worker, idle_seconds: float) -> None:
    worker.last_active = time.monotonic()
    dispatcher = Dispatcher(worker)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: worker.stop.set())
    logger.info("worker %d serves %s", os.getpid(), worker.store.home)
    dispatcher.look()
    while not worker.stop.wait(LISTEN_SECONDS) and worker.idle_seconds < idle_seconds:
        dispatcher.look()
    dispatcher.close()
    logger.info("worker %d ends", os.getpid())
