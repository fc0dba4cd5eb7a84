"""Baseline scores: how typical an image is of its dataset, from embeddings alone. Higher = more typical.

They cost almost nothing compared to the JEPA-SCORE, and are out-of-sample: an image is never its own neighbour, and its
Mahalanobis distance uses statistics fitted without it. Images are identified by content id, so copies count once.
"""

from __future__ import annotations

import zlib
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.index import (
    BUILD_SHARE,
    Floats,
    IndexKind,
    Progress,
    build_index,
    no_progress,
    subrange,
    unit,
)
from jepascore_core.errors import TooFewImagesError

Baseline = Literal["knn", "mahalanobis", "norm"]
Values = npt.NDArray[np.float64]

BASELINES: tuple[Baseline, ...] = get_args(Baseline)

#: Part of the names of cached files: incremented when the numbers change.
BASELINES_VERSION = 1

#: k of the distance to the k-th nearest other image.
NUM_NEIGHBOURS = 10
#: Up to this many images all pairs are compared; above, one in 64 of the inverted lists is searched, 32 at least. At
#: 20,000 images (K = 384) 67 % have the same value, with a rank correlation of 0.994 (benchmarks/baselines.py).
FLAT_LIMIT = 50_000
PROBED_SHARE = 64
MIN_PROBES = 32
#: The index computes in float32: this many extra candidates are retrieved and ordered in float64.
SPARE_CANDIDATES = 4
#: Distances are rounded to this many decimals, far coarser than rounding noise, so that equal ones are equal on every
#: machine.
DECIMALS = 9

#: Each image is scored by statistics of the other folds, four fifths of the images.
NUM_FOLDS = 5
#: Mean and covariance are fitted on at most this many images, the first by content id, a hash: a random sample.
MAX_FITTED = 50_000
MIN_IMAGES = {"knn": 2, "mahalanobis": 20, "norm": 0}
#: Relative step of half precision, in which embeddings are stored: smaller differences are lost.
HALF_STEP = 2.0**-11

BLOCK = 1024
_TINY = 1e-30


def choose_knn_index(num_images: int) -> IndexKind:
    """Choose flat up to 50,000 images, ivf above."""
    return "flat" if num_images <= FLAT_LIMIT else "ivf"


def baseline_scores(
    baseline: Baseline,
    content_ids: npt.NDArray[np.str_],
    embeddings: npt.NDArray[Any],
    progress: Progress = no_progress,
) -> Values:
    """Compute a baseline score of images [N] from embeddings [N, K] of any float type -> [N], higher = more typical.

    The result depends neither on the order of the rows nor on repeated images. An embedding that is not finite gets
    NaN and is left out of the statistics of the others.

    Raises:
        TooFewImagesError: for fewer different images than `MIN_IMAGES`.
    """
    ids, first, back = np.unique(content_ids, return_index=True, return_inverse=True)
    usable = np.isfinite(np.sum(embeddings, axis=1, dtype=np.float64))[first]
    ids, vectors = ids[usable], embeddings[first[usable]]
    values = np.full(len(first), np.nan)
    if baseline == "knn":
        values[usable] = knn(vectors, progress=progress)
    elif baseline == "mahalanobis":
        values[usable] = mahalanobis(ids, vectors, progress)
    else:
        values[usable] = norm(vectors)
    return values[back]


def baseline_scores_against(baseline: Baseline, embeddings: npt.NDArray[Any], reference: npt.NDArray[Any]) -> Values:
    """Compute a baseline score of images [N, K] fitted on others [M, K] -> [N] float64, higher = more typical.

    Raises:
        TooFewImagesError: for fewer different images to fit on than `MIN_IMAGES`.
    """
    if baseline == "norm":
        return norm(embeddings)
    _check_enough(baseline, len(reference))
    if baseline == "mahalanobis":
        return -_squared_distance(embeddings, *_fit(reference[:MAX_FITTED]))
    units, k, values = unit(reference), min(NUM_NEIGHBOURS, len(reference)), np.empty(len(embeddings))
    for first in range(0, len(embeddings), BLOCK):
        cosines = unit(embeddings[first : first + BLOCK]) @ units.T  # [n, M]
        values[first : first + BLOCK] = np.partition(cosines, -k, axis=1)[:, -k] - 1.0
    return values


def norm(embeddings: npt.NDArray[Any]) -> Values:
    """Return the length of each embedding, [N, K] -> [N]."""
    blocks = [embeddings[first : first + BLOCK] for first in range(0, len(embeddings), BLOCK)]
    lengths = [np.linalg.norm(block.astype(np.float64), axis=1) for block in blocks]
    return np.concatenate(lengths) if lengths else np.zeros(0)


