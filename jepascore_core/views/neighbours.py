"""The images whose embeddings are nearest to that of a sample by cosine distance: exact, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter
from pathlib import Path

import numpy as np

from jepascore_core.curation.summary import without_gaps
from jepascore_core.embeddings.files import find_vectors, nearest_in_file, stream_embeddings
from jepascore_core.embeddings.index import Floats, unit
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.row_index import content_rows_sql
from jepascore_core.scores.score_set import (
    SAMPLE_FIELDS,
    ScoredSample,
    ScoreSet,
    measured_samples_sql,
    table_of,
    to_scored_samples,
    version_key,
)
from jepascore_core.storage.store import Store

NUM_NEIGHBOURS = 12


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another image, as its first sample. `distance` is 1 - cosine of the embeddings, 0 to 2."""

    sample: ScoredSample
    distance: float


def nearest_samples(
    store: Store, scores: ScoreSet, content_id: str, number: int = NUM_NEIGHBOURS
) -> tuple[Neighbour, ...]:
    """Return the nearest measured images of the dataset, the nearest first; none if this one was not measured.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.scored_sql`.
    """
    vectors = find_vectors(table_of(store, scores))

    def look() -> tuple[Neighbour, ...]:
        distances = nearest_images(store, scores, content_id, number, vectors)
        samples = _first_samples(store, scores, list(distances))
        found = [Neighbour(samples[key], distance) for key, distance in distances.items() if key in samples]
        return tuple(sorted(found, key=lambda item: (item.distance, item.sample.sample_key)))

    about = ("nearest", scores, version_key(store, scores), vectors, content_id, number)
    return memoized(store, about, look)


def nearest_images(
    store: Store, scores: ScoreSet, content_id: str, number: int, vectors: Path | None = None
) -> dict[str, float]:
    """Return content ids of the nearest other images with their distances; compares every embedding, part by part.

    `vectors` is the folder of the materialized embeddings, None = they are read from the shards.
    """
    measured = store.measurements_sql(scores.key)
    own = store.query(f"SELECT embedding FROM ({measured}) WHERE content_id = ? LIMIT 1", [content_id])
    if not own.num_rows or own["embedding"][0].as_py() is None:
        return {}
    query = unit(np.array(own["embedding"].to_pylist(), np.float32))
    # One more than requested: the image itself is the nearest of all.
    found = nearest_in_file(vectors, query, number + 1) if vectors else _compare(store, scores, query, number + 1)
    found.pop(content_id, None)
    distances = {key: max(0.0, 1.0 - cosine) for key, cosine in found.items()}
    return dict(sorted(distances.items(), key=lambda item: (item[1], item[0]))[:number])


def _compare(store: Store, scores: ScoreSet, query: Floats, number: int) -> dict[str, float]:
    """Return `nearest_in_file`, from the shards."""
    best: dict[str, float] = {}
    dataset = store.catalogue.dataset(scores.dataset_id)
    for content_ids, embeddings in stream_embeddings(store, dataset, scores.key):
        cosines = (unit(embeddings) @ query[0]).tolist()
        best |= dict(zip(content_ids.to_pylist(), cosines, strict=True))
        best = dict(nlargest(number, best.items(), key=itemgetter(1)))
    return best


def _first_samples(store: Store, scores: ScoreSet, content_ids: list[str]) -> dict[str, ScoredSample]:
    dataset = store.catalogue.dataset(scores.dataset_id)
    near = content_rows_sql(store, dataset, table_of(store, scores), content_ids)
    rows = store.query(
        f"""SELECT {SAMPLE_FIELDS} FROM (SELECT * FROM ({measured_samples_sql(store, scores)}) WHERE {near})
        WHERE content_id IN (SELECT unnest($1::VARCHAR[]))
        QUALIFY row_number() OVER (PARTITION BY content_id ORDER BY sample_key) = 1""",
        [content_ids],
    ).to_pylist()
    return {sample.content_id: sample for sample in to_scored_samples(without_gaps(rows))}
