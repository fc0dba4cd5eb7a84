"""Request, follow, cancel and resume planted defects: a hidden dataset and a run of it in the catalogue."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Literal

from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs.requests import cancel_dataset, cancel_run, resume_dataset, resume_run, start_run
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import Run, RunState
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.kinds import KINDS
from jepascore_core.trust.planted.plan import PLANTED, PlantOptions, check_enough, identity, kinds_of, options_of

PlantedState = Literal["none", "active", "cancelled", "failed", "finished"]


@dataclass(frozen=True, slots=True)
class Planted:
    """Planted defects of a dataset under a backbone: the hidden dataset, and the run that measures it, if any."""

    options: PlantOptions
    dataset: DatasetRecord | None = None
    run: Run | None = None

    @property
    def state(self) -> PlantedState:
        """Its state."""
        if self.dataset is None or self.run is None:
            return "none"
        if self.run.state.is_active:
            return "active"
        if self.run.state is RunState.FINISHED:
            return "finished"
        return "cancelled" if "cancelled" in (self.run.state, self.dataset.state) else "failed"

    @property
    def message(self) -> str:
        """Status message of the worker."""
        if self.dataset is not None and (self.dataset.state.is_active or self.dataset.version is None):
            return self.dataset.message
        return self.run.message if self.run is not None else ""

    @property
    def share(self) -> float:
        """Share of the images that are created and measured, 0 to 1."""
        if self.dataset is None or self.run is None or not self.run.num_total:
            return 0.0
        return self.run.num_processed / self.run.num_total


@dataclass(frozen=True, slots=True)
class PlantedCost:
    """Predicted cost: images to create and measure, and the seconds at the rate of the dataset's own measurements."""

    num_clean: int
    num_defects: int
    num_kinds: int
    seconds_per_image: float

    @property
    def seconds(self) -> float:
        """Predicted duration; clean images are measured already."""
        return self.num_defects * self.seconds_per_image


def planted_spec(store: Store, scores: ScoreSet) -> MeasurementSpec:
    """Return how planted images are measured: as the dataset, or exactly if its scores are estimates."""
    spec = store.spec(scores.key)
    return spec.exact if scores.key.is_calibrated else spec


def predict_planted(store: Store, scores: ScoreSet, options: PlantOptions) -> PlantedCost:
    """Predict the cost without doing anything.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
        TooFewImagesError: if the dataset has too few images.
    """
    dataset = store.catalogue.dataset(scores.dataset_id)
    manifest = store.manifest_sql(dataset)
    sql = f"SELECT count(DISTINCT content_id) AS images, count(DISTINCT label) AS labels FROM ({manifest})"
    counts = store.query(sql).to_pylist()[0]
    check_enough(dataset.name, counts["images"], options)
    key = planted_spec(store, scores).key(scores.backbone_id)
    measured = f"""SELECT median(seconds) AS seconds FROM ({store.measurements_sql(key)})
        SEMI JOIN ({manifest}) AS manifest USING (content_id)"""
    kinds = kinds_of(counts["labels"] > 1, options)
    num_made = sum(not kind.swaps_label for kind in kinds) * options.per_kind
    seconds = store.query(measured)["seconds"][0].as_py() or 0.0
    return PlantedCost(options.clean, num_made, len(kinds), float(seconds))


def find_planted(store: Store, scores: ScoreSet, options: PlantOptions) -> Planted:
    """Find the request with these options under the backbone and spec of some scores."""
    dataset = _find_dataset(store, scores, options)
    return Planted(options, dataset, _find_run(store, scores, dataset) if dataset else None)


def latest_planted(store: Store, scores: ScoreSet) -> Planted | None:
    """Find the latest request for the current index of the dataset, with any options, or None."""
    version = store.catalogue.dataset(scores.dataset_id).version
    for dataset in store.catalogue.hidden_datasets(scores.dataset_id, PLANTED):
        run = _find_run(store, scores, dataset)
        options = options_of(dataset)
        if run is not None and dataset.options["version"] == version and options.plants_defects:
            return Planted(options, dataset, run)
    return None


