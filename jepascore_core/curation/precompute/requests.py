"""Requests for long computations of a curation: requested here, done by the worker, all in a dataset's folder.

`datasets/<dataset id>/preparations/<key>.wanted.json` exists while a request is pending. Beside it are its progress
and why it failed. `precompute` stores the result, atomically. The file of a request is deleted when it is done or
cancelled, and remains for the next worker when a worker is killed.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jepascore_core.atomic import write_atomically
from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import precompute
from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.formatting import duration_text, percent_text
from jepascore_core.jobs.process import start_worker
from jepascore_core.jobs.queue import precompute_files, ring_bell
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

PrecomputeState = Literal["none", "waiting", "running", "failed"]

#: Progress is written at most this often, in seconds.
REPORT_SECONDS = 0.3

_FOLDER = "preparations"
#: What files and identifiers call a baseline score, since before it had its present name.
_STORED_BASELINE = "companion"
_WANTED, _PROGRESS, _FAILED = "wanted", "progress", "failed"


@dataclass(frozen=True, slots=True)
class PrecomputeRequest:
    """State of a computation; "none" if it was not requested, or is done. `message` is the reason of a failure."""

    identifier: str
    work: PrecomputeStep
    state: PrecomputeState
    share: float = 0.0
    seconds_left: float | None = None
    message: str = ""

    @property
    def dataset_id(self) -> str:
        """Id of its dataset."""
        return self.identifier.partition("/")[0]

    @property
    def is_active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ("waiting", "running")

    @property
    def progress_text(self) -> str:
        """Its progress in a few words."""
        if self.state != "running":
            return "Waiting for the worker"
        left = "" if self.seconds_left is None else f" · {duration_text(self.seconds_left)} left"
        return f"{percent_text(self.share)}{left}"


def precompute_request_of(store: Store, scores: ScoreSet, work: PrecomputeStep) -> PrecomputeRequest:
    """Return the state of a step of `pending_work`.

    Raises:
        UnknownNameError: if its backbone has no measurements any more.
    """
    named = Compiler(store, scores).score_set(work.backbone)
    # Colours are those of the images, whichever backbone measured them.
    measured = None if work.kind == "colours" else [named.backbone_id, named.spec_id]
    wanted = [work.radius, work.baseline, work.number, work.seed, work.candidates]
    if work.embeddings:
        wanted += [named.definition, work.embeddings]
    if work.reference is not None:
        wanted += [work.reference]
    if work.similarity:
        wanted += [work.similarity]
    key = short_hash([_stored_kind(work), measured, *wanted], 20)
    return _read(store, f"{scores.dataset_id}/{key}", work)


def precompute_request(store: Store, identifier: str) -> PrecomputeRequest:
    """Return the state of the request with an identifier.

    Raises:
        UnknownNameError: if it is done or cancelled.
    """
    return _read(store, identifier, _wanted(store, identifier)[1])


def precompute_requests(store: Store) -> tuple[PrecomputeRequest, ...]:
    """Return all unfinished requests, including failed ones, oldest first."""
    found = []
    for path in precompute_files(store.home):
        try:
            asked_at = path.stat().st_mtime
            found.append(
                (asked_at, precompute_request(store, f"{path.parent.parent.name}/{path.name.partition('.')[0]}"))
            )
        except (OSError, UnknownNameError):
            continue  # done or cancelled just now
    return tuple(item for _, item in sorted(found, key=lambda pair: (pair[0], pair[1].identifier)))


def request_precompute(store: Store, scores: ScoreSet, work: PrecomputeStep) -> PrecomputeRequest:
    """Ask the worker for a computation, again if it failed; nothing is queued twice.

    Raises:
        UnknownNameError: as `precompute_request_of`.
    """
    found = precompute_request_of(store, scores, work)
    if found.is_active:
        return found
    path = _path(store, found.identifier, _WANTED)
    path.parent.mkdir(parents=True, exist_ok=True)
    for what in (_FAILED, _PROGRESS):
        _path(store, found.identifier, what).unlink(missing_ok=True)
    # Recorded with the backbone that the step names as that of the scores.
    named = Compiler(store, scores).score_set(work.backbone)
    wanted = {"scores": named.to_dict(), "work": _to_stored(dataclasses.replace(work, backbone=None))}
    write_atomically(path, json.dumps(wanted).encode())
    ring_bell(store.home)
    start_worker(store.home)
    return _read(store, found.identifier, work)


def cancel_precompute(store: Store, identifier: str) -> None:
    """Cancel a request; a worker that computes it stops within a moment, and nothing of it is kept."""
    for what in (_WANTED, _PROGRESS, _FAILED):
        _path(store, identifier, what).unlink(missing_ok=True)


def is_wanted(store: Store, identifier: str) -> bool:
    """Return whether a request still exists."""
    return _path(store, identifier, _WANTED).is_file()


def run_precompute(store: Store, identifier: str, check: Callable[[], None]) -> None:
    """Do a request; for the worker, which records its outcome afterwards.

    Raises:
        UnknownNameError: if it was done or cancelled meanwhile.
        TooFewImagesError: as `precompute`.
        StoreError: if the result cannot be written.
        RunCancelled, WorkerStopped: from `check`.
    """
    scores, work = _wanted(store, identifier)
    report = _Reporter(_path(store, identifier, _PROGRESS), check)
    try:
        report(0.0)
        precompute(store, scores, work, report)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{store.home} is not writable: {reason}. Fix that, and try again.") from error


def finish_precompute(store: Store, identifier: str, is_done: bool, message: str = "") -> None:
    """Record how an attempt ended: done, failed with a message, or neither, for the next worker to start again."""
    if is_done:
        cancel_precompute(store, identifier)
        return
    if message and is_wanted(store, identifier):
        write_atomically(_path(store, identifier, _FAILED), json.dumps({"message": message}).encode())
    _path(store, identifier, _PROGRESS).unlink(missing_ok=True)


class _Reporter:
    """Records the progress of a computation, and stops it when it should end."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self._path, self._check = path, check
        self._started, self._told = time.monotonic(), -REPORT_SECONDS

    def __call__(self, share: float) -> None:
        self._check()
        seconds = time.monotonic() - self._started
        if seconds - self._told >= REPORT_SECONDS:
            self._told = seconds
            write_atomically(self._path, json.dumps({"share": share, "seconds": seconds}).encode())


