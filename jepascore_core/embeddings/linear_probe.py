"""Linear probes on embeddings, many of them on subsets of the same images.

All probes of a comparison share one `ProbeSpace`: embeddings standardised, then turned into coordinates in which the
curvature of the logistic loss is near the identity (where all classes are equally likely it is the Gram matrix times
1 / C), so that each takes about ten passes over its images instead of a hundred. The penalty stays that of the
standardised embeddings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.embeddings.index import Floats
from jepascore_core.embeddings.selection import Integers

Values = npt.NDArray[np.float64]

BLOCK = 16_384
MAX_STEPS = 200
#: Largest entry of the gradient of the mean loss at which a fit ends. At 1e-4 accuracies were within 0.1 points of
#: scikit-learn's at its tightest tolerance (benchmarks/cut_effect.py).
TOLERANCE = 1e-4
_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSpace:
    """Embeddings [N, K] float32 in the coordinates of the probes, and the penalty [K, K] of weights in them."""

    values: Floats
    penalty: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A linear classifier of C classes: weights [K, C], biases [C], -inf for a class of which it has seen no image."""

    weights: Floats
    biases: Floats

    def predict(self, values: Floats) -> Integers:
        """Likeliest class [n] of images [n, K] in the coordinates of the probe."""
        found: Integers = np.argmax(values @ self.weights + self.biases, axis=1)
        return found

    def log_probabilities(self, values: Floats) -> Values:
        """Log probabilities [n, C] of images [n, K]."""
        logits = (values @ self.weights + self.biases).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        found: Values = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return found


def probe_space(embeddings: npt.NDArray[Any], num_fitted: int, num_classes: int, strength: float) -> ProbeSpace:
    """Prepare embeddings [N, K] of any float type for probes on about `num_fitted` of them.

    Args:
        embeddings: one row an image, all finite; labels play no part.
        num_fitted: images that a probe is fitted on, and of how many classes `num_classes`.
        strength: inverse strength of the L2 penalty, as scikit-learn's C.
    """
    from scipy.linalg import solve_triangular

    values = _standardised(embeddings)
    gram = gram_matrix(values) / len(values)
    identity = np.eye(values.shape[1])
    root = np.linalg.cholesky(gram / num_classes + identity / (strength * num_fitted) + _TINY * identity)
    inverse = solve_triangular(root, identity, lower=True).astype(np.float32)  # [K, K]
    for first in range(0, len(values), BLOCK):
        values[first : first + BLOCK] = values[first : first + BLOCK] @ inverse.T
    return ProbeSpace(values, inverse @ inverse.T)


def gram_matrix(values: Floats) -> Values:
    """Sum of the outer products of rows [n, K] -> [K, K], added up in double precision."""
    total = np.zeros((values.shape[1], values.shape[1]))
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK]
        total += block.T @ block
    return total


def fit_logistic(
    space: ProbeSpace,
    rows: Integers,
    codes: Integers,
    num_classes: int,
    strength: float,
    *,
    start: Probe | None = None,
    check: Callable[[], None] = lambda: None,
) -> Probe:
    """Fit a multinomial logistic probe to rows [n] of the space with classes `codes` [n], by L-BFGS.

    `start` is a probe of similar images, from which fewer steps lead to the optimum, which is the same; an exception
    from `check`, which is called at every step, ends the fit.
    """
    from scipy.optimize import minimize

    present, given = np.unique(codes, return_inverse=True)
    values, n, dimension = space.values[rows], len(rows), space.values.shape[1]
    penalty = space.penalty / np.float32(strength * n)
    places = np.arange(n)

    def loss(flat: Values) -> tuple[float, Values]:
        check()
        found = flat.reshape(dimension + 1, len(present)).astype(np.float32)
        weights = found[:dimension]
        shares = values @ weights
        shares += found[dimension]
        shares -= shares.max(axis=1, keepdims=True)
        of_given = shares[places, given].mean(dtype=np.float64)
        np.exp(shares, out=shares)
        totals = shares.sum(axis=1, keepdims=True)
        shares /= totals
        shares[places, given] -= 1.0
        gradient = np.empty((dimension + 1, len(present)))
        gradient[:dimension] = values.T @ shares / n
        gradient[dimension] = shares.mean(axis=0, dtype=np.float64)
        pull = penalty @ weights
        gradient[:dimension] += pull
        value = float(np.log(totals).mean(dtype=np.float64) - of_given) + 0.5 * float(np.vdot(weights, pull))
        return value, gradient.ravel()

    begin = np.zeros((dimension + 1, len(present)))
    if start is not None and np.isfinite(start.biases[present]).all():
        begin[:dimension], begin[dimension] = start.weights[:, present], start.biases[present]
    options = {"maxiter": MAX_STEPS, "gtol": TOLERANCE, "ftol": 0.0}
    found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options).x
    return _spread(found.reshape(dimension + 1, len(present)), present, num_classes)


def fit_least_squares(gram: Values, products: Values, sizes: Values, penalty: Floats, strength: float) -> Probe:
    """Fit a least-squares probe (ridge regression on class indicators) from sums over its images.

    Args:
        gram: sum of outer products of the images, [K, K].
        products: sum of the images of each class, [K, C].
        sizes: number of images of each class, [C].
        penalty: of the space.
        strength: as of the logistic probe, whose curvature is at most a quarter of that of least squares.
    """
    from scipy.linalg import cho_factor, cho_solve

    n = sizes.sum()
    means = products.sum(axis=1) / n
    present = np.flatnonzero(sizes)
    shares = sizes[present] / n
    centred = gram - n * np.outer(means, means) + penalty.astype(np.float64) * (4.0 / strength)
    weights = cho_solve(cho_factor(centred), products[:, present] - n * np.outer(means, shares))
    return _spread(np.vstack([weights, shares - means @ weights]), present, len(sizes))


def _spread(found: Values, present: Integers, num_classes: int) -> Probe:
    """Return a probe of all classes from weights and biases [K + 1, c] of those that are present."""
    weights = np.zeros((len(found) - 1, num_classes), np.float32)
    biases = np.full(num_classes, -np.inf, np.float32)
    weights[:, present], biases[present] = found[:-1], found[-1]
    return Probe(weights, biases)


def _standardised(embeddings: npt.NDArray[Any]) -> Floats:
    """Rows [N, K] with mean 0 and variance 1 in each dimension; one that is constant becomes 0."""
    n = max(1, len(embeddings))
    blocks = range(0, len(embeddings), BLOCK)
    mean = sum(embeddings[at : at + BLOCK].sum(axis=0, dtype=np.float64) for at in blocks) / n
    values: Floats = np.empty(embeddings.shape, np.float32)
    squares = np.zeros(embeddings.shape[1])
    for at in blocks:
        block = embeddings[at : at + BLOCK].astype(np.float64) - mean
        squares += np.einsum("nk,nk->k", block, block)
        values[at : at + BLOCK] = block
    deviation = np.sqrt(squares / n)
    values *= np.where(deviation > _TINY, 1 / np.maximum(deviation, _TINY), 0.0).astype(np.float32)
    return values
