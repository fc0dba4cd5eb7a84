"""The reference datasets of a recipe: recorded by what is in them, found again under any name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from jepascore_core.curation.fingerprint import dataset_fingerprint
from jepascore_core.curation.named import reference_names
from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.model import (
    Between,
    Budget,
    Condition,
    Curation,
    IsIn,
    Like,
    Step,
    with_changed,
)
from jepascore_core.errors import UnknownNameError
from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.measured import dataset_choices
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class RecipeReference:
    """A dataset that rules compare with, as it was when the recipe was made."""

    name: str
    fingerprint: str
    num_samples: int


def recorded_references(store: Store, curation: Curation) -> tuple[RecipeReference, ...]:
    """Record the reference datasets of a curation.

    Raises:
        UnknownNameError, DatasetNotReadyError: if one of them is not there.
    """
    records = {name: store.catalogue.dataset(name) for name in reference_names(curation)}
    counts = _num_samples(store) if records else {}
    return tuple(
        RecipeReference(name, dataset_fingerprint(store, record), counts[record.dataset_id])
        for name, record in records.items()
    )


def with_current_names(store: Store, curation: Curation, references: Sequence[RecipeReference]) -> Curation:
    """Return a curation with recorded reference datasets under the names that they have now.

    One that has changed, and is nowhere as it was, is taken as it is; see `reference_notes`.

    Raises:
        UnknownNameError: if one of them is gone: nothing has its name or its images.
    """
    names = {}
    for item in references:
        record = _current(store, item)
        if record is None:
            raise UnknownNameError(_gone(item))
        names[item.name] = item.name if item.name == record.dataset_id else record.name
    if all(name == current for name, current in names.items()):
        return curation
    return with_changed(curation, partial(_renamed, names))


def reference_notes(store: Store, references: Sequence[RecipeReference]) -> str:
    """Say which recorded reference datasets are gone, changed or renamed; "" if none is."""
    notes = []
    for item in references:
        record = _current(store, item)
        if record is None:
            notes.append(_gone(item))
        elif dataset_fingerprint(store, record) != item.fingerprint:
            now = next(
                choice.num_samples for choice in dataset_choices(store) if choice.dataset_id == record.dataset_id
            )
            notes.append(
                f"The reference dataset {item.name} has changed since the recipe was made: "
                f"{plural(now, 'sample')}, previously {item.num_samples:,}."
            )
        elif item.name not in (record.name, record.dataset_id):
            notes.append(f"The reference dataset {item.name} is now called {record.name}.")
    return " ".join(notes)


def _num_samples(store: Store) -> dict[str, int]:
    return {choice.dataset_id: choice.num_samples for choice in dataset_choices(store)}


def _gone(item: RecipeReference) -> str:
    return (
        f"The reference dataset {item.name} of this recipe is gone: no dataset has its name or its "
        f"{plural(item.num_samples, 'image')}. Add it again, or remove the rules that compare with it."
    )


def _current(store: Store, item: RecipeReference) -> DatasetRecord | None:
    """Return the dataset with the name and images of a reference, else one with its images, else with its name."""
    named = store.catalogue.find_dataset(item.name)
    if named is not None and named.version is not None and dataset_fingerprint(store, named) == item.fingerprint:
        return named
    for choice in dataset_choices(store):
        if choice.has_index and choice.num_samples == item.num_samples:
            record = store.catalogue.dataset(choice.dataset_id)
            if dataset_fingerprint(store, record) == item.fingerprint:
                return record
    return named


def _renamed(names: dict[str, str], item: Condition | Step) -> Condition | Step:
    match item:
        case Between(column) | IsIn(column) | Like(column) if column.reference in names:
            return replace(item, column=replace(column, reference=names[column.reference]))
        case Budget(by=Column(reference=str(reference)) as by) if reference in names:
            return replace(item, by=replace(by, reference=names[reference]))
        case Budget(reference=str(reference)) if reference in names:
            return replace(item, reference=names[reference])
    return item
