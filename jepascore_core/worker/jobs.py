"""The seven kinds of jobs: which are unfinished, and how each is done and its outcome recorded.

What a kind of job needs beyond the catalogue is imported when the first of it is done, most of all torch: the worker
starts fast, and the index of a first dataset waits for nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import duckdb

from jepascore_core.errors import StoreError
from jepascore_core.jobs.indexing import build_dataset_index, keep_former_index, leave_unfinished
from jepascore_core.jobs.queue import Job, JobKind, precompute_files
from jepascore_core.jobs.trainings import finish_training, is_wanted, trainings
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.runs import ProbeState, Run, RunState
from jepascore_core.sensitivity.requests import Closeup, unfinished_closeups, wanted_closeup, write_closeup
from jepascore_core.storage.catalogue import utc_now
from jepascore_core.storage.store import Store
from jepascore_core.worker.heartbeat import Heartbeat, Outcome, run_guarded

logger = logging.getLogger("jepascore.worker")

RUN_STATES = {
    Outcome.DONE: RunState.FINISHED,
    Outcome.CANCELLED: RunState.CANCELLED,
    Outcome.STOPPED: RunState.QUEUED,
    Outcome.FAILED: RunState.FAILED,
}
DATASET_STATES = {
    Outcome.DONE: DatasetState.READY,
    Outcome.CANCELLED: DatasetState.CANCELLED,
    Outcome.STOPPED: DatasetState.INDEXING,
    Outcome.FAILED: DatasetState.FAILED,
}


@dataclass(frozen=True)
class JobType:
    """How the worker handles a kind of job.

    Attributes:
        unfinished: returns the identifiers of unfinished jobs, oldest first.
        do: does one job and records its outcome; the event asks the worker to stop.
    """

    unfinished: Callable[[Store], Iterable[str]]
    do: Callable[[Store, str, threading.Event], None]


def unfinished_jobs(store: Store) -> list[Job]:
    """Return all unfinished jobs, oldest first within their kind; runs wait for the index of their dataset."""
    return [Job(kind, identifier) for kind, job in JOB_TYPES.items() for identifier in job.unfinished(store)]


def _do_index(store: Store, dataset_id: str, stop: threading.Event) -> None:
    catalogue = store.catalogue
    dataset = catalogue.dataset(dataset_id)
    if dataset.state is not DatasetState.INDEXING:
        return

    def beat(now: float) -> bool:
        catalogue.update_dataset(dataset_id, heartbeat=now)
        return catalogue.dataset(dataset_id).cancel_requested

    with Heartbeat(beat, stop) as heartbeat:
        outcome, message = run_guarded(lambda: _build_index(store, dataset, heartbeat.check))
    if dataset.version is not None:
        with contextlib.suppress(StoreError):  # the previous index is damaged, too
            if outcome is Outcome.FAILED:
                keep_former_index(store, dataset, message)
                return
            if outcome is Outcome.CANCELLED:
                leave_unfinished(store, dataset)
                return
    catalogue.update_dataset(dataset_id, state=DATASET_STATES[outcome], message=message)


def _build_index(store: Store, dataset: DatasetRecord, check: Callable[[], None]) -> str:
    if dataset.purpose:
        from jepascore_core.trust.planted.build import build_planted
        from jepascore_core.trust.planted.plan import PLANTED

        if dataset.purpose == PLANTED:
            return build_planted(store, dataset, check)
    return build_dataset_index(store, dataset, check)


def _do_probe(store: Store, probe_id: str, _stop: threading.Event) -> None:
    from jepascore_core.worker.probe import probe_cost

    catalogue = store.catalogue
    probe = catalogue.probe(probe_id)
    if probe.state is not ProbeState.QUEUED:
        return

    def answer() -> str:
        result = probe_cost(store, probe)
        catalogue.update_probe(probe_id, state=ProbeState.FINISHED, result=result.to_dict())
        return ""

    outcome, message = run_guarded(answer)
    if outcome is not Outcome.DONE:
        catalogue.update_probe(probe_id, state=ProbeState.FAILED, message=message)


def _do_closeup(store: Store, identifier: str, _stop: threading.Event) -> None:
    from jepascore_core.sensitivity.maps import work_out_closeup

    wanted = wanted_closeup(store, identifier)
    if wanted is None:
        return

    def answer() -> str:
        work_out_closeup(store, wanted)
        return ""

    outcome, message = run_guarded(answer)
    if outcome is not Outcome.DONE:
        write_closeup(store, wanted, Closeup("failed", message=message), {})


def _unfinished_precomputes(store: Store) -> Iterable[str]:
    if next(precompute_files(store.home), None) is None:
        return ()
    from jepascore_core.curation.precompute.requests import precompute_requests

    return (item.identifier for item in precompute_requests(store) if item.is_active)


def _do_precompute(store: Store, identifier: str, stop: threading.Event) -> None:
    from jepascore_core.curation.precompute.requests import finish_precompute, is_wanted, run_precompute

    def answer() -> str:
        run_precompute(store, identifier, heartbeat.check)
        return ""

    with Heartbeat(lambda _: not is_wanted(store, identifier), stop) as heartbeat:
        outcome, message = run_guarded(answer)
    reason = message if outcome is Outcome.FAILED else ""
    finish_precompute(store, identifier, outcome is Outcome.DONE, reason)


def _do_export(store: Store, export_id: str, stop: threading.Event) -> None:
    from jepascore_core.exporters.requests import write_requested

    catalogue = store.catalogue
    request = catalogue.export(export_id)
    _do_request(
        catalogue.export,
        lambda **changes: catalogue.update_export(export_id, **changes),
        request,
        stop,
        "Computing the list",
        lambda check: write_requested(store, request, check),
        cancelled="Cancelled",
    )


def _do_run(store: Store, run_id: str, stop: threading.Event) -> None:
    from jepascore_core.worker.measure import measure_run

    catalogue = store.catalogue
    run = catalogue.run(run_id)

    def measure(check: Callable[[], None]) -> str:
        message = measure_run(store, run, check)
        _materialize_scores(store, catalogue.run(run_id))
        return message

    _do_request(
        catalogue.run,
        lambda **changes: catalogue.update_run(run_id, **changes),
        run,
        stop,
        "Loading the backbone",
        measure,
    )


def _do_train(store: Store, name: str, stop: threading.Event) -> None:
    from jepascore_core.worker.training import train_requested

    with Heartbeat(lambda _: not is_wanted(store, name), stop) as heartbeat:
        outcome, message = run_guarded(lambda: train_requested(store, name, heartbeat.check))
    finish_training(store, name, outcome is Outcome.DONE, message if outcome is Outcome.FAILED else "")


def _do_request(
    read: Callable[[str], Run] | Callable[[str], ExportRequest],
    update: Callable[..., None],
    request: Run | ExportRequest,
    stop: threading.Event,
    first_message: str,
    work: Callable[[Callable[[], None]], str],
    cancelled: str | None = None,
) -> None:
    """Do a run or an export, whose progress is recorded alike; `cancelled` is the message of a cancelled one."""
    identifier = request.run_id if isinstance(request, Run) else request.export_id
    if not request.state.is_active:
        return

    def beat(now: float) -> bool:
        update(heartbeat=now)
        return read(identifier).cancel_requested

    update(state=RunState.RUNNING, started_at=request.started_at or utc_now(), message=first_message)
    with Heartbeat(beat, stop) as heartbeat:
        outcome, message = run_guarded(lambda: work(heartbeat.check))
    if outcome is Outcome.CANCELLED:
        message = cancelled or message
    finished = None if outcome is Outcome.STOPPED else utc_now()
    update(state=RUN_STATES[outcome], message=message, rate=None, finished_at=finished)


def _materialize_scores(store: Store, run: Run) -> None:
    """Compute what pages would wait for, such as the score table; without it they are slow, not wrong."""
    from jepascore_core.scores.score_set import ScoreSet
    from jepascore_core.scores.tables import build_score_table
    from jepascore_core.trust.precompute import precompute_planted, precompute_trust

    if run.key is None:
        return
    dataset = store.catalogue.dataset(run.dataset_id)
    try:
        is_large = build_score_table(store, dataset, run.key) is not None
        if dataset.parent_id is not None:
            precompute_planted(store, dataset, run.key.backbone_id)
        else:
            precompute_trust(store, ScoreSet(dataset.dataset_id, run.key), is_large)
    except (OSError, duckdb.Error, StoreError):
        logger.exception("no score table for %s", dataset.name)


#: In the order in which they start when several wait.
JOB_TYPES = {
    JobKind.INDEX: JobType(
        lambda store: (
            item.dataset_id for item in store.catalogue.datasets(hidden=True) if item.state is DatasetState.INDEXING
        ),
        _do_index,
    ),
    JobKind.PROBE: JobType(lambda store: (probe.probe_id for probe in store.catalogue.queued_probes()), _do_probe),
    JobKind.CLOSEUP: JobType(unfinished_closeups, _do_closeup),
    JobKind.PRECOMPUTE: JobType(_unfinished_precomputes, _do_precompute),
    JobKind.TRAIN: JobType(lambda store: [item.name for item in trainings(store) if item.is_active], _do_train),
    JobKind.EXPORT: JobType(
        lambda store: (item.export_id for item in reversed(store.catalogue.exports(active_only=True))), _do_export
    ),
    JobKind.RUN: JobType(
        lambda store: (run.run_id for run in reversed(store.catalogue.runs(active_only=True, hidden=True))), _do_run
    ),
}
