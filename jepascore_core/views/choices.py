"""What can be chosen: datasets, what they were measured with, classes."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.records import DatasetRecord, DatasetState
from jepascore_core.score import Definition
from jepascore_core.store import Store
from jepascore_core.views.formats import class_title, natural_key
from jepascore_core.views.names import measured_titles
from jepascore_core.views.score_set import Label, ScoreSet, manifest_sql


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
        sql = f"""SELECT count(*) AS num_samples, count(DISTINCT content_id) AS num_images,
            count(DISTINCT label) AS num_classes FROM ({store.manifest_sql(record)})"""
        counts = store.query(sql).to_pylist()[0]
    return DatasetChoice(
        dataset_id=record.dataset_id,
        name=record.name,
        state=record.state,
        has_index=record.version is not None,
        num_failed=record.num_failed,
        **counts,
    )


def measured_choices(store: Store, dataset_id: str) -> tuple[MeasuredChoice, ...]:
    """What a dataset was measured with, by title.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    manifest = manifest_sql(store, dataset_id)
    titles = measured_titles(store)
    if not titles:
        return ()
    counts = " UNION ALL ".join(
        f"""SELECT {position} AS position, (SELECT count(*) FROM manifest) AS num_samples, count(*) AS num_scored
        FROM manifest SEMI JOIN ({store.measurements_sql(*measured)}) USING (content_id)"""
        for position, measured in enumerate(titles)
    )
    rows = store.query(f"WITH manifest AS (SELECT content_id FROM ({manifest})) {counts}").to_pylist()
    measured = list(titles.items())
    choices = []
    for row in rows:
        (backbone_id, spec_id), title = measured[row["position"]]
        if row["num_scored"]:
            choices.append(MeasuredChoice(backbone_id, spec_id, title, row["num_scored"], row["num_samples"]))
    return tuple(sorted(choices, key=lambda choice: natural_key(choice.title)))


def backbone_choices(store: Store) -> tuple[BackboneChoice, ...]:
    """Everything that any dataset was measured with, by title."""
    found: dict[tuple[str, str], list[DatasetChoice]] = {}
    titles: dict[tuple[str, str], str] = {}
    for dataset in dataset_choices(store):
        for choice in measured_choices(store, dataset.dataset_id) if dataset.has_index else ():
            measured = choice.backbone_id, choice.spec_id
            found.setdefault(measured, []).append(dataset)
            titles[measured] = choice.title
    choices = [BackboneChoice(*measured, titles[measured], tuple(datasets)) for measured, datasets in found.items()]
    return tuple(sorted(choices, key=lambda choice: natural_key(choice.title)))


def class_choices(store: Store, dataset_id: str) -> tuple[ClassChoice, ...]:
    """Classes of a dataset in natural order, the samples without a label last."""
    sql = f"SELECT label, count(*) AS num_samples FROM ({manifest_sql(store, dataset_id)}) GROUP BY label"
    rows = sorted(store.query(sql).to_pylist(), key=lambda row: natural_key(row["label"]))
    return tuple(
        ClassChoice(row["label"], class_title(row["label"], alone=len(rows) == 1), row["num_samples"]) for row in rows
    )