def knn(
    embeddings: npt.NDArray[Any],
    k: int = NUM_NEIGHBOURS,
    *,
    index: IndexKind | None = None,
    progress: Progress = no_progress,
) -> Values:
    """Return minus the cosine distance to the k-th nearest other row, [N, K] -> [N] in [-2, 0].

    With k rows or fewer it is that to the farthest other one. A flat index is exact; inverted lists may miss a
    neighbour and use the next one: the distance is then too large, never too small.

    Raises:
        TooFewImagesError: for fewer than 2 rows.
    """
    n = len(embeddings)
    _check_enough("knn", n)
    k = min(k, n - 1)
    units, lengths, values = unit(embeddings), norm(embeddings), np.empty(n)
    kind = index or choose_knn_index(n)
    searched = knn_index(units, kind, subrange(progress, 0.0, BUILD_SHARE[kind]))
    searching = subrange(progress, BUILD_SHARE[kind], 1.0)
    for first in range(0, n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, n))
        _, near = searched.search(units[rows], min(k + 1 + SPARE_CANDIDATES, n))
        values[rows] = -_kth_distance(embeddings, lengths, rows, near, k)
        searching(min(1.0, (first + BLOCK) / n))
    # The searched lists may contain fewer than k others.
    lost = np.flatnonzero(np.isneginf(values))
    for first in range(0, len(lost), BLOCK):
        rows = lost[first : first + BLOCK]
        values[rows] = -_kth_distance(embeddings, lengths, rows, _all_nearest(units, rows, k), k)
    return values


def knn_index(units: Floats, kind: IndexKind, progress: Progress) -> Any:
    """Build a faiss index of rows [N, K] of equal length, with as many lists searched as a k-NN distance needs."""
    index = build_index(units, kind, progress=progress)
    if kind == "ivf":
        index.nprobe = max(MIN_PROBES, index.nlist // PROBED_SHARE)
    return index


def _all_nearest(units: Floats, rows: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    import faiss

    wanted = min(k + 1 + SPARE_CANDIDATES, len(units))
    nearest: npt.NDArray[np.int64] = faiss.knn(units[rows], units, wanted, faiss.METRIC_INNER_PRODUCT)[1]
    return nearest


def _kth_distance(
    embeddings: npt.NDArray[Any],
    lengths: Values,
    rows: npt.NDArray[np.int64],
    near: npt.NDArray[np.int64],
    k: int,
) -> Values:
    """Return the cosine distance of each row [n] to the k-th of its candidates [n, C], except itself and gaps (-1)."""
    left, right = embeddings[rows].astype(np.float64), embeddings[near].astype(np.float64)
    inner = np.einsum("nk,nck->nc", left, right)
    distance = 1 - inner / np.maximum(lengths[rows, None] * lengths[near], _TINY)
    distance[(near < 0) | (near == rows[:, None])] = np.inf
    kth = np.partition(distance, k - 1, axis=1)[:, k - 1]
    rounded: Values = np.maximum(kth, 0.0).round(DECIMALS)
    return rounded


def mahalanobis(
    content_ids: npt.NDArray[np.str_], embeddings: npt.NDArray[Any], progress: Progress = no_progress
) -> Values:
    """Return minus the squared Mahalanobis distance to the mean of the other folds, rows ordered by content id -> [N].

    The covariance is shrunk (Ledoit and Wolf 2004) and no variance is below the resolution of half precision. The fold
    of an image depends only on its content id, so it does not change when a dataset grows.

    Raises:
        TooFewImagesError: for fewer than 20 rows, or if a fold has nearly all of them.
    """
    _check_enough("mahalanobis", len(embeddings))
    folds = np.array([zlib.crc32(str(name).encode()) % NUM_FOLDS for name in content_ids])
    values = np.empty(len(embeddings))
    for fold in range(NUM_FOLDS):
        judged, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        _check_enough("mahalanobis", 2 * len(others))
        mean, root = _fit(embeddings[others[:MAX_FITTED]])
        # Half of the progress each: at 60,000 images fitting takes longer than scoring, but only scoring grows with
        # them.
        judging = subrange(progress, (fold + 0.5) / NUM_FOLDS, (fold + 1) / NUM_FOLDS)
        for first in range(0, len(judged), BLOCK):
            judging(first / len(judged))
            rows = judged[first : first + BLOCK]
            values[rows] = -_squared_distance(embeddings[rows], mean, root)
        judging(1.0)
    return values


def _fit(rows: npt.NDArray[Any]) -> tuple[Values, Values]:
    """Return the mean [K] of rows [N, K] and the lower Cholesky factor [K, K] of their shrunk covariance."""
    from sklearn.covariance import ledoit_wolf

    values = rows.astype(np.float64)
    mean = values.mean(axis=0)
    floor = max(HALF_STEP**2 * float(np.mean(values**2)), _TINY)
    covariance, _ = ledoit_wolf(values - mean, assume_centered=True)
    return mean, np.linalg.cholesky(covariance + floor * np.eye(len(mean)))


def _squared_distance(rows: npt.NDArray[Any], mean: Values, root: Values) -> Values:
    from scipy.linalg import solve_triangular

    whitened = solve_triangular(root, (rows.astype(np.float64) - mean).T, lower=True)
    # Single precision makes values equal that differ only by rounding noise.
    distances: npt.NDArray[np.float32] = np.sum(whitened**2, axis=0).astype(np.float32)
    return distances.astype(np.float64)


def _check_enough(baseline: Baseline, num_images: int) -> None:
    if num_images < MIN_IMAGES[baseline]:
        raise TooFewImagesError(
            f"The baseline score {baseline} needs at least {MIN_IMAGES[baseline]} different measured images. "
            "Wait until more are measured, or remove it."
        )
