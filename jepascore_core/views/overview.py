"""The home page: datasets, active jobs, and what was measured."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import DatasetChoice, MeasuredChoice, dataset_choices, measured_choices
from jepascore_core.storage.store import Store
from jepascore_core.views.progress import Progress, describe_run, index_progress


@dataclass(frozen=True, slots=True)
class DatasetOverview:
    """A dataset, the progress of its index, and its measured backbones."""

    choice: DatasetChoice
    source: str
    index: Progress
    measured: tuple[MeasuredChoice, ...]


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
    now = time.time() if now is None else now
    records = {record.dataset_id: record for record in store.catalogue.datasets()}
    datasets = tuple(
        _dataset(store, choice, records[choice.dataset_id], now)
        for choice in dataset_choices(store)
        if choice.dataset_id in records
    )
    all_runs = [
        describe_run(run, records[run.dataset_id].name, now)
        for run in store.catalogue.runs()
        if run.dataset_id in records
    ]
    active = [item.index for item in datasets if item.index.is_active] + [run for run in all_runs if run.is_active]
    return Overview(datasets, tuple(all_runs[:max_runs]), tuple(active))


def active_work(store: Store, dataset_id: str, now: float | None = None) -> tuple[Progress, ...]:
    """Return the index and the runs of a dataset that are in progress or queued, the first to be done first.

    Raises:
        UnknownNameError: if there is no such dataset.
    """
    now = time.time() if now is None else now
    record = store.catalogue.dataset(dataset_id)
    queued = reversed(store.catalogue.runs(record.dataset_id, active_only=True))
    runs = [describe_run(run, record.name, now) for run in queued]
    return tuple(item for item in [index_progress(record, now), *runs] if item.is_active)


def _dataset(store: Store, choice: DatasetChoice, record: DatasetRecord, now: float) -> DatasetOverview:
    measured = measured_choices(store, choice.dataset_id) if choice.has_index else ()
    return DatasetOverview(choice, record.source, index_progress(record, now), measured)
