"""AUROC with DeLong's interval, and what a reviewer with a budget finds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

#: Normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054
_BISECTIONS = 60


class Auroc(NamedTuple):
    """How often a defect scores below a clean image, ties counting half, with a 95 % interval."""

    value: float
    lower: float
    upper: float


def auroc(clean: Values, defects: Values) -> Auroc:
    """AUROC of low scores as a sign of defects, from the scores of clean images [n] and defects [m].

    The interval is DeLong's (1988, by mid-ranks as Sun and Xu 2014). Where its variance is zero, as when all defects
    are on one side, it is Newcombe's (2006), which inverts Hanley and McNeil's variance and does not collapse.

    Raises:
        ValueError: for fewer than two of either.
    """
    n, m = len(clean), len(defects)
    if min(n, m) < 2:
        raise ValueError(f"An AUROC needs two clean images and two defects, not {n} and {m}.")
    above, below = _placements(clean, defects)
    value = float(below.mean())
    variance = float(above.var(ddof=1) / n + below.var(ddof=1) / m)
    if variance <= 0.0:
        return Auroc(value, _newcombe(value, n, m, -1), _newcombe(value, n, m, 1))
    reach = Z95 * variance**0.5
    return Auroc(value, max(0.0, value - reach), min(1.0, value + reach))


def precision_at_budget(clean: Values, defects: Values, share: float) -> float:
    """Share of defects among the lowest-scoring images, as many as there are defects, of a mixture with that share.

    The mixture has all n clean images and b = n * share / (1 - share) defects; the result is what a random choice of
    the m >= b defects gives in expectation, with ties in random order. Chance gives `share`.
    """
    n, budget = len(clean), len(clean) * share / (1 - share)
    weights = np.concatenate([np.ones(n), np.full(len(defects), budget / len(defects))])
    is_defect = np.concatenate([np.zeros(n), np.ones(len(defects))])
    values = np.concatenate([clean, defects])
    _, groups = np.unique(values, return_inverse=True)
    seen = np.concatenate([[0.0], np.cumsum(np.bincount(groups, weights))])
    found = np.concatenate([[0.0], np.cumsum(np.bincount(groups, weights * is_defect))])
    return float(np.interp(budget, seen, found) / budget)


def _placements(clean: Values, defects: Values) -> tuple[Values, Values]:
    """For each clean image the share of defects below it [n], for each defect the share of clean images above [m]."""
    ordered_clean, ordered = np.sort(clean), np.sort(defects)
    above = (np.searchsorted(ordered, clean, "left") + np.searchsorted(ordered, clean, "right")) / (2 * len(defects))
    under = np.searchsorted(ordered_clean, defects, "left") + np.searchsorted(ordered_clean, defects, "right")
    return above, 1 - under / (2 * len(clean))


def _newcombe(value: float, n: int, m: int, side: int) -> float:
    """End of the interval on one side: where |value - end| is `Z95` standard errors that hold at the end."""
    inner, outer = value, 0.0 if side < 0 else 1.0
    for _ in range(_BISECTIONS):
        middle = (inner + outer) / 2
        if abs(value - middle) <= Z95 * _hanley_mcneil(middle, n, m) ** 0.5:
            inner = middle
        else:
            outer = middle
    return (inner + outer) / 2


def _hanley_mcneil(value: float, n: int, m: int) -> float:
    """Variance of an AUROC, in Newcombe's form with equal sizes of (n + m) / 2 - 1 in place of both."""
    size = (n + m) / 2 - 1
    return value * (1 - value) * (1 + size * (1 - value) / (2 - value) + size * value / (1 + value)) / (n * m)
