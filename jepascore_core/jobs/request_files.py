"""A request that is a file until it is done, with its progress and why it failed beside it.

A worker that is killed or stopped leaves the request for the next one; who deletes it cancels it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jepascore_core.atomic import write_atomically
from jepascore_core.formatting import duration_text, percent_text

RequestState = Literal["none", "waiting", "running", "failed"]

#: What follows the name of a request in that of its file.
WANTED_SUFFIX = ".wanted.json"


@dataclass(frozen=True, slots=True)
class RequestFiles:
    """The files `<name>.wanted.json`, `.progress.json` and `.failed.json` of a request in a folder."""

    folder: Path
    name: str

    @property
    def is_wanted(self) -> bool:
        """Whether the request still exists."""
        return self._wanted.is_file()

    def wanted(self) -> dict[str, Any] | None:
        """Return what was asked for, None if it is done or cancelled."""
        return _load(self._wanted)

    def failure(self) -> str | None:
        """Return why it failed, None if it did not."""
        found = _load(self._failed)
        return None if found is None else str(found["message"])

    def progress(self) -> dict[str, Any] | None:
        """Return what was reported, None as long as nobody works on it."""
        return _load(self._progress)

    def ask(self, what: dict[str, Any]) -> None:
        """Begin the request, or begin it again after a failure."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self._failed, self._progress):
            path.unlink(missing_ok=True)
        write_atomically(self._wanted, json.dumps(what).encode())

    def report(self, progress: dict[str, Any]) -> None:
        """Record the progress."""
        write_atomically(self._progress, json.dumps(progress).encode())

    def finish(self, is_done: bool, message: str = "") -> None:
        """Record how an attempt ended: done, failed with a message, or neither, for the next worker."""
        if is_done:
            self.cancel()
            return
        if message and self.is_wanted:
            write_atomically(self._failed, json.dumps({"message": message}).encode())
        self._progress.unlink(missing_ok=True)

    def cancel(self) -> None:
        """Remove the request with all that is beside it."""
        for path in (self._wanted, self._progress, self._failed):
            path.unlink(missing_ok=True)

    @property
    def _wanted(self) -> Path:
        return self.folder / f"{self.name}{WANTED_SUFFIX}"

    @property
    def _progress(self) -> Path:
        return self.folder / f"{self.name}.progress.json"

    @property
    def _failed(self) -> Path:
        return self.folder / f"{self.name}.failed.json"


def progress_text(state: RequestState, share: float, seconds_left: float | None) -> str:
    """Say how far a request is, in a few words."""
    if state != "running":
        return "Waiting for the worker"
    left = "" if seconds_left is None else f" · {duration_text(seconds_left)} left"
    return f"{percent_text(share)}{left}"


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
