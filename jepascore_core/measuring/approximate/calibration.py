"""From cheap features to the exact score: ridge, cross-validated fidelity, conformal intervals. Without torch.

Intervals are CV+ (Barber, Candès, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+"): each
calibration image votes with the prediction of the fit without its fold, plus and minus its own residual. If future
images are exchangeable with the calibration images, whatever their distribution, an interval of nominal
coverage 1 - a contains the exact score with a probability of at least 1 - 2a, and in practice of about 1 - a.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from jepascore_core.records.approximation import Fidelity

Array = npt.NDArray[np.float64]

#: Incremented whenever a code change affects calibrated scores: part of the id of every calibrated spec.
FIT_VERSION = 1

FOLDS = 10
#: Minimum number of calibration images.
MIN_IMAGES = 30

_ALPHAS = np.logspace(-3, 5, 17)
#: Number of values of votes [chunk, n] in memory at a time.
_VOTES = 4_000_000


@dataclass(frozen=True, eq=False)
class Calibration:
    """A ridge from P features to the exact score, fitted to n images; fit f of the first F is without fold f.

    `weights` [F + 1, P] and `offsets` [F + 1]: the fits without a fold, then the one to all images. `exact` and
    `out_of_fold` [n]: exact scores, and predictions of the fit without the image. `fold` [n].
    """

    weights: Array
    offsets: Array
    exact: Array
    out_of_fold: Array
    fold: npt.NDArray[np.int64]

    @property
    def residuals(self) -> Array:
        """Exact minus out-of-fold predicted score. [n]."""
        return self.exact - self.out_of_fold

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dictionary, ready for JSON."""
        return {name: value.tolist() for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Sequence[Any]]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{name: np.asarray(value) for name, value in values.items()})


@dataclass(frozen=True, eq=False)
class Intervals:
    """Predicted scores with their prediction intervals, in nats. [m] each."""

    score: Array
    lower: Array
    upper: Array


def stratified(labels: Mapping[str, str | None], count: int) -> list[str]:
    """Draw a stratified sample of content ids, given their labels: every image is equally likely.

    Classes take turns in proportion to their size; within a class the smallest content ids come first, as in a run.
    Content ids are hashes, so the sample is random; the same images yield the same sample, and most of it is kept when
    a dataset grows.
    """
    if count >= len(labels):
        return sorted(labels)
    classes: dict[str | None, list[str]] = {}
    for content_id in sorted(labels):
        classes.setdefault(labels[content_id], []).append(content_id)
    # Classes in random order, so that names do not decide which of many small classes get an image.
    order = sorted(classes, key=lambda label: hashlib.sha256(repr(label).encode()).digest())
    ends = np.cumsum([len(classes[label]) for label in order]) * count // len(labels)
    taken = np.diff(ends, prepend=0)
    return sorted(item for label, number in zip(order, taken, strict=True) for item in classes[label][:number])


def calibrate(features: Array, exact: Array) -> Calibration:
    """Fit the ridge, cross-validated. Features [n, P] and exact scores [n], in random order.

    The ridge's strength is chosen within each fit by leaving one out; features are standardised within each fit.

    Raises:
        ValueError: for fewer than `FOLDS` images.
    """
    if len(exact) < FOLDS:
        raise ValueError(f"A calibration needs at least {FOLDS} images, not {len(exact)}.")
    fold = np.arange(len(exact)) % FOLDS
    fits = [_ridge(features[fold != number], exact[fold != number]) for number in range(FOLDS)]
    fits.append(_ridge(features, exact))
    weights, offsets = np.stack([weight for weight, _ in fits]), np.array([offset for _, offset in fits])
    out_of_fold = np.einsum("np,np->n", features, weights[fold]) + offsets[fold]
    return Calibration(weights, offsets, exact, out_of_fold, fold)


def _ridge(features: Array, exact: Array) -> tuple[Array, float]:
    """Return weights [P] and offset for unscaled features. A constant feature has weight 0."""
    from sklearn.linear_model import RidgeCV

    mean, scale = features.mean(axis=0), features.std(axis=0)
    varies = scale > 1e-9 * (1 + np.abs(mean))
    safe = np.where(varies, scale, 1.0)
    fit = RidgeCV(_ALPHAS).fit(np.where(varies, (features - mean) / safe, 0.0), exact)
    weights = np.where(varies, fit.coef_ / safe, 0.0)
    return weights, float(fit.intercept_ - weights @ mean)


