"""Progress of active, queued and ended work: runs, dataset indexes and exports."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from jepascore_core.formatting import duration_text, passed_over_text, plural, rate_text
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.runs import Run, RunState
from jepascore_core.scores.titles import asked_title
from jepascore_core.storage.store import Store

#: A worker writes its heartbeat every half second; one that is silent for this long is dead, or its machine sleeps.
STALE_SECONDS = 30.0
MAX_EXAMPLES = 5

_RUN_STATES = {
    RunState.QUEUED: "Waiting",
    RunState.RUNNING: "Running",
    RunState.FINISHED: "Finished",
    RunState.CANCELLED: "Cancelled",
    RunState.FAILED: "Failed",
}
_DATASET_STATES = {
    DatasetState.INDEXING: "Indexing",
    DatasetState.READY: "Ready",
    DatasetState.CANCELLED: "Cancelled",
    DatasetState.FAILED: "Failed",
}


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one kind. `examples` are the first few by sample key."""

    stage: str
    error_class: str
    count: int
    examples: tuple[SampleFailure, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Counters and texts of a run (in distinct images), of a dataset's index or of an export (in samples).

    Always `num_done + num_failed + num_pending = num_total`; `fraction` is the share that is done or failed, 0 to 1.
    `is_stale` says that its worker sent no heartbeat for a while. Texts are "" where there is nothing to say.
    `short_title` fits into a narrow column, `backbone` is the requested backbone with its settings. `measured` is the
    key of the scores of a run whose backbone was loaded. `passed_over` describes skipped files; `error` is why the
    index of a dataset, which is unchanged, could not be renewed.
    """

    identifier: str
    dataset_id: str
    dataset_name: str
    title: str
    short_title: str
    backbone: str
    measured: MeasurementKey | None
    is_approximate: bool
    state: str
    state_text: str
    is_active: bool
    is_stale: bool
    is_stopping: bool
    num_total: int
    num_done: int
    num_reused: int
    num_failed: int
    num_pending: int
    fraction: float
    counts_text: str
    rate_text: str
    time_left_text: str
    elapsed_text: str
    message: str
    can_be_forgotten: bool = False
    passed_over: str = ""
    error: str = ""


def run_progress(store: Store, run: Run, now: float | None = None) -> Progress:
    """Return the current progress of a run; `now` is a time in seconds since the epoch."""
    dataset = store.catalogue.find_dataset(run.dataset_id)
    return describe_run(run, dataset.name if dataset else run.dataset_id, now)


def describe_run(run: Run, dataset_name: str, now: float | None = None) -> Progress:
    """Return `run_progress` for a caller that knows the dataset's name."""
    now = time.time() if now is None else now
    is_running = run.state is RunState.RUNNING
    is_stale = is_running and _is_stale(run.heartbeat, now)
    is_stopping = run.cancel_requested and run.state.is_active
    is_moving = is_running and not is_stale
    reused = f" ({run.num_reused:,} already measured)" if run.num_reused else ""
    return Progress(
        identifier=run.run_id,
        dataset_id=run.dataset_id,
        dataset_name=dataset_name,
        title=", ".join(filter(None, (dataset_name, run.backbone.name, run.spec.views_text))),
        short_title=", ".join(filter(None, (dataset_name, asked_title(run.backbone.name), run.spec.views_text))),
        backbone=" · ".join(part for part in (_asked(run.backbone), _estimator(run), _pilot(run)) if part),
        measured=run.key,
        is_approximate=run.plan is not None,
        state=run.state.value,
        state_text=_state_text(_RUN_STATES[run.state], is_stale, is_stopping),
        is_active=run.state.is_active,
        is_stale=is_stale,
        is_stopping=is_stopping,
        num_total=run.num_total,
        num_done=run.num_measured,
        num_reused=run.num_reused,
        num_failed=run.num_failed,
        num_pending=run.num_pending,
        fraction=_fraction(run.num_processed, run.num_total, run.state is RunState.FINISHED),
        counts_text=_counts_text(
            run.num_measured,
            run.num_total,
            # A cascade measures some images twice.
            "measurement" if run.plan and run.plan.is_cascade else "image",
            _verb(run) + reused,
            run.num_failed,
        ),
        rate_text=rate_text(run.rate) if is_moving else "",
        time_left_text=_time_left(run.seconds_left) if is_moving else "",
        elapsed_text=_elapsed(run.started_at, run.finished_at, now),
        message=run.message,
        can_be_forgotten=run.can_be_forgotten,
    )


def _verb(run: Run) -> str:
    if not run.spec.has_scores:
        return "embedded"
    return "done" if run.plan and run.plan.is_cascade else "measured"


def _asked(backbone: BackboneRef) -> str:
    """Return the name, and what differs from the backbone's own settings, which distinguishes runs of one backbone."""
    own = [Path(backbone.checkpoint).name if backbone.checkpoint else "", backbone.pooling or ""]
    size = f"{backbone.image_size} px" if backbone.image_size else ""
    way = f"{backbone.preprocessing}'s preprocessing" if backbone.preprocessing else ""
    return " · ".join(part for part in (backbone.name, *own, size, way) if part)


def _estimator(run: Run) -> str:
    """Describe how a run measures, if not the image itself exactly."""
    if run.plan is not None:
        return "cascade" if run.plan.is_cascade else "calibrated"
    if not run.spec.has_scores:
        return "embeddings only"
    estimator = "" if run.spec.is_exact else f"{run.spec.estimator}, {run.spec.probes} passes"
    return ", ".join(part for part in (estimator, run.spec.views_text) if part)


def _pilot(run: Run) -> str:
    return run.pilot.text if run.pilot else ""


def index_progress(dataset: DatasetRecord, now: float | None = None) -> Progress:
    """Return the current progress of a dataset's index."""
    now = time.time() if now is None else now
    is_indexing = dataset.state is DatasetState.INDEXING
    is_stale = is_indexing and dataset.heartbeat is not None and _is_stale(dataset.heartbeat, now)
    is_stopping = is_indexing and dataset.cancel_requested
    done = dataset.num_processed
    is_unfinished = dataset.state is DatasetState.CANCELLED and dataset.version is not None
    state = "Ready, rescan cancelled" if is_unfinished else _DATASET_STATES[dataset.state]
    return Progress(
        identifier=dataset.dataset_id,
        dataset_id=dataset.dataset_id,
        dataset_name=dataset.name,
        title=dataset.name,
        short_title=dataset.name,
        backbone="",
        measured=None,
        is_approximate=False,
        state=dataset.state.value,
        state_text=_state_text(state, is_stale, is_stopping),
        is_active=is_indexing,
        is_stale=is_stale,
        is_stopping=is_stopping,
        num_total=dataset.num_total,
        num_done=dataset.num_indexed,
        num_reused=0,
        num_failed=dataset.num_failed,
        num_pending=dataset.num_pending,
        fraction=_fraction(done, dataset.num_total, is_unfinished or dataset.state is DatasetState.READY),
        counts_text=_counts_text(dataset.num_indexed, dataset.num_total, "file", "indexed", dataset.num_failed),
        rate_text=rate_text(dataset.rate) if is_indexing and not is_stale else "",
        time_left_text=_time_left(dataset.seconds_left) if is_indexing and not is_stale else "",
        elapsed_text="",
        message=dataset.message,
        passed_over=passed_over_text(dataset.ignored),
        error=f"{dataset.error} The dataset is unchanged." if dataset.error else "",
    )


def export_progress(request: ExportRequest, dataset_name: str, now: float | None = None) -> Progress:
    """Return the current progress of an export, titled by its file or folder."""
    now = time.time() if now is None else now
    is_running = request.state is RunState.RUNNING
    is_stale = is_running and _is_stale(request.heartbeat, now)
    is_moving = is_running and not is_stale
    is_stopping = request.cancel_requested and request.state.is_active
    return Progress(
        identifier=request.export_id,
        dataset_id=request.dataset_id,
        dataset_name=dataset_name,
        title=f"{dataset_name}, {request.path}",
        short_title=Path(request.path).name,
        backbone="",
        measured=None,
        is_approximate=False,
        state=request.state.value,
        state_text=_state_text(_RUN_STATES[request.state], is_stale, is_stopping),
        is_active=request.state.is_active,
        is_stale=is_stale,
        is_stopping=is_stopping,
        num_total=request.num_total,
        num_done=request.num_written,
        num_reused=0,
        num_failed=0,
        num_pending=request.num_pending,
        fraction=_fraction(request.num_processed, request.num_total, request.state is RunState.FINISHED),
        counts_text=_counts_text(request.num_written, request.num_total, "sample", "written", 0),
        rate_text=rate_text(request.rate) if is_moving else "",
        time_left_text=_time_left(request.seconds_left) if is_moving else "",
        elapsed_text=_elapsed(request.started_at, request.finished_at, now),
        message=request.message,
    )


def failure_groups(failures: Iterable[SampleFailure]) -> tuple[FailureGroup, ...]:
    """Group failures by stage and error class, the largest group first."""
    groups: dict[tuple[str, str], list[SampleFailure]] = defaultdict(list)
    for failure in failures:
        groups[failure.stage, failure.error_class].append(failure)
    found = [
        FailureGroup(*kind, len(items), tuple(sorted(items, key=lambda item: item.sample_key)[:MAX_EXAMPLES]))
        for kind, items in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.count, group.stage, group.error_class)))


