"""The images whose embeddings are nearest to that of a sample, by cosine distance: exact, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.store import Store
from jepascore_core.vectors import unit
from jepascore_core.views.memory import remembered
from jepascore_core.views.score_set import (
    SAMPLE_FIELDS,
    ScoredSample,
    ScoreSet,
    freshness,
    manifest_sql,
    scored_sql,
    to_scored_samples,
)

NUM_NEIGHBOURS = 12
#: Embeddings in memory at a time: 25 MB at K = 384.
BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another image, by the first sample that shows it. `distance` is 1 - cosine of the embeddings, 0 to 2."""

    sample: ScoredSample
    distance: float


def nearest_samples(
    store: Store, scores: ScoreSet, content_id: str, number: int = NUM_NEIGHBOURS
) -> tuple[Neighbour, ...]:
    """The nearest measured images of the dataset, the nearest first; none if this one was not measured.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.scored_sql`.
    """

    def look() -> tuple[Neighbour, ...]:
        distances = nearest_images(store, scores, content_id, number)
        samples = _first_samples(store, scores, list(distances))
        found = [Neighbour(samples[key], distance) for key, distance in distances.items() if key in samples]
        return tuple(sorted(found, key=lambda item: (item.distance, item.sample.sample_key)))

    about = ("nearest", scores, freshness(store, scores), content_id, number)
    return remembered(store, about, look)


def nearest_images(store: Store, scores: ScoreSet, content_id: str, number: int) -> dict[str, float]:
    """Content ids of the nearest other images with their distances; every embedding is looked at, batch by batch."""
    measured = store.measurements_sql(scores.backbone_id, scores.spec_id)
    own = store.query(f"SELECT embedding FROM ({measured}) WHERE content_id = ? LIMIT 1", [content_id])
    if not own.num_rows or own["embedding"][0].as_py() is None:
        return {}
    query = unit(np.array(own["embedding"].to_pylist(), np.float32))
    best: dict[str, float] = {}
    batches = store.stream(
        f"""SELECT content_id, embedding FROM ({measured})
        SEMI JOIN ({manifest_sql(store, scores.dataset_id)}) AS manifest USING (content_id)
        WHERE embedding IS NOT NULL AND content_id <> ?""",
        [content_id],
        BATCH_ROWS,
    )
    for batch in batches:
        if batch.num_rows:
            best = dict(sorted((best | _nearest_of(batch, query, number)).items(), key=_by_distance)[:number])
    return best


def _by_distance(item: tuple[str, float]) -> tuple[float, str]:
    return item[1], item[0]


def _nearest_of(batch: pa.RecordBatch, query: npt.NDArray[np.float32], number: int) -> dict[str, float]:
    """The nearest ones of a batch (content_id, embedding [K]) to a query [1, K]."""
    import faiss

    flat: Any = batch.column("embedding").flatten().to_numpy(zero_copy_only=False)
    embeddings = unit(flat.reshape(batch.num_rows, -1))
    cosines, places = faiss.knn(query, embeddings, min(number, batch.num_rows), metric=faiss.METRIC_INNER_PRODUCT)
    names = batch.column("content_id").take(pa.array(places[0])).to_pylist()
    return {name: max(0.0, 1.0 - float(cosine)) for name, cosine in zip(names, cosines[0], strict=True)}


def _first_samples(store: Store, scores: ScoreSet, content_ids: list[str]) -> dict[str, ScoredSample]:
    rows = store.query(
        f"""SELECT {SAMPLE_FIELDS} FROM ({scored_sql(store, scores)}) WHERE content_id IN (SELECT unnest($1::VARCHAR[]))
        QUALIFY row_number() OVER (PARTITION BY content_id ORDER BY sample_key) = 1""",
        [content_ids],
    ).to_pylist()
    return {sample.content_id: sample for sample in to_scored_samples(rows)}
