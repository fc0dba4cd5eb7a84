"""What can be chosen: datasets, what they were measured with, classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from jepascore_core.records import DatasetRecord, DatasetState
from jepascore_core.score import Definition
from jepascore_core.store import Store, write_atomically
from jepascore_core.views.formats import class_title, natural_key
from jepascore_core.views.memory import remembered
from jepascore_core.views.names import measured_titles
from jepascore_core.views.score_set import Label, ScoreSet, manifest_sql, table_of, what_is_read
from jepascore_core.views.score_tables import table_sql


@dataclass(frozen=True, slots=True)
class DatasetChoice:
    """A dataset. `num_failed` counts files without a manifest row; the counts are 0 before the first index."""

    dataset_id: str
    name: str
    state: DatasetState
    has_index: bool
    num_samples: int
    num_images: int
    num_classes: int
    num_failed: int


#: Estimators, the one that is nearest to the score itself first.
_ESTIMATORS = ("exact", "calibrated", "sketch")


@dataclass(frozen=True, slots=True)
class MeasuredChoice:
    """A backbone and measurement spec under which at least one sample of a dataset was measured."""

    backbone_id: str
    spec_id: str
    title: str
    num_scored: int
    num_samples: int

    @property
    def coverage(self) -> float:
        """Share of the dataset's samples that have a score, 0 to 1."""
        return self.num_scored / self.num_samples if self.num_samples else 0.0

    def scores(self, dataset_id: str, definition: Definition = "rank") -> ScoreSet:
        """The score set that this choice stands for."""
        return ScoreSet(dataset_id, self.backbone_id, self.spec_id, definition)


@dataclass(frozen=True, slots=True)
class BackboneChoice:
    """A backbone and measurement spec, and the datasets that were measured with it, by name."""

    backbone_id: str
    spec_id: str
    title: str
    datasets: tuple[DatasetChoice, ...]
    num_scored: int


Choice = TypeVar("Choice", MeasuredChoice, BackboneChoice)


def estimator_of(choice: MeasuredChoice | BackboneChoice) -> str:
    """How it was measured; all but "exact" is approximate."""
    return choice.spec_id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """A class with its number of samples, measured or not."""

    label: Label
    title: str
    num_samples: int


def dataset_choices(store: Store) -> tuple[DatasetChoice, ...]:
    """All datasets by name."""
    choices = [_dataset_choice(store, record) for record in store.catalogue.datasets()]
    return tuple(sorted(choices, key=lambda choice: natural_key(choice.name)))


def _dataset_choice(store: Store, record: DatasetRecord) -> DatasetChoice:
    counts = {"num_samples": 0, "num_images": 0, "num_classes": 0}
    if record.version is not None:
        key = "dataset counts", record.dataset_id, record.version
        counts = remembered(store, key, lambda: _counts(store, record))
    return DatasetChoice(
        dataset_id=record.dataset_id,
        name=record.name,
        state=record.state,
        has_index=record.version is not None,
        num_failed=record.num_failed,
        **counts,
    )


def _counts(store: Store, record: DatasetRecord) -> dict[str, int]:
    """Of a version of a dataset, which never changes: counted once and kept beside its manifest."""
    path = store.index_folder(record) / "counts.json"
    with suppress(OSError, ValueError):
        found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        return found
    sql = f"""SELECT count(*) AS num_samples, count(DISTINCT content_id) AS num_images,
        count(DISTINCT label) AS num_classes FROM ({store.manifest_sql(record)})"""
    counts: dict[str, int] = store.query(sql).to_pylist()[0]
    # A home that cannot be written to is still there to be looked at.
    with suppress(OSError):
        write_atomically(path, json.dumps(counts).encode())
    return counts