def request_planted(store: Store, scores: ScoreSet, options: PlantOptions) -> Planted:
    """Request that the worker plants and measures defects; finished parts are reused.

    Raises:
        UnknownNameError, DatasetNotReadyError, TooFewImagesError: as `predict_planted`.
        JepaScoreError: if there is no run that records how to load the backbone.
    """
    predict_planted(store, scores, options)
    source, parent = _source_run(store, scores), store.catalogue.dataset(scores.dataset_id)
    _remove_outdated(store, parent)
    dataset = _find_dataset(store, scores, options)
    if dataset is None:
        facts = identity(parent, options)
        name = f"planted {short_hash([parent.dataset_id, facts])} in {parent.name}"[:100].strip()
        dataset = store.catalogue.add_dataset(
            name, f"{PLANTED}:{parent.dataset_id}", PLANTED, facts, purpose=PLANTED, parent_id=parent.dataset_id
        )
    elif dataset.version is None and not dataset.state.is_active:
        dataset = resume_dataset(store, dataset.dataset_id)
    run = _find_run(store, scores, dataset)
    if run is None:
        request = ResolvedRequest(dataset.dataset_id, source.backbone, planted_spec(store, scores), source.device)
        run = start_run(store, request)
    elif run.state is not RunState.FINISHED:
        run = resume_run(store, run.run_id)
    return Planted(options, dataset, run)


def cancel_planted(store: Store, planted: Planted) -> None:
    """Cancel a request; finished images and scores are kept."""
    if planted.dataset is not None and planted.dataset.state.is_active:
        cancel_dataset(store, planted.dataset.dataset_id)
    if planted.run is not None:
        cancel_run(store, planted.run.run_id)


def _find_dataset(store: Store, scores: ScoreSet, options: PlantOptions) -> DatasetRecord | None:
    facts = identity(store.catalogue.dataset(scores.dataset_id), options)
    found = store.catalogue.hidden_datasets(scores.dataset_id, PLANTED)
    return next((item for item in found if item.options == facts), None)


def _find_run(store: Store, scores: ScoreSet, dataset: DatasetRecord) -> Run | None:
    spec_id, ref = planted_spec(store, scores).spec_id, _source_run(store, scores).backbone
    runs = store.catalogue.runs(dataset.dataset_id)
    return next((run for run in runs if run.spec.spec_id == spec_id and run.backbone == ref), None)


def _source_run(store: Store, scores: ScoreSet) -> Run:
    """Return the newest run that measured the scores; it records how to load the backbone."""
    run = next((run for run in store.catalogue.runs() if run.key == scores.key), None)
    if run is None:
        raise JepaScoreError(
            "There is no run in this home folder that measured these scores, and without one the backbone cannot be "
            "loaded as it was. Measure the dataset with it first."
        )
    return run


def _remove_outdated(store: Store, parent: DatasetRecord) -> None:
    """Remove planted defects of previous versions of the dataset that are not in use."""
    for item in store.catalogue.hidden_datasets(parent.dataset_id, PLANTED):
        is_busy = item.state.is_active or any(run.state.is_active for run in store.catalogue.runs(item.dataset_id))
        if item.options["version"] != parent.version and not is_busy:
            store.remove_dataset(item)


def command(store: Store, scores: ScoreSet, options: PlantOptions) -> str:
    """Return the command that reproduces planted defects."""
    words = ["jepascore", "trust", "plant", store.catalogue.dataset(scores.dataset_id).name, "-b", scores.key.text]
    if options.kinds != tuple(KINDS):
        words += ["--kinds", ",".join(options.kinds) or "none"]
    for name, folder in options.folders:
        words += ["--kind", f"{name}={folder}"]
    words += ["--per-kind", str(options.per_kind), "--clean", str(options.clean), "--seed", str(options.seed)]
    return shlex.join(words)


def as_exact(scores: ScoreSet, store: Store) -> ScoreSet:
    """Return the scores to compare planted images with: the same, or the exact ones behind estimates."""
    return replace(scores, key=planted_spec(store, scores).key(scores.backbone_id))
