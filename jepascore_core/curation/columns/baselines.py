"""Baseline scores of a dataset as columns for rules: computed once, then cached on disk and in memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.near_duplicates import cache_folder, prune_old, stored_embeddings
from jepascore_core.embeddings.baselines import BASELINES_VERSION, Baseline, baseline_scores
from jepascore_core.embeddings.files import count_vectors
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, version_key
from jepascore_core.scores.tables import current_vectors
from jepascore_core.storage.parquet import write_parquet
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
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, table)
    # Results of an unfinished run, and of previous versions of the dataset, are not needed again.
    prune_old(path, f"{baseline}-*.parquet", 1)
    return table


def is_known(store: Store, scores: ScoreSet, baseline: Baseline) -> bool:
    """Return whether a baseline score is cached for the current measurements."""
    return _path(store, scores, baseline).is_file()


def count_measured(store: Store, scores: ScoreSet) -> int:
    """Return the number of different images of a dataset that have an embedding."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    vectors = current_vectors(store, dataset, scores.key)
    if vectors is not None:
        return count_vectors(vectors)
    sql = f"""SELECT count(DISTINCT content_id) AS n
        FROM ({store.measurements_sql(scores.key)})
        SEMI JOIN ({manifest_sql(store, scores.dataset_id)}) AS manifest USING (content_id)
        WHERE embedding IS NOT NULL"""
    key = ["measured images", version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id]
    name = columns(store).cache_query(key, sql)
    return int(store.query(f"SELECT n FROM {name}")["n"][0].as_py())


def _cache_key(store: Store, scores: ScoreSet, baseline: Baseline) -> list[str | int | None]:
    """Return what the values depend on. An image is measured once, so the number of measured ones identifies them."""
    version = store.catalogue.dataset(scores.dataset_id).version
    measured = count_measured(store, scores)
    return [baseline, BASELINES_VERSION, scores.dataset_id, version, scores.backbone_id, scores.spec_id, measured]


def _path(store: Store, scores: ScoreSet, baseline: Baseline) -> Path:
    name = f"{baseline}-{short_hash(_cache_key(store, scores, baseline), 20)}.parquet"
    return cache_folder(store, scores, "companions") / name
