"""`js.score_dataset`: measure a dataset through the worker, and return its scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from jepascore_core.api.datasets import index_source
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.errors import JepaScoreError, one_of
from jepascore_core.jobs.requests import follow, request_run
from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport
from jepascore_core.records.augmentation import AUTO
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.score import DEFINITIONS, Definition
from jepascore_core.storage.store import Store

_COLUMNS = (
    "sample_key, uri, label, split, score, lower, upper, is_exact, rank, class_percentile, percentile, view_spread"
)


@dataclass(frozen=True, eq=False)
class DatasetScores:
    """Scores of a dataset, one row per sample in order of the keys; higher = more likely.

    Columns: sample_key, uri, label, split, score, lower, upper, is_exact, rank, class_percentile, percentile,
    view_spread. `lower` and `upper` are the prediction interval of an estimate, and the score itself where it
    `is_exact`; `view_spread` is the standard deviation of the scores of an image's views, None without. `report` holds
    what a calibrated run or a cascade found, `message` the same as a sentence.

    The estimator "embed" gives embeddings and no scores. Columns: sample_key, uri, label, split, embedding [K].
    """

    table: pa.Table
    message: str
    report: ApproximationReport | None


def score_dataset(
    dataset: str | Path | Dataset,
    backbone: str | BackboneRef,
    estimator: str = "exact",
    precision: str = "auto",
    device: str = "auto",
    *,
    probes: int | None = None,
    seed: int = 0,
    plan: ApproximationPlan | None = None,
    views: int = 1,
    view_augmentation: str = AUTO,
    pilot: Pilot | None = None,
    definition: Definition = "rank",
) -> DatasetScores:
    """Measure the images of a dataset that are not measured yet, and return all its scores. Waits for the worker.

    Args:
        dataset: name of a dataset, its source path, or the result of `open_dataset`.
        backbone: "timm:<name>", "open_clip:<name>:<tag>", "bundled:<name>", or a `BackboneRef` with custom weights.
        estimator: "exact"; "sketch": log-volumes of `probes` random projections; "calibrated": estimates with
            prediction intervals; "cascade": like calibrated, but exact wherever a list or cut of the plan depends on
            it; "embed": embeddings alone, from one forward pass.
        precision: of the backward passes.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        probes: random projections of a sketch; a calibrated run chooses their number if it is not given.
        seed: random seed of the sketch.
        plan: options of a calibrated run or a cascade.
        views: augmented views per image, over which the paper's expectation is taken; costs as many times as much.
        view_augmentation: how views are made: "auto" (as the backbone's training where known, else crops), "crops" or
            "warps", also with parameters: "crops:flip=0,hue=0". One view with "auto" is the image itself.
        pilot: `js.Pilot(200)` measures 200 images alone, a random sample, `js.Pilot(20, per_class=True)` 20 of each
            class; None = all. A larger pilot contains a smaller one.
        definition: of the returned scores.

    Raises:
        UnknownNameError: for unknown names or inconsistent options.
        JepaScoreError: if the run fails or is cancelled.
    """
    one_of(definition, DEFINITIONS, "definition")
    store = Store()
    record = index_source(store, dataset)
    ref = BackboneRef(backbone) if isinstance(backbone, str) else backbone
    request = MeasurementRequest(
        record.dataset_id, ref, estimator, precision, device, probes, seed, plan, views, view_augmentation, pilot
    )
    run = request_run(store, request)
    for state in follow(store, partial(store.catalogue.run, run.run_id)):
        run = state
    if run.state is not RunState.FINISHED or run.key is None:
        raise JepaScoreError(f"The run ended as {run.state}: {run.message}")
    dataset_now = store.catalogue.dataset(record.dataset_id)
    if not run.key.has_scores:
        return DatasetScores(store.query(_embeddings_sql(store, dataset_now, run.key)), run.message, None)
    sql = store.scored_sql(dataset_now, run.key, definition)
    table = store.query(f"SELECT {_COLUMNS} FROM ({sql}) ORDER BY sample_key, uri")
    return DatasetScores(table, run.message, run.report)


def _embeddings_sql(store: Store, dataset: DatasetRecord, key: MeasurementKey) -> str:
    return f"""SELECT sample_key, uri, label, split, embedding
        FROM ({store.manifest_sql(dataset)}) JOIN ({store.shards_sql(key)}) USING (content_id)
        WHERE embedding IS NOT NULL ORDER BY sample_key, uri"""
