"""Baseline scores of a dataset as columns for rules: computed once, then cached on disk and in memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.near_duplicates import cache_folder, prune_old, stored_embeddings
from jepascore_core.embeddings.companions import COMPANIONS_VERSION, Companion, companion_scores
from jepascore_core.embeddings.files import count_vectors
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, version_key
from jepascore_core.scores.tables import current_vectors
from jepascore_core.storage.parquet import write_parquet
from jepascore_core.storage.store import Store

#: Baseline scores that are fitted on all images of a dataset; the norm of an embedding needs no fit.
FITTED: tuple[Companion, ...] = ("knn", "mahalanobis")

_SCHEMA = pa.schema([("content_id", pa.string()), ("value", pa.float64())])


def companion_column(store: Store, scores: ScoreSet, companion: Companion) -> str:
    """Return the name of the column of a fitted baseline score, one row per sample ordered by key; NULL if unmeasured.

    Raises:
        TooFewImagesError: if fewer images are measured than it needs.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    held, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base, about = held.base(dataset), _about(store, scores, companion)
    table = held.hold_made(["baseline values", *about], lambda: companion_values(store, scores, companion))
    sql = f'SELECT value AS "{{name}}" FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id'
    return held.hold(["companion", base, table], sql)


def companion_values(
    store: Store, scores: ScoreSet, companion: Companion, progress: Progress = no_progress
) -> pa.Table:
    """Return rows (content_id, value) of the measured images, from disk if cached; NULL without a finite embedding.

    Raises:
        TooFewImagesError, UnknownNameError, DatasetNotReadyError: as `companion_column`.
    """
    path = _path(store, scores, companion)
    if path.is_file():
        return pq.read_table(path)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    values = companion_scores(companion, content_ids, embeddings, progress)
    table = pa.table([pa.array(content_ids.tolist()), pa.array(values, from_pandas=True)], schema=_SCHEMA)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, table)
    # Results of an unfinished run, and of previous versions of the dataset, are not needed again.
    prune_old(path, f"{companion}-*.parquet", 1)
    return table


def is_known(store: Store, scores: ScoreSet, companion: Companion) -> bool:
    """Return whether a baseline score is cached for the current measurements."""
    return _path(store, scores, companion).is_file()


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
    about = ["measured images", version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id]
    name = columns(store).hold(about, sql)
    return int(store.query(f"SELECT n FROM {name}")["n"][0].as_py())


def _about(store: Store, scores: ScoreSet, companion: Companion) -> list[str | int | None]:
    """Return what the values depend on. An image is measured once, so the number of measured ones identifies them."""
    version = store.catalogue.dataset(scores.dataset_id).version
    measured = count_measured(store, scores)
    return [companion, COMPANIONS_VERSION, scores.dataset_id, version, scores.backbone_id, scores.spec_id, measured]


def _path(store: Store, scores: ScoreSet, companion: Companion) -> Path:
    name = f"{companion}-{short_hash(_about(store, scores, companion), 20)}.parquet"
    return cache_folder(store, scores, "companions") / name