def index_failures(store: Store, dataset: DatasetRecord) -> list[SampleFailure]:
    """Return files without a row in the dataset's current index, by sample key."""
    if dataset.version is None:
        return []
    parts = sorted(store.index_folder(dataset).glob("failures-*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part, partitioning=None).to_pylist()]
    return sorted((SampleFailure(**row) for row in rows), key=lambda failure: failure.sample_key)


def _is_stale(heartbeat: float | None, now: float) -> bool:
    return heartbeat is None or now - heartbeat > STALE_SECONDS


def _state_text(state: str, is_stale: bool, is_stopping: bool) -> str:
    if is_stopping:
        return "Cancelling"
    return f"{state}, no heartbeat from the worker" if is_stale else state


def _fraction(done: int, total: int, is_complete: bool) -> float:
    """Return the share that is done, below 1 until the end, so that a full bar means that all is done."""
    if is_complete:
        return 1.0
    return min(done / total, 0.999) if total else 0.0


def _counts_text(done: int, total: int, noun: str, verb: str, failed: int) -> str:
    if not total:
        return ""
    text = f"{done:,} of {plural(total, noun)} {verb}"
    return f"{text}, {failed:,} failed" if failed else text


def _time_left(seconds: float | None) -> str:
    return f"{duration_text(seconds)} left" if seconds else ""


def _elapsed(started_at: str | None, finished_at: str | None, now: float) -> str:
    if started_at is None:
        return ""
    end = datetime.fromisoformat(finished_at).timestamp() if finished_at else now
    return duration_text(max(0.0, end - datetime.fromisoformat(started_at).timestamp()))
