"""Similarity to words or to a sample as columns for rules: computed once for each query, then cached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.backbones.presence import has_weights
from jepascore_core.backbones.registry import find_spec
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.curation.rules.column import SIMILAR, Column
from jepascore_core.embeddings.index import Floats, Progress, no_progress
from jepascore_core.embeddings.similarity import is_picture, keep_words_vector, similarities, take_picture, words_vector
from jepascore_core.errors import RuleError
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.tables import current_vectors
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store

#: Queries of a dataset that are kept on disk, 8 MB each at a million images.
KEPT = 32
#: Of reading an embedding from a shard, and from the file where they are materialized.
SHARD_SECONDS, MATERIALIZED_SECONDS = 3e-5, 2e-6
#: Library whose backbones have a text tower that is known here.
WITH_WORDS = "open_clip"
#: A small CLIP model whose licence allows commercial use, and whose tokenizer comes with open_clip.
SMALLEST_WITH_WORDS = "open_clip:ViT-B-32-quickgelu:openai"
NOT_EMBEDDED_YET = "The words must be embedded first, which the worker does."


def has_words(store: Store, key: MeasurementKey) -> bool:
    """Return whether a backbone can compare images with words."""
    known = store.catalogue.backbones().get(key.backbone_id)
    return known is not None and known.library == WITH_WORDS


def check_words(store: Store, scores: ScoreSet) -> None:
    """Refuse a backbone without a text tower.

    Raises:
        RuleError: naming the measured ones that have one, or how to get one.
    """
    if has_words(store, scores.key):
        return
    titles = measured_titles(store)
    title = titles.get(scores.key, scores.backbone_id)
    fit = [key.text for key in titles if has_words(store, key)]
    advice = f'Name one that can, as in similar("...", "{fit[0]}").' if fit else how_to_get_words()
    raise RuleError(f"{title} cannot compare images with words: it has no text tower. {advice}")


def how_to_get_words() -> str:
    """Say which backbone to measure with for comparing images with words, and what licence its weights have."""
    spec = find_spec(SMALLEST_WITH_WORDS)
    assert spec is not None
    place = "on this machine" if has_weights(spec) else "to be downloaded once from the hub"
    return (
        f"Measure the images with a CLIP model, for example {spec.name} (licence {spec.licence}, weights {place}): "
        "one forward pass with the estimator embed is enough."
    )


def similarity_column(store: Store, scores: ScoreSet, column: Column) -> str:
    """Return the name of the column of cosines, one row per sample ordered by key; NULL without an embedding.

    Raises:
        RuleError: if the words are not embedded yet, or the sample or its embedding does not exist.
    """
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    query = query_vector(store, scores, column)
    if query is None:
        raise RuleError(NOT_EMBEDDED_YET)
    base, path = cache.base(dataset), _path(store, scores, query)
    table = cache.cache_computed(["similarity values", str(path)], lambda: similarity_values(store, scores, column))
    sql = f'SELECT value AS "{{name}}" FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id'
    return cache.cache_query(["similarity", base, table], sql)


def similarity_values(store: Store, scores: ScoreSet, column: Column, progress: Progress = no_progress) -> pa.Table:
    """Return rows (content_id, value) of the embedded images, from disk if cached; words are embedded if needed.

    Raises:
        RuleError: as `similarity_column`.
        JepaScoreError: if the words cannot be embedded.
    """
    query = query_vector(store, scores, column)
    if query is None:
        embed_query(store, scores, column)
        return similarity_values(store, scores, column, progress)
    path = _path(store, scores, query)
    if path.is_file():
        return pq.read_table(path)
    dataset = store.catalogue.dataset(scores.dataset_id)
    vectors = current_vectors(store, dataset, scores.key)
    table = similarities(store, dataset, scores.key, query, vectors, progress)
    keep_table(path, table, "*.parquet", KEPT)
    return table


def is_similarity_known(store: Store, scores: ScoreSet, column: Column) -> bool:
    """Return whether the cosines are cached for the current measurements.

    Raises:
        RuleError: as `query_vector`.
    """
    query = query_vector(store, scores, column)
    return query is not None and _path(store, scores, query).is_file()


def similarity_seconds(store: Store, scores: ScoreSet, size: int) -> float:
    """Estimate the seconds of comparing `size` images."""
    dataset = store.catalogue.dataset(scores.dataset_id)
    is_fast = current_vectors(store, dataset, scores.key) is not None
    return size * (MATERIALIZED_SECONDS if is_fast else SHARD_SECONDS)


def query_vector(store: Store, scores: ScoreSet, column: Column) -> Floats | None:
    """Return the vector [K] that a column compares with; None for words that are not embedded yet.

    Raises:
        RuleError: for a sample that does not exist or has no embedding, and words under a backbone without text tower.
    """
    query = str(column.query)
    if column.name == SIMILAR:
        check_words(store, scores)
    if column.name == SIMILAR or is_picture(query):
        return words_vector(store, scores.backbone_id, query)
    dataset = store.catalogue.dataset(scores.dataset_id)
    sql = f"""SELECT measured.embedding FROM ({store.manifest_sql(dataset)}) AS manifest
        LEFT JOIN ({store.measurements_sql(scores.key)}) AS measured USING (content_id)
        WHERE sample_key = $1 OR content_id = $1 LIMIT 1"""
    found = store.query(sql, [query])["embedding"].to_pylist()
    if not found:
        raise RuleError(f"{dataset.name} has no sample {query!r}. Name a sample key, or a content id.")
    if found[0] is None:
        raise RuleError(f"The sample {query!r} has no embedding under this backbone yet.")
    return np.asarray(found[0], np.float32)


def embed_query(store: Store, scores: ScoreSet, column: Column) -> None:
    """Embed words with the text tower of a backbone, or a dropped picture, and cache the vector. Loads torch.

    Raises:
        RuleError: if the backbone has no text tower, or the picture is gone.
        JepaScoreError: if the backbone cannot be loaded, or the picture not be read.
    """
    query = str(column.query)
    known = store.catalogue.backbones()[scores.backbone_id]
    asked = (run.backbone for run in store.catalogue.runs(hidden=True) if run.backbone_id == scores.backbone_id)
    ref = next(asked, BackboneRef(known.name))
    # Imported here only: the web process reads what the worker embedded.
    if column.name == SIMILAR:
        check_words(store, scores)
        from jepascore_core.backbones.open_clip_text_encoder import embed_text

        vector = embed_text(ref, query)
    else:
        from jepascore_core.measuring.embedding import embed_picture

        data = take_picture(store, scores.backbone_id, query)
        if data is None:
            raise RuleError("The picture is no longer there: drop it on the page again.")
        vector = embed_picture(ref, data)
    keep_words_vector(store, scores.backbone_id, query, vector)


def _path(store: Store, scores: ScoreSet, query: Floats) -> Path:
    """Return the file of cosines; an image is measured once, so the number of measured ones identifies them."""
    version = store.catalogue.dataset(scores.dataset_id).version
    name = short_hash([version, count_measured(store, scores), np.asarray(query, np.float32).tobytes().hex()], 20)
    return cache_folder(store, scores, "similarities") / f"{name}.parquet"
