"""Tags and corrected labels that rules ask for, as columns: current ones, or those that a recipe recorded."""

from __future__ import annotations

from jepascore_core.curation.columns.marks import relabelled_column, tag_column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.settling import recorded_column
from jepascore_core.curation.tags import known_tag
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store


def mark_column(store: Store, dataset: DatasetRecord, mark: Marked) -> str:
    """Return the cached column of whether each sample has a tag or corrected label.

    Raises:
        UnknownNameError: if there is no such tag.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    if mark.samples is not None:
        return recorded_column(store, dataset, mark.samples)
    if mark.name == "relabelled":
        return relabelled_column(store, dataset, mark.value)
    return tag_column(store, dataset, known_tag(store, dataset.dataset_id, str(mark.value)))
