"""The tags, corrected labels and regions that the rules of a recipe ask for: recorded with it, as decisions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from jepascore_core.curation.columns.marks import marked_samples
from jepascore_core.curation.columns.regions import known_region
from jepascore_core.curation.evaluation.mark_column import mark_column
from jepascore_core.curation.rules.marked import MARKS, Marked, MarkName, RegionShape
from jepascore_core.curation.rules.model import Condition, Curation, Step, walk, with_changed
from jepascore_core.errors import RuleError, StoreError, one_of
from jepascore_core.jobs.moves import recorded_samples
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.sample_lists import sample_list, sample_list_of_text
from jepascore_core.storage.store import Store

#: Longer lists of samples are written in a compact form that people cannot read.
MAX_READABLE = 1_000


#: What a recipe records, by name and value.
_Recorded = Mapping[tuple[MarkName, str | None], Marked]


def recorded_marks(store: Store, dataset: DatasetRecord, curation: Curation) -> tuple[Marked, ...]:
    """Return the tags, corrected labels and regions that rules ask for, with their samples, and the shapes of regions.

    Raises:
        UnknownNameError: if there is no such tag or region.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    named = [item for rule in curation.rules for item in walk(rule) if isinstance(item, Marked)]
    found = dict.fromkeys(named)
    return tuple(item if item.samples is not None else _with_current(store, dataset, item) for item in found)


def _with_current(store: Store, dataset: DatasetRecord, mark: Marked) -> Marked:
    samples = marked_samples(store, dataset, mark_column(store, dataset, mark))
    shape = known_region(store, dataset.dataset_id, str(mark.value)).shape if mark.name == "region" else None
    return replace(mark, samples=sample_list(samples), shape=shape)


def with_recorded_marks(curation: Curation, marks: Sequence[Marked]) -> Curation:
    """Return a curation whose rules ask for the recorded tags and labels instead of the current ones."""
    recorded = {(mark.name, mark.value): mark for mark in marks}
    return with_changed(curation, partial(_as_recorded, recorded)) if recorded else curation


def without_recorded(curation: Curation) -> Curation:
    """Invert `with_recorded_marks`."""
    return with_changed(curation, partial(_as_recorded, {}))


def _as_recorded(recorded: _Recorded, item: Condition | Step) -> Condition | Step:
    return recorded.get((item.name, item.value), Marked(item.name, item.value)) if isinstance(item, Marked) else item


def mark_dict(mark: Marked) -> dict[str, Any]:
    """Return a recorded tag or label as plain values."""
    assert mark.samples is not None
    listed = mark.samples
    values: dict[str, Any] = {mark.name: mark.value, "num_samples": listed.num_samples}
    if mark.shape is not None:
        values |= {"shape": asdict(mark.shape) | {"corners": [list(corner) for corner in mark.shape.corners]}}
    if listed.num_samples > MAX_READABLE:
        return values | {"packed": listed.text}
    return values | {"samples": listed.table.to_pylist()}


def mark_of_dict(values: Mapping[str, Any]) -> Marked:
    """Invert `mark_dict`.

    Raises:
        KeyError, TypeError, ValueError, RuleError: for any other value.
    """
    name = one_of(next(iter(values)), MARKS, "mark", RuleError)
    value = None if values[name] is None else str(values[name])
    try:
        packed = values.get("packed")
        listed = sample_list(recorded_samples(values)) if packed is None else sample_list_of_text(str(packed))
    except StoreError as error:
        raise RuleError(f"This recipe is malformed: {error}") from error
    shape = RegionShape.from_dict(values["shape"]) if "shape" in values else None
    return Marked(name, value, listed, shape)
