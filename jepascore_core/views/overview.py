"""The home page: datasets, active jobs, and what was measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jepascore_core.curation.journal import last_actions
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.runs import Run
from jepascore_core.scores.measured import DatasetChoice, MeasuredChoice, dataset_choices, measured_choices
from jepascore_core.storage.store import Store
from jepascore_core.views.progress import Progress, describe_run, index_progress


@dataclass(frozen=True, slots=True)
class DatasetOverview:
    """A dataset, the progress of its index, its measured backbones, and its runs in progress or queued.

    `last_activity` is when it was last indexed, measured or decided about, in seconds since the epoch.
    """

    choice: DatasetChoice
    source: str
    index: Progress
    measured: tuple[MeasuredChoice, ...]
    runs: tuple[Progress, ...]
    last_activity: float


@dataclass(frozen=True, slots=True)
class Overview:
    """Datasets by name and the newest runs, newest first; `active` are all indexes and runs in progress or queued."""

    datasets: tuple[DatasetOverview, ...]
    runs: tuple[Progress, ...]
    active: tuple[Progress, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added yet."""
        return not self.datasets


def overview(store: Store, now: float | None = None, max_runs: int = 20) -> Overview:
    """Return the view of the home page; `now` is a time in seconds since the epoch."""
    with store.catalogue.connected():
        return _overview(store, time.time() if now is None else now, max_runs)


def _overview(store: Store, now: float, max_runs: int) -> Overview:
    records = {record.dataset_id: record for record in store.catalogue.datasets()}
    runs: dict[str, list[Run]] = {dataset_id: [] for dataset_id in records}
    newest = [run for run in store.catalogue.runs() if run.dataset_id in runs]
    for run in newest:
        runs[run.dataset_id].append(run)
    decided = last_actions(store)
    datasets = tuple(
        _dataset(store, choice, records[choice.dataset_id], runs[choice.dataset_id], decided, now)
        for choice in dataset_choices(store)
        if choice.dataset_id in records
    )
    all_runs = [describe_run(run, records[run.dataset_id].name, now) for run in newest]
    active = [item.index for item in datasets if item.index.is_active] + [run for run in all_runs if run.is_active]
    return Overview(datasets, tuple(all_runs[:max_runs]), tuple(active))


def _dataset(
    store: Store,
    choice: DatasetChoice,
    record: DatasetRecord,
    runs: Sequence[Run],
    decided: dict[str, str],
    now: float,
) -> DatasetOverview:
    measured = measured_choices(store, choice.dataset_id) if choice.has_index else ()
    active = tuple(describe_run(run, record.name, now) for run in reversed(runs) if run.state.is_active)
    times = [record.created_at, decided.get(record.dataset_id)]
    times += [time for run in runs for time in (run.created_at, run.started_at, run.finished_at)]
    beats = [record.heartbeat, *(run.heartbeat for run in runs)]
    last = max([datetime.fromisoformat(time).timestamp() for time in times if time] + [beat for beat in beats if beat])
    return DatasetOverview(
        choice, record.source, index_progress(record, now), measured, active, last_activity=min(last, now)
    )
