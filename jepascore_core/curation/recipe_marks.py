"""The tags and corrected labels that the rules of a recipe ask for: recorded with it, as its decisions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from jepascore_core.curation.columns.marks import marked_samples
from jepascore_core.curation.evaluation.mark_column import mark_column
from jepascore_core.curation.rules.marked import MARKS, Marked, MarkName
from jepascore_core.curation.rules.model import Condition, Curation, Step, walk, with_changed
from jepascore_core.errors import RuleError, StoreError, one_of
from jepascore_core.jobs.moves import recorded_samples
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.sample_lists import SampleList, sample_list, sample_list_of_text
from jepascore_core.storage.store import Store

#: Longer lists of samples are written in a compact form that people cannot read.
MAX_READABLE = 1_000


#: The samples of each mark.
_Recorded = Mapping[tuple[MarkName, str | None], SampleList | None]


def recorded_marks(store: Store, dataset: DatasetRecord, curation: Curation) -> tuple[Marked, ...]:
    """Return the tags and corrected labels that rules ask for, with the samples that have them.

    Raises:
        UnknownNameError: if there is no such tag.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    named = [item for rule in curation.rules for item in walk(rule) if isinstance(item, Marked)]
    found = dict.fromkeys(named)
    return tuple(item if item.samples is not None else _with_current(store, dataset, item) for item in found)


def _with_current(store: Store, dataset: DatasetRecord, mark: Marked) -> Marked:
    samples = marked_samples(store, dataset, mark_column(store, dataset, mark))
    return replace(mark, samples=sample_list(samples))


def with_recorded_marks(curation: Curation, marks: Sequence[Marked]) -> Curation:
    """Return a curation whose rules ask for the recorded tags and labels instead of the current ones."""
    samples = {(mark.name, mark.value): mark.samples for mark in marks}
    return with_changed(curation, partial(_with_samples, samples)) if samples else curation


def without_recorded(curation: Curation) -> Curation:
    """Invert `with_recorded_marks`."""
    return with_changed(curation, partial(_with_samples, {}))


def _with_samples(samples: _Recorded, item: Condition | Step) -> Condition | Step:
    return replace(item, samples=samples.get((item.name, item.value))) if isinstance(item, Marked) else item


def mark_dict(mark: Marked) -> dict[str, Any]:
    """Return a recorded tag or label as plain values."""
    assert mark.samples is not None
    listed = mark.samples
    values: dict[str, Any] = {mark.name: mark.value, "num_samples": listed.num_samples}
    if listed.num_samples > MAX_READABLE:
        return values | {"packed": listed.text}
    return values | {"samples": listed.table.to_pylist()}


def mark_of_dict(values: Mapping[str, Any]) -> Marked:
    """Invert `mark_dict`.

    Raises:
        KeyError, TypeError, RuleError: for any other value.
    """
    name = one_of(next(iter(values)), MARKS, "mark", RuleError)
    value = None if values[name] is None else str(values[name])
    try:
        packed = values.get("packed")
        listed = sample_list(recorded_samples(values)) if packed is None else sample_list_of_text(str(packed))
    except StoreError as error:
        raise RuleError(f"This recipe is malformed: {error}") from error
    return Marked(name, value, listed)
