"""Requests for long computations of a curation: requested here, done by the worker, all in a dataset's folder.

A request is in `datasets/<dataset id>/preparations/`, see `request_files`. `precompute` stores the result, atomically.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import precompute
from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.jobs.process import start_worker
from jepascore_core.jobs.queue import precompute_files, ring_bell
from jepascore_core.jobs.request_files import RequestFiles, RequestState, progress_text
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: Progress is written at most this often, in seconds.
REPORT_SECONDS = 0.3

_FOLDER = "preparations"
#: What files and identifiers call a baseline score, since before it had its present name.
_STORED_BASELINE = "companion"


@dataclass(frozen=True, slots=True)
class PrecomputeRequest:
    """State of a computation; "none" if it was not requested, or is done. `message` is the reason of a failure."""

    identifier: str
    work: PrecomputeStep
    state: RequestState
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
        return progress_text(self.state, self.share, self.seconds_left)


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
    # Recorded with the backbone that the step names as that of the scores.
    named = Compiler(store, scores).score_set(work.backbone)
    wanted = {"scores": named.to_dict(), "work": _to_stored(dataclasses.replace(work, backbone=None))}
    _files(store, found.identifier).ask(wanted)
    ring_bell(store.home)
    start_worker(store.home)
    return _read(store, found.identifier, work)


def cancel_precompute(store: Store, identifier: str) -> None:
    """Cancel a request; a worker that computes it stops within a moment, and nothing of it is kept."""
    _files(store, identifier).cancel()


def is_wanted(store: Store, identifier: str) -> bool:
    """Return whether a request still exists."""
    return _files(store, identifier).is_wanted


def run_precompute(store: Store, identifier: str, check: Callable[[], None]) -> None:
    """Do a request; for the worker, which records its outcome afterwards.

    Raises:
        UnknownNameError: if it was done or cancelled meanwhile.
        TooFewImagesError: as `precompute`.
        StoreError: if the result cannot be written.
        RunCancelled, WorkerStopped: from `check`.
    """
    scores, work = _wanted(store, identifier)
    report = _Reporter(_files(store, identifier), check)
    try:
        report(0.0)
        precompute(store, scores, work, report)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{store.home} is not writable: {reason}. Fix that, and try again.") from error


def finish_precompute(store: Store, identifier: str, is_done: bool, message: str = "") -> None:
    """Record how an attempt ended: done, failed with a message, or neither, for the next worker to start again."""
    _files(store, identifier).finish(is_done, message)


class _Reporter:
    """Records the progress of a computation, and stops it when it should end."""

    def __init__(self, files: RequestFiles, check: Callable[[], None]) -> None:
        self._files, self._check = files, check
        self._started, self._told = time.monotonic(), -REPORT_SECONDS

    def __call__(self, share: float) -> None:
        self._check()
        seconds = time.monotonic() - self._started
        if seconds - self._told >= REPORT_SECONDS:
            self._told = seconds
            self._files.report({"share": share, "seconds": seconds})


def _files(store: Store, identifier: str) -> RequestFiles:
    dataset_id, _, key = identifier.partition("/")
    return RequestFiles(store.dataset_folder(dataset_id) / _FOLDER, key)


def _wanted(store: Store, identifier: str) -> tuple[ScoreSet, PrecomputeStep]:
    found = _files(store, identifier).wanted()
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
    files = _files(store, identifier)
    if not files.is_wanted:
        return PrecomputeRequest(identifier, work, "none")
    failure = files.failure()
    if failure is not None:
        return PrecomputeRequest(identifier, work, "failed", message=failure)
    progress = files.progress()
    if progress is None:
        return PrecomputeRequest(identifier, work, "waiting")
    share, seconds = progress["share"], progress["seconds"]
    left = seconds * (1 - share) / share if share > 0 else None
    return PrecomputeRequest(identifier, work, "running", share, left)