def predict(calibration: Calibration, features: Array, coverage: float) -> Intervals:
    """Predict scores and CV+ intervals of images with these features. [m, P] -> [m] each."""
    all_fits = features @ calibration.weights.T + calibration.offsets
    chunk = max(1, _VOTES // len(calibration.exact))
    parts = [
        _intervals(calibration, all_fits[start : start + chunk], coverage) for start in range(0, len(features), chunk)
    ]
    return Intervals(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else _NOTHING


_NOTHING = Intervals(np.empty(0), np.empty(0), np.empty(0))


def _intervals(calibration: Calibration, all_fits: Array, coverage: float) -> tuple[Array, Array, Array]:
    """Return scores, lower and upper limits [m] from the predictions of all fits [m, F + 1]."""
    votes, errors = all_fits[:, calibration.fold], np.abs(calibration.residuals)
    score, n = all_fits[:, -1], len(errors)
    place = int(np.floor((1 - coverage) * (n + 1)))
    if place < 1:
        unknown = np.full(len(score), np.inf)
        return score, -unknown, unknown
    lower = np.partition(votes - errors, place - 1, axis=1)[:, place - 1]
    upper = np.partition(votes + errors, n - place, axis=1)[:, n - place]
    return score, np.minimum(lower, score), np.maximum(upper, score)


def bounds(calibration: Calibration, score: Array, level: float) -> tuple[Array, Array]:
    """Return ends that an exact score lies below, and above, with a probability of about `level` each. [m] -> [m], [m].

    A ridge shrinks towards the mean, so predictions of the most extreme images are too moderate: a search for them must
    undo that. These limits are valid conditional on the exact score, in the tails too; those of `predict` on average
    over all images. They assume approximately normal errors, as were all measured ones of log-volumes
    (benchmarks/estimators.py), and widen by the mean error in the calibration's own tails.
    """
    exact, mean = calibration.exact, calibration.exact.mean()
    centred = exact - mean
    slope = float(centred @ calibration.out_of_fold / max(centred @ centred, np.finfo(float).tiny))
    if slope <= 0:
        return np.full(len(score), -np.inf), np.full(len(score), np.inf)
    error = mean + (calibration.out_of_fold - mean) / slope - exact
    order, tail = np.argsort(exact), max(1, len(exact) // 10)
    too_high, too_low = max(0.0, error[order[:tail]].mean()), max(0.0, -error[order[-tail:]].mean())
    middle = mean + (score - mean) / slope
    width = _upper_quantile(np.sort(np.abs(error)), 2 * level)
    return middle - width - too_high, middle + width + too_low


def _upper_quantile(ordered: Array, share: float) -> float:
    """Return the value that a new one exceeds with a probability of at most `share`, given n others in ascending order.

    The conformal quantile if n is large enough; beyond the largest value, an exponential tail through the
    mean excess of the upper tenth, which is conservative for normal errors.
    """
    n = len(ordered)
    place = int(np.floor(share * (n + 1)))
    if place >= 1:
        return float(ordered[n - place])
    tail = ordered[-max(5, n // 10) :]
    excess = float((tail - tail[0]).mean())
    return max(float(ordered[-1]), float(tail[0]) + excess * float(np.log(len(tail) / n / share)))


def fidelity(probes: int, volumes: Array, calibration: Calibration) -> Fidelity:
    """Compute how well sketches of `probes` cotangents predict exact scores; `volumes` [n] are their log-volumes."""
    residuals, exact = calibration.residuals, calibration.exact
    correlation = spearman(calibration.out_of_fold, exact)
    return Fidelity(
        probes=probes,
        plain=spearman(volumes, exact),
        calibrated=correlation,
        # Fisher's transformation; 1.06 is Fieller's factor for ranks.
        standard_error=float(np.sqrt(1.06 / max(1, len(exact) - 3)) * (1 - correlation**2)),
        mean_absolute_error=float(np.abs(residuals).mean()),
        root_mean_square_error=float(np.sqrt(np.mean(residuals**2))),
    )


def choose_probes(curve: Sequence[Fidelity], target: float) -> tuple[int, bool]:
    """Return the smallest sketch for which it and all larger ones reach the target fidelity, and True.

    If there is none: the smallest one within a standard error of the best, and False.
    """
    ordered = sorted(curve, key=lambda point: point.probes)
    reached = [all(later.calibrated >= target for later in ordered[place:]) for place in range(len(ordered))]
    if any(reached):
        return ordered[reached.index(True)].probes, True
    best = max(ordered, key=lambda point: point.calibrated)
    good = best.calibrated - best.standard_error
    return next(point.probes for point in ordered if point.calibrated >= good), False


def spearman(first: Array, second: Array) -> float:
    """Return Spearman's rank correlation; 0 if one of them is constant. [n], [n] -> scalar."""
    one, other = (ranks - ranks.mean() for ranks in (rankdata(first), rankdata(second)))
    norm = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / norm) if norm else 0.0
