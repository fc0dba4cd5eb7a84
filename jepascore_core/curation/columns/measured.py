"""What a dataset has measured under a backbone: the stored embeddings, how many, and of which dimension."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.embeddings.files import count_vectors, stream_embeddings
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, version_key
from jepascore_core.scores.tables import current_vectors
from jepascore_core.storage.store import Store

#: Of a backbone that the catalogue does not know.
_USUAL_DIMENSION = 768


def stored_embeddings(
    store: Store, scores: ScoreSet, progress: Progress = no_progress
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float16]]:
    """Return content ids [N] in order, and their embeddings [N, K] as stored.

    An exception from `progress`, which is called with 0, stops the reading.
    """
    dataset = store.catalogue.dataset(scores.dataset_id)
    names, parts = [np.zeros(0, np.str_)], []
    for content_ids, embeddings in stream_embeddings(store, dataset, scores.key):
        progress(0.0)
        names.append(np.array(content_ids.to_pylist(), np.str_))
        parts.append(embeddings.astype(np.float16))
    found, first = np.unique(np.concatenate(names), return_index=True)
    return found, np.concatenate(parts)[first] if parts else np.zeros((0, 1), np.float16)


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


def count_classes(store: Store, scores: ScoreSet) -> int:
    """Return the number of different labels of a dataset."""
    base = columns(store).base(store.catalogue.dataset(scores.dataset_id))
    return int(store.query(f"SELECT count(DISTINCT label) AS n FROM {base}")["n"][0].as_py())


def embedding_dimension(store: Store, scores: ScoreSet) -> int:
    """Return the dimension of a backbone's embeddings; a usual one where the catalogue does not know it."""
    known = store.catalogue.backbones().get(scores.backbone_id)
    return known.dimension if known else _USUAL_DIMENSION
