"""The samples that a first index has so far, in the order in which they are read: nothing waits for its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.manifest import count_rows, manifest_parts
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.measurement_sql import parquet_sql
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import BrowsedSample


@dataclass(frozen=True, slots=True)
class IndexedSoFar:
    """A part of what is indexed, and the number of all of it."""

    samples: list[BrowsedSample]
    num_indexed: int


def indexed_so_far(store: Store, dataset: DatasetRecord, first: int, number: int) -> IndexedSoFar:
    """Return samples of the index that is being built, none where it has not begun.

    Raises:
        StoreError: if a part is damaged.
    """
    folder = _folder_in_progress(store, dataset)
    if folder is None:
        return IndexedSoFar([], 0)
    sql = f"""SELECT sample_key, content_id, label, width, height
        FROM ({parquet_sql(manifest_parts(folder))}) LIMIT {int(number)} OFFSET {int(first)}"""
    rows = store.query(sql).to_pylist()
    return IndexedSoFar([BrowsedSample(**row, value=None, verdict=None) for row in rows], count_rows(folder)[0])


def _folder_in_progress(store: Store, dataset: DatasetRecord) -> Path | None:
    folders = sorted(store.dataset_folder(dataset.dataset_id).glob("index-*"))
    return folders[-1] if folders and manifest_parts(folders[-1]) else None
