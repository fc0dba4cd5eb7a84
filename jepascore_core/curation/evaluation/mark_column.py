"""Tags, corrected labels and regions that rules ask for, as columns: current ones, or those of a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from jepascore_core.curation.columns.marks import marks_state, relabelled_column, tag_column
from jepascore_core.curation.columns.regions import find_region, region_column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import Rule, walk
from jepascore_core.curation.settling import recorded_column
from jepascore_core.curation.tags import known_tag
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store


def marked_state(store: Store, dataset_id: str, rules: Iterable[Rule]) -> str:
    """Return a text that changes whenever a tag, a corrected label or a region of rules may mean other samples."""
    marks = [item for rule in rules for item in walk(rule) if isinstance(item, Marked) and item.samples is None]
    if not marks:
        return ""
    regions = [find_region(store, dataset_id, str(item.value)) for item in marks if item.name == "region"]
    return short_hash([marks_state(store, dataset_id), *(region and asdict(region) for region in regions)])


def mark_column(store: Store, dataset: DatasetRecord, mark: Marked) -> str:
    """Return the cached column of whether each sample has a tag or corrected label, or lies in a region.

    Raises:
        UnknownNameError: if there is no such tag or region.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    if mark.samples is not None:
        return recorded_column(store, dataset, mark.samples)
    if mark.name == "region":
        return region_column(store, dataset, str(mark.value))
    if mark.name == "relabelled":
        return relabelled_column(store, dataset, mark.value)
    return tag_column(store, dataset, known_tag(store, dataset.dataset_id, str(mark.value)))
