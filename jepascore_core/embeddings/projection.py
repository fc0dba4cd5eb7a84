"""Principal components of embeddings: two are a map at once, a hundred are what neighbours are found in.

The same numbers on every machine but for rounding noise: the images are in order of their content ids, a random sample
of them is fitted, and each axis points to where its largest weight is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.index import Floats, Progress, no_progress, unit

#: Components are fitted on at most this many images, the first by content id, a hash: a random sample.
MAX_FITTED = 50_000
BLOCK = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Embeddings of length 1 to C coordinates: minus `mean` [K], times `axes` [K, C]."""

    mean: Floats
    axes: Floats

    def __call__(self, embeddings: npt.NDArray[Any], progress: Progress = no_progress) -> Floats:
        """Return the coordinates [N, C] of embeddings [N, K] of any length."""
        found = np.empty((len(embeddings), self.axes.shape[1]), np.float32)
        for first in range(0, len(embeddings), BLOCK):
            progress(first / len(embeddings))
            found[first : first + BLOCK] = (unit(embeddings[first : first + BLOCK]) - self.mean) @ self.axes
        return found


def fit_projection(embeddings: npt.NDArray[Any], components: int, progress: Progress = no_progress) -> Projection:
    """Fit the first principal components, at most K, on embeddings [N, K]; missing ones are zero.

    Embeddings count by their direction.
    """
    fitted = embeddings[:MAX_FITTED]
    dimension = embeddings.shape[1]
    total, products = np.zeros(dimension), np.zeros((dimension, dimension))
    for first in range(0, len(fitted), BLOCK):
        progress(first / len(fitted))
        rows = unit(fitted[first : first + BLOCK])
        total += rows.sum(axis=0, dtype=np.float64)
        products += rows.T @ rows
    mean = total / max(1, len(fitted))
    covariance = products / max(1, len(fitted)) - np.outer(mean, mean)
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :components]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    missing = np.zeros((dimension, max(0, components - axes.shape[1])))
    return Projection(mean.astype(np.float32), np.hstack([axes, missing]).astype(np.float32))
