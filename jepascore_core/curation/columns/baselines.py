"""Baseline scores of a dataset as columns for rules: computed once, then cached on disk and in memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import count_measured, stored_embeddings
from jepascore_core.embeddings.baselines import BASELINES_VERSION, Baseline, baseline_scores
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store

#: Baseline scores that are fitted on all images of a dataset; the norm of an embedding needs no fit.
FITTED: tuple[Baseline, ...] = ("knn", "mahalanobis")

_SCHEMA = pa.schema([("content_id", pa.string()), ("value", pa.float64())])


def baseline_column(store: Store, scores: ScoreSet, baseline: Baseline) -> str:
    """Return the name of the column of a fitted baseline score, one row per sample ordered by key; NULL if unmeasured.

    Raises:
        TooFewImagesError: if fewer images are measured than it needs.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base, key = cache.base(dataset), _cache_key(store, scores, baseline)
    table = cache.cache_computed(["baseline values", *key], lambda: baseline_values(store, scores, baseline))
    sql = f'SELECT value AS "{{name}}" FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id'
    return cache.cache_query(["baseline", base, table], sql)


def baseline_values(store: Store, scores: ScoreSet, baseline: Baseline, progress: Progress = no_progress) -> pa.Table:
    """Return rows (content_id, value) of the measured images, from disk if cached; NULL without a finite embedding.

    Raises:
        TooFewImagesError, UnknownNameError, DatasetNotReadyError: as `baseline_column`.
    """
    path = _path(store, scores, baseline)
    if path.is_file():
        return pq.read_table(path)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    values = baseline_scores(baseline, content_ids, embeddings, progress)
    table = pa.table([pa.array(content_ids.tolist()), pa.array(values, from_pandas=True)], schema=_SCHEMA)
    keep_table(path, table, f"{baseline}-*.parquet", 1)
    return table


def is_known(store: Store, scores: ScoreSet, baseline: Baseline) -> bool:
    """Return whether a baseline score is cached for the current measurements."""
    return _path(store, scores, baseline).is_file()


def _cache_key(store: Store, scores: ScoreSet, baseline: Baseline) -> list[str | int | None]:
    """Return what the values depend on. An image is measured once, so the number of measured ones identifies them."""
    version = store.catalogue.dataset(scores.dataset_id).version
    measured = count_measured(store, scores)
    return [baseline, BASELINES_VERSION, scores.dataset_id, version, scores.backbone_id, scores.spec_id, measured]


def _path(store: Store, scores: ScoreSet, baseline: Baseline) -> Path:
    name = f"{baseline}-{short_hash(_cache_key(store, scores, baseline), 20)}.parquet"
    return cache_folder(store, scores, "companions") / name