def _path(store: Store, identifier: str, what: str) -> Path:
    dataset_id, _, key = identifier.partition("/")
    return store.dataset_folder(dataset_id) / _FOLDER / f"{key}.{what}.json"


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def _wanted(store: Store, identifier: str) -> tuple[ScoreSet, PrecomputeStep]:
    found = _load(_path(store, identifier, _WANTED))
    if found is None:
        raise UnknownNameError("This request was cancelled or is done.")
    return ScoreSet.from_dict(found["scores"]), _from_stored(found["work"])


def _stored_kind(work: PrecomputeStep) -> str:
    return _STORED_BASELINE if work.kind == "baseline" else work.kind


def _to_stored(work: PrecomputeStep) -> dict[str, Any]:
    values = dataclasses.asdict(work)
    baseline = values.pop("baseline")
    return {**values, "kind": _stored_kind(work), _STORED_BASELINE: baseline}


def _from_stored(values: dict[str, Any]) -> PrecomputeStep:
    kind = "baseline" if values["kind"] == _STORED_BASELINE else values["kind"]
    baseline = values[_STORED_BASELINE]
    others = {name: value for name, value in values.items() if name != _STORED_BASELINE}
    return PrecomputeStep(**{**others, "kind": kind, "baseline": baseline})


def _read(store: Store, identifier: str, work: PrecomputeStep) -> PrecomputeRequest:
    if not is_wanted(store, identifier):
        return PrecomputeRequest(identifier, work, "none")
    failed = _load(_path(store, identifier, _FAILED))
    if failed is not None:
        return PrecomputeRequest(identifier, work, "failed", message=failed["message"])
    progress = _load(_path(store, identifier, _PROGRESS))
    if progress is None:
        return PrecomputeRequest(identifier, work, "waiting")
    share, seconds = progress["share"], progress["seconds"]
    left = seconds * (1 - share) / share if share > 0 else None
    return PrecomputeRequest(identifier, work, "running", share, left)
