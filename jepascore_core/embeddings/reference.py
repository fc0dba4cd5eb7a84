"""How far images are from those of a reference: the nearest k of its embeddings, by cosine distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.baselines import (
    DECIMALS,
    FLAT_LIMIT,
    NUM_NEIGHBOURS,
    SPARE_CANDIDATES,
    knn_index,
)
from jepascore_core.embeddings.index import (
    BUILD_SHARE,
    KMEANS_STEPS,
    POINTS_PER_LIST,
    Floats,
    IndexKind,
    Progress,
    no_progress,
    subrange,
    unit,
)
from jepascore_core.errors import TooFewImagesError

Values = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Changes whenever the numbers do: part of the name under which they are kept.
REFERENCE_VERSION = 1

BLOCK = 1024
#: Multiply-adds a second on two cores, flat or in inverted lists (benchmarks/reference.py).
RATE = 2e10
_TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceNeighbours:
    """The nearest rows of a reference [M, K] to each of some embeddings [N, K], the nearest first.

    `distances` [N, k] are cosine distances, 0 to 2, and `rows` [N, k] positions in the reference; NaN and -1 for an
    embedding that is not finite.
    """

    distances: Values
    rows: Integers


def choose_reference_index(num_images: int, num_reference: int) -> IndexKind:
    """Flat up to as many pairs as 50,000 images have among themselves, ivf above."""
    return "flat" if num_images * num_reference <= FLAT_LIMIT**2 else "ivf"


def reference_seconds(num_images: int, num_reference: int, dimension: int) -> float:
    """Predict how long `reference_neighbours` takes on two cores."""
    if choose_reference_index(num_images, num_reference) == "flat":
        return num_images * num_reference * dimension / RATE
    lists = min(4 * math.sqrt(num_reference), num_reference / 40)
    built = (KMEANS_STEPS * POINTS_PER_LIST * lists + num_reference) * lists
    searched = num_images * (lists + num_reference * max(32 / lists, 1 / 64))
    return (built + searched) * dimension / RATE


def reference_neighbours(
    embeddings: npt.NDArray[Any],
    reference: npt.NDArray[Any],
    k: int = NUM_NEIGHBOURS,
    *,
    index: IndexKind | None = None,
    progress: Progress = no_progress,
) -> ReferenceNeighbours:
    """Find the k nearest rows of a reference [M, K] to each embedding [N, K], of any float type; ties by position.

    Distances are those of the k-NN baseline score: of unit vectors, in float64, rounded to `DECIMALS`. A flat index is
    exact; inverted lists may miss a row and then find the next one: a distance comes out too large, never too small.
    With fewer than k finite rows there are as many columns as those.

    Raises:
        TooFewImagesError: if no row of the reference is finite.
    """
    there = np.flatnonzero(_are_finite(reference))
    if not len(there):
        raise TooFewImagesError("The reference dataset has no embeddings to compare with. Measure it first.")
    reference, n, k = reference[there], len(embeddings), min(k, len(there))
    kind = index or choose_reference_index(n, len(reference))
    units = unit(reference)
    searched = knn_index(units, kind, subrange(progress, 0.0, BUILD_SHARE[kind]))
    searching = subrange(progress, BUILD_SHARE[kind], 1.0)
    distances, rows = np.full((n, k), np.nan), np.full((n, k), -1, np.int64)
    for first in range(0, n, BLOCK):
        here = first + np.flatnonzero(_are_finite(embeddings[first : first + BLOCK]))
        _, near = searched.search(unit(embeddings[here]), min(k + SPARE_CANDIDATES, len(reference)))
        distances[here], rows[here] = _nearest(embeddings[here], reference, near, k)
        searching(min(1.0, (first + BLOCK) / n))
    # The lists that were searched may hold fewer than k rows.
    lost = np.flatnonzero(np.isinf(distances[:, -1]))
    for first in range(0, len(lost), BLOCK):
        here = lost[first : first + BLOCK]
        near = _all_nearest(unit(embeddings[here]), units, k)
        distances[here], rows[here] = _nearest(embeddings[here], reference, near, k)
    return ReferenceNeighbours(distances, np.where(rows < 0, -1, there[rows]))


def _are_finite(embeddings: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.isfinite(np.sum(embeddings, axis=1, dtype=np.float64))


def _all_nearest(queries: Floats, units: Floats, k: int) -> Integers:
    import faiss

    wanted = min(k + SPARE_CANDIDATES, len(units))
    nearest: Integers = faiss.knn(queries, units, wanted, faiss.METRIC_INNER_PRODUCT)[1]
    return nearest


def _nearest(
    embeddings: npt.NDArray[Any], reference: npt.NDArray[Any], near: Integers, k: int
) -> tuple[Values, Integers]:
    """Distances [n, k] and positions [n, k] of the nearest of the candidates `near` [n, C], in which -1 is a gap."""
    near = np.sort(near, axis=1)
    left, right = embeddings.astype(np.float64), reference[near].astype(np.float64)
    lengths = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=2)
    distance = np.maximum(1 - np.einsum("nk,nck->nc", left, right) / np.maximum(lengths, _TINY), 0.0).round(DECIMALS)
    distance[near < 0] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(near, order, axis=1)
