"""Maps of embeddings: every image a point of a plane, and how far the neighbours on it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.index import Floats, Progress, no_progress, subrange, unit
from jepascore_core.embeddings.pacmap import BLOCK, build_lists, pacmap
from jepascore_core.embeddings.projection import fit_projection
from jepascore_core.errors import TooFewImagesError

LayoutKind = Literal["pca", "pacmap"]

LAYOUT_KINDS: tuple[LayoutKind, ...] = get_args(LayoutKind)
#: Part of the identity of a map: incremented when the same images would get other places.
LAYOUT_VERSION = 1
MIN_IMAGES = {"pca": 3, "pacmap": 12}
#: Neighbours are those in so many principal components, as the authors of PaCMAP do it.
COMPONENTS = 100
#: So many images are arranged, drawn at random above; the others are put among their nearest of these.
MAX_LANDMARKS = 100_000
PLACED_BY = 5
#: Trustworthiness is that of so many images among at most so many.
JUDGED, JUDGED_AMONG, JUDGED_NEIGHBOURS = 1000, 100_000, 10
#: Places are between -1 and 1, and rounded to this many decimals.
DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Places [N, 2] of images between -1 and 1; `num_landmarks` of them were arranged, the others put among those.

    `trustworthiness` (Venna and Kaski 2001) is 1 if the nearest on the map are the nearest by embedding, 0.5 at random.
    """

    places: Floats
    num_landmarks: int
    trustworthiness: float


def find_layout(
    kind: LayoutKind, embeddings: npt.NDArray[Any], seed: int = 0, progress: Progress = no_progress
) -> Layout:
    """Return the map of different images by their embeddings [N, K], in order of their content ids.

    Raises:
        TooFewImagesError: for fewer than `MIN_IMAGES`.
    """
    n = len(embeddings)
    if n < MIN_IMAGES[kind]:
        raise TooFewImagesError(f"This map needs at least {MIN_IMAGES[kind]} different measured images, not {n}.")
    if kind == "pca":
        project = fit_projection(embeddings, 2, subrange(progress, 0.0, 0.4))
        places, landmarks = project(embeddings, subrange(progress, 0.4, 0.8)), n
    else:
        project = fit_projection(embeddings, COMPONENTS, subrange(progress, 0.0, 0.05))
        points = project(embeddings, subrange(progress, 0.05, 0.1))
        places, landmarks = _arranged(points, seed, subrange(progress, 0.1, 0.9))
    places = _framed(places)
    return Layout(places, landmarks, trustworthiness(embeddings, places, seed))


def _arranged(points: Floats, seed: int, progress: Progress) -> tuple[Floats, int]:
    """Return the places [N, 2] of points, all arranged or put among landmarks, and the number of these."""
    n = len(points)
    if n <= MAX_LANDMARKS:
        return pacmap(points, seed, progress), n
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[:MAX_LANDMARKS])
    among = pacmap(points[chosen], seed, subrange(progress, 0.0, 0.8))
    places = put_among(points, points[chosen], among, seed, subrange(progress, 0.8, 1.0))
    places[chosen] = among
    return places, len(chosen)


def put_among(
    points: Floats, landmarks: Floats, places: Floats, seed: int = 0, progress: Progress = no_progress
) -> Floats:
    """Return a place for each of N points: the mean of those of its nearest landmarks, by the inverse of distance."""
    index = build_lists(landmarks, seed)
    index.add(landmarks)
    found = np.empty((len(points), 2), np.float32)
    for first in range(0, len(points), BLOCK):
        progress(first / len(points))
        squared, rows = index.search(points[first : first + BLOCK], min(PLACED_BY, len(landmarks)))
        weights = np.where(rows < 0, 0.0, 1 / np.maximum(np.sqrt(squared), 1e-6))
        weights /= weights.sum(axis=1, keepdims=True)
        found[first : first + BLOCK] = np.einsum("nk,nkc->nc", weights, places[rows])
    return found


def _framed(places: Floats) -> Floats:
    """Move and scale places [N, 2] so that the longer side reaches from -1 to 1."""
    low, high = places.min(axis=0).astype(np.float64), places.max(axis=0).astype(np.float64)
    half = max(float((high - low).max()) / 2, 1e-12)
    framed: Floats = ((places - (low + high) / 2) / half).round(DECIMALS).astype(np.float32)
    return framed


def trustworthiness(embeddings: npt.NDArray[Any], places: Floats, seed: int = 0, k: int = JUDGED_NEIGHBOURS) -> float:
    """Return how far the k nearest of places [N, 2] are among the nearest by embeddings [N, K], 0 to 1.

    Of `JUDGED` images at random among `JUDGED_AMONG`: 1 - the mean excess rank, over the largest possible one.
    """
    drawn = np.random.default_rng(seed).permutation(len(places))[:JUDGED_AMONG]
    among, plane = unit(embeddings[drawn]), places[drawn].astype(np.float64)
    n, judged = len(drawn), min(JUDGED, len(drawn))
    k = min(k, max(1, (n - 1) // 2 - 1))
    squares, excess = (plane**2).sum(axis=1), 0
    for first in range(0, judged, 64):
        rows = np.arange(first, min(first + 64, judged))
        closeness = among[rows] @ among.T
        apart = squares - 2 * plane[rows] @ plane.T
        apart[np.arange(len(rows)), rows] = np.inf
        nearest = np.argpartition(apart, k, axis=1)[:, :k]
        closeness[np.arange(len(rows)), rows] = -np.inf
        for place, found in enumerate(nearest):
            above = closeness[place] > closeness[place, found][:, None]
            excess += int(np.maximum(0, np.count_nonzero(above, axis=1) + 1 - k).sum())
    return 1 - 2 * excess / (judged * k * (2 * n - 3 * k - 1))
