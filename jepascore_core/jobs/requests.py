"""Request, follow and cancel jobs, from any process. Needs no torch: the worker does the jobs."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from jepascore_core.datasets.sources import SourceOptions, detect_kind, source_path
from jepascore_core.errors import JepaScoreError, StoreError
from jepascore_core.jobs import process
from jepascore_core.jobs.demos import DEFAULT_DEMO, Demo
from jepascore_core.jobs.queue import ring_bell
from jepascore_core.measuring.specs import resolve_request
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.requests import MeasurementRequest, ResolvedRequest
from jepascore_core.records.runs import CostProbe, Run, RunState
from jepascore_core.storage.catalogue import new_id
from jepascore_core.storage.store import Store


class _State(Protocol):
    @property
    def is_active(self) -> bool: ...


class _Work(Protocol):
    @property
    def state(self) -> _State: ...


Work = TypeVar("Work", bound=_Work)


def follow(store: Store, look: Callable[[], Work], interval: float = 0.3) -> Iterator[Work]:
    """Yield the result of `look`, such as a run, until its state is no longer active.

    Raises:
        JepaScoreError: if no worker is available; the message says where its log is.
    """
    watch = process.WorkerWatch(store)
    while True:
        work = look()
        yield work
        if not work.state.is_active:
            return
        watch.look()
        time.sleep(interval)


# Datasets


def request_dataset(
    store: Store, name: str, source: str, options: SourceOptions | None = None, reread: bool = False
) -> DatasetRecord:
    """Register a dataset and queue its index; for a known name, re-scan its source.

    A re-scan reads only what changed, or with `reread` every image. Omitted options keep those of the last complete
    index, so that labels do not change unintentionally.

    Raises:
        SourceError: if the source cannot be a dataset.
        StoreError: if the name is taken by another source.
    """
    record = _register_dataset(store, name, source, options, reread)
    _wake_worker(store)
    return record


def _register_dataset(
    store: Store, name: str, source: str, options: SourceOptions | None = None, reread: bool = False
) -> DatasetRecord:
    location = str(source_path(source))
    known = store.catalogue.find_dataset(name)
    if known is not None and known.source != location:
        raise StoreError(
            f"The name {name!r} is taken by a dataset with another source: {known.source}. Choose another name. If its "
            f"images are at {location} now, run `jepascore datasets move {shlex.quote(name)} {shlex.quote(location)}` "
            "or use Move on its card on the Runs page."
        )
    options = effective_options(known, options or SourceOptions())
    kind = options.kind or detect_kind(location, options)
    if known is None:
        known = store.catalogue.add_dataset(name, location, kind, options.to_dict())
    else:
        asked = {"kind": kind, "options": options.to_dict()}
        again = {"reread": new_id()} if reread else {}
        changes = asked if known.version is None else {"wanted": {**asked, **again}}
        store.catalogue.update_dataset(known.dataset_id, **changes)
    return _queue_index(store, known.dataset_id)


def move_dataset(store: Store, name: str, source: str, root: str | None = None, anyway: bool = False) -> DatasetRecord:
    """Request that a dataset is read from the new location of its images; keys, decisions, recipes and scores are kept.

    The new source takes over once it is indexed and contains the images; otherwise nothing changes.

    Args:
        store: where the dataset is.
        name: its name or id.
        source: its new source, of the same kind.
        root: the new root of relative paths; a root in the previous source is expected at the same path in the new one.
        anyway: move even if most images are missing or have other bytes.

    Raises:
        SourceError: if there is no such source.
        UnknownNameError, DatasetNotReadyError: if there is no such dataset, or it was never indexed.
    """
    known = store.catalogue.dataset(name)
    store.index_folder(known)
    location = source_path(source)
    options = SourceOptions.from_dict(known.options)
    options = replace(options, root=root or moved_root(options.root, Path(known.source), location)).located()
    kind = options.kind or detect_kind(location, options)
    asked = {"kind": kind, "options": options.to_dict(), "source": str(location), "anyway": anyway}
    store.catalogue.update_dataset(known.dataset_id, wanted=asked)
    return resume_dataset(store, known.dataset_id)


def moved_root(root: str | None, old: Path, new: Path) -> str | None:
    """Return the root of relative paths after a move: at the same path in the source, or beside a table."""
    for before, after in ((old, new), (old.parent, new.parent)):
        if root is not None and Path(root).is_relative_to(before):
            return str(after / Path(root).relative_to(before))
    return root


def effective_options(known: DatasetRecord | None, options: SourceOptions) -> SourceOptions:
    """Return how a source would be read: omitted options are those of the dataset's last complete index."""
    options = options.located()
    if known is not None and known.version is not None:
        options = options.or_else(SourceOptions.from_dict(known.options))
    return options.or_else(SourceOptions())


def resume_dataset(store: Store, dataset_id: str) -> DatasetRecord:
    """Queue a dataset's index (again); what a cancelled or killed attempt has read is not read twice."""
    record = _queue_index(store, dataset_id)
    _wake_worker(store)
    return record


