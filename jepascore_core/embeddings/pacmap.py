"""PaCMAP (Wang et al., JMLR 2021): a map on which near images stay near, and groups keep their places.

Three kinds of pairs pull and push the points of a plane: each image with its nearest ones, with some that are midway,
and with far ones. The package of its authors needs a compiler at run time (docs/adr/0006-pacmap-in-numpy.md); this is
the same algorithm in NumPy, with the numbers of the paper, and the same map for the same seed however many threads run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from jepascore_core.embeddings.index import Floats, Progress, no_progress, subrange

Rows = npt.NDArray[np.int32]

#: Nearest, midway and far images of each: the defaults of the authors.
NUM_NEAR, NUM_MIDWAY, NUM_FAR = 10, 5, 20
#: Of so many nearest candidates those count as near that are so relative to how dense their surroundings are.
NUM_CANDIDATES = 60
#: A midway image is the second nearest of so many at random.
MIDWAY_DRAWN = 6
#: Iterations of the three phases: places of groups, their neighbourhoods, then details.
PHASES = (100, 100, 250)
LEARNING_RATE, MOMENT_DECAY, SQUARE_DECAY, TINY = 1.0, 0.9, 0.999, 1e-7
#: Size of the first two principal components at the beginning.
START_SCALE = 0.01

#: Up to so many images all pairs are compared, above inverted lists are searched.
FLAT_LIMIT = 20_000
NUM_PROBES, TRAIN_STEPS, POINTS_PER_LIST = 12, 8, 64
#: Sums are over so many parts of the images, whatever the number of processors: their order decides the last bits.
NUM_PARTS = 8
BLOCK = 4096
#: Share of the time for neighbours, for the other pairs, and the rest for the iterations; 100,000 images.
NEIGHBOUR_SHARE, PAIR_SHARE = 0.25, 0.05


def pacmap(points: Floats, seed: int = 0, progress: Progress = no_progress) -> Floats:
    """Return a map [N, 2] of points [N, C], principal components in order; at least 3 of them.

    An exception from `progress` ends it.
    """
    near = nearest_rows(points, NUM_CANDIDATES, seed, subrange(progress, 0.0, NEIGHBOUR_SHARE))
    between = subrange(progress, NEIGHBOUR_SHARE, NEIGHBOUR_SHARE + PAIR_SHARE)
    pairs = choose_pairs(points, near, np.random.default_rng(seed), between)
    return _arranged(points[:, :2], pairs, subrange(progress, NEIGHBOUR_SHARE + PAIR_SHARE, 1.0))


def nearest_rows(points: Floats, number: int, seed: int = 0, progress: Progress = no_progress) -> Rows:
    """Return the nearest other rows of each of N points, nearest first, [N, min(number, N - 1)]."""
    n = len(points)
    wanted = min(number, n - 1)
    index = build_lists(points, seed)
    index.add(points)
    found = np.empty((n, wanted), np.int32)
    for first in range(0, n, BLOCK):
        progress(first / n)
        block = points[first : first + BLOCK]
        rows = index.search(block, wanted + 1)[1]
        found[first : first + BLOCK] = _others(rows, np.arange(first, first + len(block)), wanted, n)
    return found


def build_lists(points: Floats, seed: int = 0) -> Any:
    """Return an empty faiss index for points like these [N, C], exact up to `FLAT_LIMIT`, above of inverted lists."""
    import faiss

    n, dimension = points.shape
    flat = faiss.IndexFlatL2(dimension)
    if n <= FLAT_LIMIT:
        return flat
    lists = int(4 * np.sqrt(n))
    index = faiss.IndexIVFFlat(flat, dimension, lists)
    index.nprobe = NUM_PROBES
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = seed + 1, TRAIN_STEPS, POINTS_PER_LIST
    index.train(points[np.random.default_rng(seed).permutation(n)[: POINTS_PER_LIST * lists]])
    return index


def _others(rows: npt.NDArray[np.int64], own: npt.NDArray[np.int64], wanted: int, n: int) -> Rows:
    """Leave each row's own number out of what was found; where too little was found, the next numbers stand in."""
    is_own = rows == own[:, None]
    # Among many equal ones a row may not have found itself: then the last one is left out.
    is_own[~is_own.any(axis=1), -1] = True
    kept = rows[~is_own].reshape(len(rows), wanted)
    stand_ins = (own[:, None] + 1 + np.arange(wanted)) % n
    return np.where(kept < 0, stand_ins, kept).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """For each of N points the other ends of its pairs: `near` [N, a], `midway` [N, b] and `far` [N, c]."""

    near: Rows
    midway: Rows
    far: Rows


def choose_pairs(points: Floats, candidates: Rows, rng: np.random.Generator, progress: Progress = no_progress) -> Pairs:
    """Choose the pairs of points [N, C] that have these nearest `candidates` [N, k]."""
    near = _scaled_nearest(points, candidates)
    midway = np.empty((len(points), NUM_MIDWAY), np.int32)
    for place in range(NUM_MIDWAY):
        progress(place / NUM_MIDWAY)
        drawn = _strangers(rng, len(points), MIDWAY_DRAWN)
        second = np.argsort(_distances(points, drawn), axis=1, kind="stable")[:, min(1, drawn.shape[1] - 1)]
        midway[:, place] = np.take_along_axis(drawn, second[:, None], axis=1)[:, 0]
    far = _strangers(rng, len(points), NUM_FAR)
    for _ in range(3):  # of few images some are near ones in the end
        rows, columns = np.nonzero(_is_among(far, near))
        far[rows, columns] = _shifted(rng.integers(0, len(points) - 1, len(rows)), rows)
    return Pairs(near, midway, far)