def measured_choices(store: Store, dataset_id: str) -> tuple[MeasuredChoice, ...]:
    """What a dataset was measured with: the best of each backbone first, exact ones before others.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    manifest_sql(store, dataset_id)
    choices = []
    for measured, title in measured_titles(store).items():
        num_scored, num_samples = coverage(store, ScoreSet(dataset_id, *measured))
        if num_scored:
            choices.append(MeasuredChoice(*measured, title, num_scored, num_samples))
    return _best_first(store, choices)


def shown_first(store: Store) -> ScoreSet | None:
    """What pages show where a visitor has chosen nothing; None where nothing is measured."""
    dataset = next((choice for choice in dataset_choices(store) if choice.has_index), None)
    measured = measured_choices(store, dataset.dataset_id) if dataset else ()
    return measured[0].scores(dataset.dataset_id) if dataset and measured else None


def _best_first(store: Store, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """The best of each backbone, exact ones first, and then the others; among equals the backbone that was used first
    leads, so that trying another one changes nothing on the pages.

    A sketch is not the score, and what covers more is better than what is nearer to the score.
    """

    def worth(choice: Choice) -> tuple[bool, int, int]:
        estimator = estimator_of(choice)
        place = _ESTIMATORS.index(estimator) if estimator in _ESTIMATORS else len(_ESTIMATORS)
        return estimator == "sketch", -choice.num_scored, place

    age = {backbone_id: place for place, backbone_id in enumerate(store.catalogue.backbones())}
    by_age = sorted(choices, key=lambda choice: (age.get(choice.backbone_id, len(age)), natural_key(choice.title)))
    best: dict[str, Choice] = {}
    for choice in sorted(by_age, key=worth):
        best.setdefault(choice.backbone_id, choice)
    return tuple(
        sorted(by_age, key=lambda choice: (best[choice.backbone_id] is not choice, estimator_of(choice) != "exact"))
    )


def offered(store: Store, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """What pickers offer: all but the sketches that calibrated scores among the choices were worked out from."""
    used = {
        (choice.backbone_id, store.spec(choice.backbone_id, choice.spec_id).sketch().spec_id)
        for choice in choices
        if estimator_of(choice) == "calibrated"
    }
    return tuple(choice for choice in choices if (choice.backbone_id, choice.spec_id) not in used)


def coverage(store: Store, scores: ScoreSet) -> tuple[int, int]:
    """Samples with a measurement, and all."""

    def count() -> tuple[int, int]:
        table = table_of(store, scores)
        if table is not None:
            sql = f"SELECT count(rank) AS num_scored, count(*) AS num_samples FROM ({table_sql(table, 'rank')})"
        else:
            measured = store.measurements_sql(scores.backbone_id, scores.spec_id)
            sql = f"""
                WITH manifest AS (SELECT content_id FROM ({manifest_sql(store, scores.dataset_id)}))
                SELECT count(*) AS num_scored, (SELECT count(*) FROM manifest) AS num_samples
                FROM manifest SEMI JOIN ({measured}) USING (content_id)
            """
        (row,) = store.query(sql).to_pylist()
        return row["num_scored"], row["num_samples"]

    key = "coverage", scores.dataset_id, scores.backbone_id, scores.spec_id, what_is_read(store, scores)
    return remembered(store, key, count)


def backbone_choices(store: Store) -> tuple[BackboneChoice, ...]:
    """Everything that any dataset was measured with, in the order of `measured_choices`."""
    found: dict[tuple[str, str, str], list[tuple[DatasetChoice, int]]] = {}
    for dataset in dataset_choices(store):
        for choice in measured_choices(store, dataset.dataset_id) if dataset.has_index else ():
            measured = choice.backbone_id, choice.spec_id, choice.title
            found.setdefault(measured, []).append((dataset, choice.num_scored))
    choices = [
        BackboneChoice(*measured, tuple(dataset for dataset, _ in items), sum(count for _, count in items))
        for measured, items in found.items()
    ]
    return _best_first(store, choices)


def class_choices(store: Store, dataset_id: str) -> tuple[ClassChoice, ...]:
    """Classes of a dataset in natural order, the samples without a label last."""

    def count() -> tuple[ClassChoice, ...]:
        sql = f"SELECT label, count(*) AS num_samples FROM ({manifest_sql(store, dataset_id)}) GROUP BY label"
        rows = sorted(store.query(sql).to_pylist(), key=lambda row: natural_key(row["label"]))
        return tuple(
            ClassChoice(row["label"], class_title(row["label"], alone=len(rows) == 1), row["num_samples"])
            for row in rows
        )

    return remembered(store, ("classes", dataset_id, store.catalogue.dataset(dataset_id).version), count)