def _queue_index(store: Store, dataset_id: str) -> DatasetRecord:
    store.catalogue.update_dataset(
        dataset_id,
        state=DatasetState.INDEXING,
        cancel_requested=0,
        message="Waiting for the worker",
        heartbeat=None,
        error=None,
    )
    return store.catalogue.dataset(dataset_id)


def cancel_dataset(store: Store, dataset_id: str) -> None:
    """Ask the worker to stop indexing; what was read so far is kept for a later attempt."""
    store.catalogue.update_dataset(dataset_id, cancel_requested=1)


# Runs


def request_run(store: Store, request: MeasurementRequest) -> Run:
    """Queue a run; a request that is already queued or running returns that run.

    Raises:
        UnknownNameError: for an unknown dataset, estimator or precision, or inconsistent options.
        DatasetNotReadyError: if the dataset has no index and none is being built; a run waits for one that is.
    """
    run = _queue_run(store, request)
    _wake_worker(store)
    return run


def start_run(store: Store, request: ResolvedRequest) -> Run:
    """Queue a run of which every question is settled; one that is queued or running already is returned."""
    run = store.catalogue.add_run(request)
    _wake_worker(store)
    return run


def _queue_run(store: Store, request: MeasurementRequest) -> Run:
    record = store.catalogue.dataset(request.dataset)
    if not record.state.is_active:
        store.index_folder(record)
    return store.catalogue.add_run(resolve_request(request, record.dataset_id))


def cancel_run(store: Store, run_id: str) -> None:
    """Cancel a run; a queued one at once, a running one at its next cotangent."""
    run = store.catalogue.run(run_id)
    if run.state.is_active:
        store.catalogue.update_run(run_id, cancel_requested=1)
    if run.state is RunState.QUEUED or (run.state is RunState.RUNNING and not process.worker_is_alive(store.home)):
        store.catalogue.update_run(run_id, state=RunState.CANCELLED, message="Cancelled")


def resume_run(store: Store, run_id: str, retry_failures: bool = False) -> Run:
    """Queue an ended run again; only missing images are measured, and failures only with `retry_failures`."""
    run = store.catalogue.run(run_id)
    if run.state.is_active and not run.cancel_requested:
        return run
    if retry_failures:
        store.catalogue.clear_run_failures(run_id)
    store.catalogue.update_run(
        run_id, state=RunState.QUEUED, cancel_requested=0, rate=None, finished_at=None, message="Waiting for the worker"
    )
    _wake_worker(store)
    return store.catalogue.run(run_id)


def measure_rest(store: Store, run_id: str) -> Run:
    """Queue a run that measures the images which a pilot left out, in the same way.

    Raises:
        UnknownNameError: if there is no such run.
    """
    run = store.catalogue.run(run_id)
    return start_run(store, ResolvedRequest(run.dataset_id, run.backbone, run.spec, run.device, run.plan))


def forget_run(store: Store, run_id: str) -> None:
    """Remove a run that ended without measuring anything itself, with its failures; measurements are kept.

    Raises:
        UnknownNameError: if there is no such run.
        JepaScoreError: if it is active or has measured something, which a recipe or a sensitivity map may depend on.
    """
    run = store.catalogue.run(run_id)
    if run.state.is_active:
        raise JepaScoreError(f"Run {run_id} is {run.state}. Cancel it first.")
    if not run.can_be_forgotten:
        raise JepaScoreError(
            f"Run {run_id} cannot be removed: it documents how its scores were measured. Delete its scores first."
        )
    store.catalogue.remove_run(run_id)


def request_probe(store: Store, request: MeasurementRequest) -> CostProbe:
    """Ask the worker to estimate the cost of a run.

    Raises:
        UnknownNameError: for an unknown dataset, estimator or precision, or inconsistent options.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    record = store.catalogue.dataset(request.dataset)
    store.index_folder(record)
    probe = store.catalogue.add_probe(resolve_request(request, record.dataset_id))
    _wake_worker(store)
    return probe


def request_demo(store: Store, demo: Demo = DEFAULT_DEMO) -> tuple[Run, ...]:
    """Create a built-in demo, add it, and queue a run for each of its encoders; nothing is queued twice.

    The runs are in the order in which they are measured.

    Raises:
        JepaScoreError: if the home folder is not writable.
    """
    table = demo.build(store.home / demo.folder)
    known = store.catalogue.find_dataset(demo.name)
    if known is None or known.version is None:
        known = _register_dataset(store, demo.name, str(table))
    oldest_first = reversed(store.catalogue.runs(known.dataset_id))
    earlier: dict[str, Run] = {}
    for run in oldest_first:
        earlier.setdefault(run.backbone.name, run)
    runs = tuple(
        earlier.get(name) or _queue_run(store, MeasurementRequest(demo.name, BackboneRef(name)))
        for name in demo.backbones
    )
    # Once: a worker that was just started holds no lock yet, so each request would start another.
    if known.state.is_active or any(run.state.is_active for run in runs):
        _wake_worker(store)
    return runs


def _wake_worker(store: Store) -> None:
    """Make sure that a worker looks at the queue."""
    ring_bell(store.home)
    process.start_worker(store.home)
