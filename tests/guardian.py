"""Ends what a test run has started once the run itself is gone, however it ended: servers and workers have sessions of
their own, so that neither Ctrl-C nor a closed terminal reaches them, and SIGKILL leaves nobody to end them.

Whatever a run starts carries its process id in the environment. A guardian, outside the run's session, waits for the
end of the run, and then ends all that carry it. Linux only: it reads /proc.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

#: In the environment of all that a run starts: the process id of the run.
MARK = "JEPASCORE_TESTS_OF"
#: A process that is being started shows its environment a moment later: so often without finding any, in a row.
QUIET_LOOKS = 3
LOOK_SECONDS = 0.1


def guard() -> None:
    """Mark this process as a run, and start its guardian."""
    if not hasattr(os, "pidfd_open") or not Path("/proc/self/environ").exists():
        return
    outside = {name: value for name, value in os.environ.items() if name != MARK}
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(os.getpid())],
        env=outside,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.environ[MARK] = str(os.getpid())


def marked(run: int) -> list[int]:
    """Living processes that a run has started, by id."""
    mark = f"{MARK}={run}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def wait_for_end(run: int) -> None:
    """Return once a process is gone."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(run)
        if os.getppid() == run:  # else it was gone before, and the id may be another's by now
            select.select([handle], [], [])


def sweep(run: int) -> None:
    """End all that a run has started, until there is none."""
    quiet = 0
    while quiet < QUIET_LOOKS:
        found = marked(run)
        quiet = 0 if found else quiet + 1
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    parent = int(sys.argv[1])
    wait_for_end(parent)
    sweep(parent)
