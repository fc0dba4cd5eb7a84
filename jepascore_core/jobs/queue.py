"""Kinds of jobs, and the bell that wakes the worker.

Jobs and their progress are in the catalogue or in files beside it: the catalogue is the queue, and a bell that is not
heard loses nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from jepascore_core.jobs.request_files import WANTED_SUFFIX


class JobKind(StrEnum):
    """Kinds of jobs. Long ones have lanes of their own, so that quick ones never wait for them."""

    RUN = "run"
    INDEX = "index"
    PROBE = "probe"
    CLOSEUP = "closeup"
    EXPORT = "export"
    PRECOMPUTE = "preparation"
    TRAIN = "training"

    @property
    def lane(self) -> str:
        """Name of the lane that does this kind of job, one at a time."""
        return _LANES.get(self, "quick")


_LANES = {
    JobKind.RUN: "runs",
    JobKind.TRAIN: "runs",  # both want all of the processor, or the memory of the GPU
    JobKind.EXPORT: "exports",
    JobKind.PRECOMPUTE: "preparations",
}
LANES = (*dict.fromkeys(_LANES.values()), "quick")


class Job(NamedTuple):
    """A job: its kind, and its identifier in the catalogue or the home folder."""

    kind: JobKind
    identifier: str


def precompute_files(home: Path) -> Iterator[Path]:
    """Yield the files of the unfinished requests for precomputing, `<dataset id>/preparations/<key>.wanted.json`."""
    return (home / "datasets").glob(f"*/preparations/*{WANTED_SUFFIX}")


def ring_bell(home: Path) -> None:
    """Wake the worker of a home folder, if it is running, because there is a new job."""
    # A bell that cannot be rung, for example on a full disk, only delays: the worker looks for jobs regularly anyway.
    with contextlib.suppress(OSError):
        path = _bell(home)
        path.touch()
        os.utime(path)


def last_ring(home: Path) -> int:
    """Return when the bell last rang, in nanoseconds; 0 before the first time."""
    try:
        return _bell(home).stat().st_mtime_ns
    except OSError:
        return 0


def _bell(home: Path) -> Path:
    return home / "worker.bell"
