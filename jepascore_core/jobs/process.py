"""Start, find and watch the worker process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from jepascore_core.errors import JepaScoreError
from jepascore_core.storage.disk import is_full
from jepascore_core.storage.store import Store

#: A worker without work ends after this many seconds.
WORKER_IDLE_SECONDS = 1800


#: A queued request that no worker touched for this long, with none alive, means that the worker cannot start.
START_PATIENCE = 60.0


START_INTERVAL = 5.0


#: How often a server looks for ended children that nobody waits for, in seconds.
REAP_INTERVAL = 2.0


#: OpenMP threads that spin while they wait steal the processor from those that they wait for, as soon as anything else
#: runs on the machine: on two busy cores a small encoder took 80 ms an image spinning, and 2.5 ms sleeping.
#: Fresh memory costs a page fault every 4 KB: an allocator that keeps what it has made exact scores 1.2 times as fast
#: (benchmarks/exact.py, ViT-Ti in bfloat16 on two cores), and one arena of huge pages a few per cent more.
WORKER_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def worker_lock(home: Path) -> FileLock:
    """The lock that a worker holds while it lives; the operating system frees it whatever way the worker ends."""
    return FileLock(home / "worker.lock")


def worker_is_alive(home: Path) -> bool:
    """Whether a worker of this home folder lives."""
    lock = worker_lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def worker_pid(home: Path) -> int | None:
    """Process id of the living worker, or None."""
    try:
        return int(json.loads((home / "worker.json").read_text())["pid"]) if worker_is_alive(home) else None
    except (OSError, ValueError, KeyError):
        return None


def start_worker(home: Path, idle_seconds: float = WORKER_IDLE_SECONDS) -> bool:
    """Start a worker in its own session unless one lives; it outlives this process. Returns whether one was started.

    If it ends first, it leaves no zombie: a thread waits for it.
    """
    if worker_is_alive(home):
        return False
    command = [sys.executable, "-m", "jepascore_core", "worker", "run", "--idle", str(idle_seconds)]
    with (home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=home,
            env={**WORKER_ENVIRONMENT, **os.environ, "JEPASCORE_HOME": str(home)},
        )
    # A process that nobody waits for stays in the table of processes, as a zombie, for as long as its parent lives.
    threading.Thread(target=process.wait, name="reap worker", daemon=True).start()
    return True


def reap_unowned_children(interval: float = REAP_INTERVAL) -> None:
    """Reap, for ever, children that have ended and that nobody in this process waits for; for a thread of a server.

    Such are workers that were started before this process replaced itself by another program (`jepascore app --demo`),
    and those whose own parent ended where this one is process 1, as in a container. Who waits for a child does so
    within `interval` seconds of its end.
    """
    seen: int | None = None
    while hasattr(os, "waitid"):  # not on Windows, nor on older Python for macOS
        time.sleep(interval)
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            ended = None  # there are no children
        if ended is not None and ended.si_pid == seen:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(seen, os.WNOHANG)
        seen = ended.si_pid if ended is not None else None


class WorkerWatch:
    """For whoever waits for work to be done: starts a worker when none lives, and gives up when none stays alive."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._seen = self._started = clock()

    def look(self) -> None:
        """Call this regularly.

        Raises:
            JepaScoreError: if no worker was alive for `START_PATIENCE` seconds; the message says where its log is. Also
                if the disk is full: the worker waits then, and goes on by itself.
        """
        now = self._clock()
        if is_full(self._store.home):
            raise JepaScoreError(
                f"There is no space left on the disk of {self._store.home}. Free some: then work goes on by itself, "
                "and the same command follows it."
            )
        if worker_is_alive(self._store.home):
            self._seen = now
        elif now - self._seen > START_PATIENCE:
            raise JepaScoreError(f"No worker could be started. Its log says why: {self._store.home / 'worker.log'}")
        elif now - self._started > START_INTERVAL:
            self._started = now
            start_worker(self._store.home)
