"""Supervise a job: write its heartbeat, notice cancellation, and turn its end or its error into an outcome."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from jepascore_core.errors import JepaScoreError, RunCancelled, StoreError, WorkerStopped

logger = logging.getLogger("jepascore.worker")

#: Seconds between heartbeats, and so the delay until a cancellation is noticed.
HEARTBEAT_SECONDS = 0.5


class Heartbeat:
    """Call `beat` regularly with the time while a job runs; it returns whether the job was cancelled."""

    def __init__(self, beat: Callable[[float], bool], stop: threading.Event) -> None:
        self._beat, self._stop = beat, stop
        self._cancelled, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._beat(time.time()):
                    self._cancelled.set()
            except StoreError as error:
                # A catalogue that is busy for a while is no reason to stop measuring.
                logger.warning("heartbeat not written: %s", error)
            self._ended.wait(HEARTBEAT_SECONDS)

    def check(self) -> None:
        """Raise RunCancelled or WorkerStopped if the job should end."""
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


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    FAILED = "failed"


def run_guarded(work: Callable[[], str]) -> tuple[Outcome, str]:
    """Run a job; turn any error into an outcome and a message."""
    try:
        return Outcome.DONE, work()
    except RunCancelled:
        return Outcome.CANCELLED, "Cancelled; finished work is kept"
    except WorkerStopped:
        return Outcome.STOPPED, "The worker was stopped; waiting for it to start again"
    except JepaScoreError as error:
        return Outcome.FAILED, str(error)
    except Exception as error:
        logger.exception("unexpected error")
        return Outcome.FAILED, f"Unexpected {type(error).__name__}: {error}. See the worker's log for details."
