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

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import JepaScoreError
from jepascore_core.storage.disk import is_full
from jepascore_core.storage.store import Store

#: A worker without work stops after this many seconds.
WORKER_IDLE_SECONDS = 1800


#: A queued request that no worker touched for this long, with none alive, means that the worker cannot start.
START_PATIENCE = 60.0


START_INTERVAL = 5.0


#: Whoever looks for a worker holds its lock for a moment, and so does a worker that is just ending: only a lock that is
#: held for longer than this many seconds is a reason to start none.
PROBE_PATIENCE = 0.3


#: How often a server looks for ended children that no code waits for, in seconds.
REAP_INTERVAL = 2.0


#: OpenMP threads that spin while they wait take the processor from the threads that they wait for, as soon as anything
#: else runs on the machine: on two busy cores a small encoder took 80 ms per image spinning, and 2.5 ms sleeping. Fresh
#: memory costs a page fault every 4 KB: an allocator that keeps freed memory makes exact scores 1.2 times as fast
#: (benchmarks/exact.py, ViT-Ti in bfloat16 on two cores), and one arena of huge pages a few per cent more.
WORKER_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def worker_lock(home: Path) -> FileLock:
    """Return the lock that a worker holds while it lives; the operating system frees it however the worker ends."""
    return FileLock(home / "worker.lock")


def worker_is_alive(home: Path, patience: float = 0.0) -> bool:
    """Return whether a worker of this home folder is running, still so after `patience` seconds."""
    lock = worker_lock(home)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        return True
    lock.release()
    return False


def worker_pid(home: Path) -> int | None:
    """Return the process id of the running worker, or None."""
    try:
        return int(json.loads((home / "worker.json").read_text())["pid"]) if worker_is_alive(home) else None
    except (OSError, ValueError, KeyError):
        return None


def starting_file(home: Path) -> Path:
    """Return the file that names the process of a worker which has not taken its lock yet."""
    return home / "worker.starting.json"


def _is_starting(home: Path) -> bool:
    """Return whether a worker was started lately and still loads; on a busy machine that takes many seconds."""
    try:
        note = starting_file(home)
        is_recent = time.time() - note.stat().st_mtime <= START_PATIENCE
        return is_recent and _is_running(int(json.loads(note.read_text())["pid"]))
    except (OSError, ValueError, KeyError):
        return False


def _is_serving(home: Path) -> bool:
    """Return whether a worker is alive, and not somebody who looks; waits only where the lock leaves a doubt."""
    pid = worker_pid(home)
    if pid is not None and _is_running(pid):
        return True
    return worker_is_alive(home, PROBE_PATIENCE)


def _is_running(pid: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 would end the process there
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def start_worker(home: Path, idle_seconds: float = WORKER_IDLE_SECONDS) -> bool:
    """Start a worker, which outlives this process, unless one runs or starts; return whether one was started.

    If it ends first, it leaves no zombie: a thread waits for it.
    """
    if _is_serving(home) or _is_starting(home):
        return False
    command = [sys.executable, "-m", "jepascore_core", "--worker", "--idle", str(idle_seconds)]
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
    write_atomically(starting_file(home), json.dumps({"pid": process.pid}).encode())
    # An ended process that its parent does not wait for stays in the process table as a zombie while the parent lives.
    threading.Thread(target=process.wait, name="reap worker", daemon=True).start()
    return True


def reap_unowned_children(interval: float = REAP_INTERVAL) -> None:
    """Reap, for ever, ended children that no code in this process waits for; for a thread of a server.

    Such are workers started before this process replaced itself by another program (`jepascore app --demo`), and those
    whose own parent ended where this one is process 1, as in a container. Code that waits for a child itself does so
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
    """Keep a worker running while a caller waits for a job, and give up if none stays alive."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._seen = self._started = clock()

    def look(self) -> None:
        """Start a worker if none is running; call this regularly.

        Raises:
            JepaScoreError: if no worker was alive for `START_PATIENCE` seconds, with the path of its log; also if
                the disk is full, when the worker waits and resumes automatically.
        """
        now = self._clock()
        if is_full(self._store.home):
            raise JepaScoreError(
                f"There is no space left on the disk of {self._store.home}. Free some: the worker then resumes "
                "automatically, and the same command follows it."
            )
        if worker_is_alive(self._store.home):
            self._seen = now
        elif now - self._seen > START_PATIENCE:
            raise JepaScoreError(f"The worker could not be started. See its log: {self._store.home / 'worker.log'}")
        elif now - self._started > START_INTERVAL:
            self._started = now
            start_worker(self._store.home)
