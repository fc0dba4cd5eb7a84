"""A diverse part of many embeddings: greedy k-center, and k-means clusters to draw evenly from.

Embeddings are rounded to whole numbers, whose products float32 adds up without an error: whatever the machine, its
number of threads and the size of a block, the same images are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.index import Floats, Progress, no_progress, subrange

Integers = npt.NDArray[np.int64]
Points = npt.NDArray[np.int16]

#: Length of a rounded embedding. Sums of products stay below 2**24, up to which float32 knows every whole number, in up
#: to 30,000 dimensions. A cosine is off by 1e-4 (root mean square).
LENGTH = 4000
BLOCK = 8192

#: k-means looks at so many points a cluster, which is enough to place its centre.
POINTS_PER_CLUSTER = 256
START_POINTS = 20
STEPS = 12
#: Similarities of points to centres that are held at once: 32 MB.
SIMILARITIES = 2**23

#: Farthest points among which the next centres are looked for, until another one may be farther.
POOL = 4096
#: Points that catch up with the centres at once, and centres that they catch up with at once.
ROWS_AT_ONCE, CENTRES_AT_ONCE = 512, 2048
_CHOSEN = np.iinfo(np.int64).max


def rounded(vectors: npt.NDArray[Any], progress: Progress = no_progress) -> Points:
    """Rows [N, K] scaled to the same length and rounded, [N, K]; a row of zeros, or not finite, is zeros."""
    points = np.empty(vectors.shape, np.int16)
    for rows in _blocks(len(vectors), BLOCK):
        block = vectors[rows].astype(np.float64)
        block[~np.isfinite(block).all(axis=1)] = 0.0
        length = np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
        points[rows] = np.rint(LENGTH * block / length)
        progress(rows.stop / len(vectors))
    return points


def k_center(
    embeddings: npt.NDArray[Any], k: int, first: Integers | None = None, progress: Progress = no_progress
) -> Integers:
    """Positions of k rows of embeddings [N, K], each the farthest by cosine from those before it: a 2-approximation.

    Starts with the rows `first`, or with the one nearest to the mean; ties go to the smaller position. Costs at most
    N * k * K; mostly much less, see `_Search`.
    """
    n = len(embeddings)
    if k >= n:
        return np.arange(n)
    return _farthest_first(rounded(embeddings, subrange(progress, 0.0, 0.0)), k, first, progress)


def clusters(
    embeddings: npt.NDArray[Any], num_clusters: int, seed: int = 0, progress: Progress = no_progress
) -> Integers:
    """Cluster of each row of embeddings [N, K] -> [N], by spherical k-means."""
    n = len(embeddings)
    if n <= num_clusters:
        return np.arange(n)
    points = rounded(embeddings, subrange(progress, 0.0, 0.0))
    order = np.random.default_rng(seed).permutation(n)
    start, sample = (points[np.sort(order[: size * num_clusters])] for size in (START_POINTS, POINTS_PER_CLUSTER))
    total = len(start) + STEPS * len(sample) + n
    ends = np.cumsum([len(start), *[len(sample)] * STEPS]) / total
    # Centres that begin far apart do not leave a small clump without one, as random ones may.
    centres = start[_farthest_first(start, num_clusters, None, subrange(progress, 0.0, ends[0]))]
    for step in range(STEPS):
        nearest = _nearest(sample, centres, subrange(progress, ends[step], ends[step + 1]))
        centres = _means(sample, nearest, centres, subrange(progress, ends[step + 1], ends[step + 1]))
    return _nearest(points, centres, subrange(progress, ends[-1], 1.0))


def _nearest(points: Points, centres: Points, progress: Progress) -> Integers:
    """Return the most similar centre of each point, the first one of ties."""
    found = np.empty(len(points), np.int64)
    across = centres.T.astype(np.float32)
    for rows in _blocks(len(points), max(1, min(BLOCK, SIMILARITIES // len(centres)))):
        found[rows] = np.argmax(points[rows].astype(np.float32) @ across, axis=1)
        progress(rows.stop / len(points))
    return found


def _means(points: Points, nearest: Integers, centres: Points, progress: Progress) -> Points:
    """Centres of the points of each cluster; one without points stays where it was."""
    sums = np.zeros(centres.shape)
    for rows in _blocks(len(points), BLOCK):
        order = np.argsort(nearest[rows], kind="stable")
        found, starts = np.unique(nearest[rows][order], return_index=True)
        sums[found] += np.add.reduceat(points[rows][order], starts, axis=0, dtype=np.float64)
        progress(rows.stop / len(points))
    return np.where(sums.any(axis=1, keepdims=True), rounded(sums), centres)


def _farthest_first(points: Points, k: int, first: Integers | None, progress: Progress) -> Integers:
    """`k_center` of rounded points, for k < N."""
    if first is None or not len(first):
        first = np.array([_nearest_to_mean(points, subrange(progress, 0.0, 0.0))])
    search = _Search(points, k, progress)
    search.choose(first[:k])
    if search.num < k:
        search.catch_up(np.setdiff1d(np.arange(len(points)), first))
    while search.num < k:
        search.choose_from_pool()
    return search.chosen


def _nearest_to_mean(points: Points, progress: Progress) -> int:
    mean, similarity = np.zeros(points.shape[1]), np.empty(len(points))
    for rows in _blocks(len(points), BLOCK):
        mean += points[rows].sum(axis=0, dtype=np.float64)
        progress(0.0)
    for rows in _blocks(len(points), BLOCK):
        similarity[rows] = points[rows] @ mean
        progress(0.0)
    return int(np.argmax(similarity))


class _Search:
    """The search for centres that are far apart.

    A key sorts a point by its similarity to the nearest centre, and then by its position. It knows the first `seen`
    centres only, and the others could but raise it: as long as points that know all of them have smaller keys than the
    rest, the next centre is one of those. So most points hear of many centres at once, and those near to one of few.
    """

    def __init__(self, points: Points, k: int, progress: Progress) -> None:
        self.points, self.progress = points, progress
        self.num, self.chosen = 0, np.empty(k, np.int64)
        self.centres = np.empty((k, points.shape[1]), np.float32)
        self.keys = np.full(len(points), np.iinfo(np.int64).min)
        self.seen = np.zeros(len(points), np.int64)

    def choose(self, rows: Integers) -> None:
        """Make rows the next centres."""
        end = self.num + len(rows)
        self.chosen[self.num : end], self.centres[self.num : end] = rows, self.points[rows]
        self.keys[rows] = _CHOSEN
        self.num = end
        self.progress(self.num / len(self.chosen))

    def catch_up(self, rows: Integers) -> None:
        """Let rows hear of all centres."""
        rows = rows[np.argsort(self.seen[rows], kind="stable")]
        for part in _blocks(len(rows), ROWS_AT_ONCE):
            some = rows[part]
            block = self.points[some].astype(np.float32)
            for first in range(int(self.seen[some[0]]), self.num, CENTRES_AT_ONCE):
                centres = self.centres[first : min(self.num, first + CENTRES_AT_ONCE)]
                self.keys[some] = np.maximum(self.keys[some], self._keys(some, (block @ centres.T).max(axis=1)))
                self.progress(self.num / len(self.chosen))
            self.seen[some] = self.num

    def choose_from_pool(self) -> None:
        """Choose among the farthest points as long as none of the others can be farther; sometimes that is none."""
        pool, bound = np.arange(len(self.points)), _CHOSEN
        if len(pool) > POOL:
            order = np.argpartition(self.keys, POOL)
            pool, bound = order[:POOL], self.keys[order[POOL]]
        self.catch_up(pool)
        block, keys = self.points[pool].astype(np.float32), self.keys[pool]
        while self.num < len(self.chosen) and keys.min() < bound:
            at = int(np.argmin(keys))
            self.choose(pool[at : at + 1])
            np.maximum(keys, self._keys(pool, block @ block[at]), out=keys)
            keys[at] = _CHOSEN
        self.keys[pool], self.seen[pool] = keys, self.num

    def _keys(self, rows: Integers, similarity: Floats) -> Integers:
        return similarity.astype(np.int64) * len(self.points) + rows


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(first, min(n, first + size)) for first in range(0, n, size))
