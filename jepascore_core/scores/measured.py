"""What has been measured: which backbones scored which dataset, how completely and how well."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from jepascore_core.formatting import natural_key
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.runs import Run
from jepascore_core.score import Definition
from jepascore_core.scores.coverage import full_coverage
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.json_results import read_json, write_json
from jepascore_core.storage.store import Store


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


#: Datasets whose counts are kept in memory.
MAX_DATASETS = 1000
#: Estimators, the one that is nearest to the score itself first.
_ESTIMATORS = ("exact", "calibrated", "sketch")


@dataclass(frozen=True, slots=True)
class MeasuredChoice:
    """A backbone and measurement spec under which at least one sample of a dataset was measured.

    "Scored" samples of a key without scores are those with an embedding.

    `num_failed` samples failed when a run tried them; `is_own` says that a run of this dataset measured it, and not
    only one of another dataset with the same images.
    """

    key: MeasurementKey
    title: str
    num_scored: int
    num_samples: int
    num_failed: int = 0
    is_own: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all that can be measured is measured: failures count as done."""
        return self.num_scored + self.num_failed >= self.num_samples

    @property
    def coverage(self) -> float:
        """Share of the dataset's samples that have a score, 0 to 1."""
        return self.num_scored / self.num_samples if self.num_samples else 0.0

    def scores(self, dataset_id: str, definition: Definition = "rank") -> ScoreSet:
        """Return the score set that this choice stands for."""
        return ScoreSet(dataset_id, self.key, definition)


@dataclass(frozen=True, slots=True)
class BackboneChoice:
    """A backbone and measurement spec, and the datasets that were measured with it, by name.

    `complete` are the ids of those of which all that can be measured is; `is_own` says that any was measured for
    itself.
    """

    key: MeasurementKey
    title: str
    datasets: tuple[DatasetChoice, ...]
    num_scored: int
    complete: tuple[str, ...] = ()
    is_own: bool = False


Choice = TypeVar("Choice", MeasuredChoice, BackboneChoice)


def dataset_choices(store: Store) -> tuple[DatasetChoice, ...]:
    """All datasets by name."""
    choices = [_dataset_choice(store, record) for record in store.catalogue.datasets()]
    return tuple(sorted(choices, key=lambda choice: natural_key(choice.name)))


def _dataset_choice(store: Store, record: DatasetRecord) -> DatasetChoice:
    counts = {"num_samples": 0, "num_images": 0, "num_classes": 0}
    if record.version is not None:
        key = "dataset counts", record.dataset_id, record.version
        counts = memoized(store, key, lambda: _counts(store, record), "dataset counts", MAX_DATASETS)
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
    found = read_json(path)
    if found is not None:
        return found
    sql = f"""SELECT count(*) AS num_samples, count(DISTINCT content_id) AS num_images,
        count(DISTINCT label) AS num_classes FROM ({store.manifest_sql(record)})"""
    counts: dict[str, int] = store.query(sql).to_pylist()[0]
    # A home that cannot be written to is still there to be looked at.
    with suppress(OSError):
        write_json(path, counts)
    return counts


def measured_choices(store: Store, dataset_id: str) -> tuple[MeasuredChoice, ...]:
    """List what a dataset was measured with; the first one is what pages show until a person chooses.

    Those with scores precede embeddings alone, complete ones incomplete ones, those of the dataset's own runs those
    that only share images with another dataset's, the best of each backbone its others, exact ones others, and later
    ones earlier ones. Of incomplete ones the one that covers most leads.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it is not indexed yet.
    """
    dataset = store.catalogue.dataset(dataset_id)
    store.index_folder(dataset)
    runs = store.catalogue.runs()
    own = {run.key for run in runs if run.dataset_id == dataset.dataset_id}
    choices = []
    for measured, title in measured_titles(store).items():
        found = full_coverage(store, ScoreSet(dataset_id, measured), runs)
        if found.num_scored:
            counts = found.num_scored, found.num_samples, found.num_failed
            choices.append(MeasuredChoice(measured, title, *counts, is_own=measured in own))
    return _best_first(store, choices, [run for run in runs if run.dataset_id == dataset.dataset_id])


def _best_first(store: Store, choices: Sequence[Choice], runs: Sequence[Run]) -> tuple[Choice, ...]:
    """In the order of `measured_choices`; `runs`, newest first, say which is the latest.

    A sketch is not the score, and what covers more is better than what is nearer to the score.
    """

    def worth(choice: Choice) -> tuple[bool, bool, bool, int, int]:
        estimator = choice.key.estimator
        place = _ESTIMATORS.index(estimator) if estimator in _ESTIMATORS else len(_ESTIMATORS)
        return not choice.key.has_scores, not _num_complete(choice), estimator == "sketch", -choice.num_scored, place

    used = {backbone_id: place for place, backbone_id in enumerate(store.catalogue.backbones())}
    latest: dict[MeasurementKey | None, int] = {}
    for place, run in enumerate(runs):
        latest.setdefault(run.key, place)

    def age(choice: Choice) -> tuple[int, int, object]:
        place = latest.get(choice.key, len(runs))
        return place, used.get(choice.key.backbone_id, len(used)), natural_key(choice.title)

    by_age = sorted(choices, key=age)
    best: dict[str, Choice] = {}
    for choice in sorted(by_age, key=worth):
        best.setdefault(choice.key.backbone_id, choice)

    def order(choice: Choice) -> tuple[bool, int, int, bool, bool, bool]:
        complete = _num_complete(choice)
        covered = 0 if complete else choice.num_scored
        is_other = best[choice.key.backbone_id] is not choice
        return not choice.key.has_scores, -complete, -covered, not choice.is_own, is_other, not choice.key.is_exact

    return tuple(sorted(by_age, key=order))


def _num_complete(choice: MeasuredChoice | BackboneChoice) -> int:
    """Datasets of which all that can be measured is."""
    return len(choice.complete) if isinstance(choice, BackboneChoice) else int(choice.is_complete)


def offered(store: Store, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Return what pickers offer: all but the sketches that calibrated scores among the choices were computed from."""
    used = {
        store.spec(choice.key).sketch().key(choice.key.backbone_id) for choice in choices if choice.key.is_calibrated
    }
    return tuple(choice for choice in choices if choice.key not in used)


def backbone_choices(store: Store) -> tuple[BackboneChoice, ...]:
    """List everything that any dataset was measured with, in the order of `measured_choices`.

    What is complete for most datasets comes first.
    """
    found: dict[tuple[MeasurementKey, str], list[tuple[DatasetChoice, MeasuredChoice]]] = {}
    for dataset in dataset_choices(store):
        for choice in measured_choices(store, dataset.dataset_id) if dataset.has_index else ():
            found.setdefault((choice.key, choice.title), []).append((dataset, choice))
    choices = [
        BackboneChoice(
            *measured,
            datasets=tuple(dataset for dataset, _ in items),
            num_scored=sum(choice.num_scored for _, choice in items),
            complete=tuple(dataset.dataset_id for dataset, choice in items if choice.is_complete),
            is_own=any(choice.is_own for _, choice in items),
        )
        for measured, items in found.items()
    ]
    return _best_first(store, choices, store.catalogue.runs())