def _scaled_nearest(points: Floats, candidates: Rows) -> Rows:
    """Return the nearest of the candidates by distances over those to the fourth to sixth one of either end."""
    squared = _distances(points, candidates)
    width = np.maximum(np.sqrt(squared[:, 3:6]).mean(axis=1) if squared.shape[1] > 3 else np.ones(len(points)), 1e-10)
    scaled = squared / (width[:, None] * width[candidates])
    order = np.argsort(scaled, axis=1, kind="stable")[:, :NUM_NEAR]
    return np.take_along_axis(candidates, order, axis=1)


def _distances(points: Floats, others: Rows) -> Floats:
    """Return the squared distances [N, k] of each point to some others [N, k]."""
    found = np.empty(others.shape, np.float32)

    def fill(first: int) -> None:
        rows = slice(first, first + BLOCK // 4)
        difference = points[others[rows]] - points[rows, None]
        found[rows] = np.einsum("nkc,nkc->nk", difference, difference)

    with ThreadPoolExecutor(_num_threads()) as pool:
        list(pool.map(fill, range(0, len(points), BLOCK // 4)))
    return found


def _strangers(rng: np.random.Generator, n: int, number: int) -> Rows:
    """Draw other rows for each of n, [n, number]."""
    return _shifted(rng.integers(0, n - 1, (n, number)), np.arange(n)[:, None])


def _shifted(drawn: npt.NDArray[np.int64], own: npt.NDArray[np.int64]) -> Rows:
    """Numbers below n - 1 to numbers below n that are not the own one."""
    return (drawn + (drawn >= own)).astype(np.int32)


def _is_among(rows: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Whether each number [N, a] is in the same row of `others` [N, b]."""
    found = np.zeros(rows.shape, bool)
    for column in others.T:
        found |= rows == column[:, None]
    return found


class _Springs:
    """The pairs of some rows [first, end), all kinds side by side, and a matrix that adds what pulls their other ends.

    `columns` are where one kind ends and the next begins.
    """

    def __init__(self, kinds: Sequence[Rows], first: int, end: int) -> None:
        self.rows = slice(first, end)
        self.others = np.hstack([kind[first:end] for kind in kinds])
        self.columns = np.cumsum([kind.shape[1] for kind in kinds])[:-1]
        m, number = self.others.shape
        starts = np.arange(0, m * number + 1, number, dtype=np.int32)
        forces = np.zeros(m * number, np.float32)
        self._sums = csr_array((forces, self.others.ravel(), starts), shape=(m, len(kinds[0])))
        self._ones = np.ones(m, np.float32)

    def gradient(self, place: Floats, weigh: Callable[[list[Floats]], None]) -> tuple[slice, Floats, Floats]:
        """Return the rows, what acts on them [2, m], and what acts on their other ends [2, N]."""
        axes = [axis[self.rows, None] - axis[self.others] for axis in place]
        weights: Floats = axes[0] * axes[0] + axes[1] * axes[1]
        weights += 1.0
        weigh(np.split(weights, self.columns, axis=1))
        own, back = [], []
        for axis in axes:
            axis *= weights
            own.append(axis.sum(axis=1))
            self._sums.data = axis.ravel()
            back.append(self._ones @ self._sums)
        return self.rows, np.stack(own), np.stack(back)


def _arranged(start: Floats, pairs: Pairs, progress: Progress) -> Floats:
    """Move points from their start [N, 2] until near pairs are near and far pairs far."""
    n = len(start)
    place: Floats = np.ascontiguousarray(START_SCALE * start.T, np.float32)
    moment, square = np.zeros_like(place), np.zeros_like(place)
    edges = np.linspace(0, n, min(NUM_PARTS, n) + 1).astype(int)
    parts = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    springs = [_Springs((pairs.near, pairs.far, pairs.midway), *part) for part in parts]
    with ThreadPoolExecutor(_num_threads()) as pool:
        for step in range(sum(PHASES)):
            progress(step / sum(PHASES))
            near, midway = _weights(step)
            if step == sum(PHASES[:2]):
                springs = [_Springs((pairs.near, pairs.far), *part) for part in parts]
            weigh = partial(_weigh, near=near, midway=midway)
            gradient = np.zeros_like(place)
            for rows, own, back in pool.map(partial(_Springs.gradient, place=place, weigh=weigh), springs):
                gradient -= back
                gradient[:, rows] += own
            moment += (1 - MOMENT_DECAY) * (gradient - moment)
            square += (1 - SQUARE_DECAY) * (gradient * gradient - square)
            rate = LEARNING_RATE * (1 - SQUARE_DECAY ** (step + 1)) ** 0.5 / (1 - MOMENT_DECAY ** (step + 1))
            place -= rate * moment / (np.sqrt(square) + TINY)
    found: Floats = np.ascontiguousarray(place.T)
    return found


def _weights(step: int) -> tuple[float, float]:
    """Return the weights of near and midway pairs in a step; those of far ones are 1."""
    if step < PHASES[0]:
        share = step / PHASES[0]
        return 2.0, 1000.0 * (1 - share) + 3.0 * share
    return (3.0, 3.0) if step < sum(PHASES[:2]) else (1.0, 0.0)


def _weigh(kinds: list[Floats], near: float, midway: float) -> None:
    """Turn 1 + squared distances of near, far and midway pairs into the slopes of their losses over the distance."""
    for distances, force, offset in zip(kinds, (20 * near, -2.0, 20_000 * midway), (10.0, 1.0, 10_000.0), strict=False):
        distances += np.float32(offset)
        distances *= distances
        np.divide(np.float32(force), distances, out=distances)


def _num_threads() -> int:
    return min(NUM_PARTS, os.cpu_count() or 1)
