"""What can be chosen: datasets, their measured backbones, classes."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.formatting import class_title, natural_key
from jepascore_core.scores.coverage import coverage
from jepascore_core.scores.measured import (
    BackboneChoice,
    DatasetChoice,
    MeasuredChoice,
    backbone_choices,
    dataset_choices,
    measured_choices,
    offered,
)
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label, ScoreSet, manifest_sql
from jepascore_core.storage.store import Store

__all__ = [
    "BackboneChoice", "ClassChoice", "DatasetChoice", "MeasuredChoice", "backbone_choices", "class_choices", "coverage",
    "dataset_choices", "measured_choices", "offered", "shown_first",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """A class with its number of samples, measured or not."""

    label: Label
    title: str
    num_samples: int


def shown_first(store: Store) -> ScoreSet | None:
    """Return what pages show by default; None where nothing is measured."""
    dataset = next((choice for choice in dataset_choices(store) if choice.has_index), None)
    measured = measured_choices(store, dataset.dataset_id) if dataset else ()
    return measured[0].scores(dataset.dataset_id) if dataset and measured else None


def class_choices(store: Store, dataset_id: str) -> tuple[ClassChoice, ...]:
    """Return the classes of a dataset in natural order, the samples without a label last."""

    def count() -> tuple[ClassChoice, ...]:
        sql = f"SELECT label, count(*) AS num_samples FROM ({manifest_sql(store, dataset_id)}) GROUP BY label"
        rows = sorted(store.query(sql).to_pylist(), key=lambda row: natural_key(row["label"]))
        return tuple(
            ClassChoice(row["label"], class_title(row["label"], alone=len(rows) == 1), row["num_samples"])
            for row in rows
        )

    return memoized(store, ("classes", dataset_id, store.catalogue.dataset(dataset_id).version), count)
