"""Paired differences of accuracy with intervals: one set of predictions against those of several random subsets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

LEVEL = 0.95


class Interval(NamedTuple):
    """A value with a 95 % interval, as shares: 0.01 is one percentage point."""

    value: float
    lower: float
    upper: float

    @property
    def is_above_zero(self) -> bool:
        """Whether all of it is positive."""
        return self.lower > 0.0

    @property
    def is_below_zero(self) -> bool:
        """Whether all of it is negative."""
        return self.upper < 0.0


def difference_to_random(kept: Flags, random: Flags, num_comparisons: int = 1) -> Interval:
    """Accuracy of one probe minus the mean of those of S random subsets, on the same n held-out images.

    The interval is the wider of two: that within which one more random subset would lie (Student's t over the subsets:
    a cut at random is inside it 19 times of 20), and that of the mean over images, which are a sample themselves (with
    half an image added to each cell of right and wrong, Agresti and Min 2005).

    Args:
        kept: whether the probe is right about each image, [n].
        random: the same of each random subset, [S, n], S >= 2.
        num_comparisons: intervals that are looked at together (Bonferroni).
    """
    from scipy.special import ndtri, stdtrit  # quantiles of the normal and of Student's t distribution

    num_subsets = len(random)
    of_subsets = random.mean(axis=1, dtype=np.float64)
    tail = 1 - (1 - LEVEL) / 2 / num_comparisons
    spread = float(of_subsets.std(ddof=1))
    of_draws = float(stdtrit(num_subsets - 1, tail)) * spread * math.sqrt(1 + 1 / num_subsets)
    of_images = float(ndtri(tail)) * math.sqrt(_variance(kept - random.mean(axis=0)) + spread**2 / num_subsets)
    return _around(float(kept.mean() - of_subsets.mean()), max(of_draws, of_images))


def difference(first: Flags, second: Flags) -> Interval:
    """Accuracy of one probe minus that of another one on the same n held-out images, [n] each."""
    from scipy.special import ndtri

    change = first.astype(np.float64) - second
    return _around(float(change.mean()), float(ndtri(1 - (1 - LEVEL) / 2)) * math.sqrt(_variance(change)))


def spread_of_random(random: Flags) -> Interval:
    """Mean accuracy of S random subsets [S, n], and where one of them lies 19 times of 20."""
    from scipy.special import stdtrit

    of_subsets = random.mean(axis=1, dtype=np.float64)
    half = float(stdtrit(len(random) - 1, 1 - (1 - LEVEL) / 2)) * float(of_subsets.std(ddof=1))
    return _around(float(of_subsets.mean()), half * math.sqrt(1 + 1 / len(random)))


def _variance(changes: npt.NDArray[np.float64]) -> float:
    """Variance of the mean of changes in [-1, 1], two made-up ones of -1, 1 and twice 0 of half weight among them."""
    n = len(changes) + 2
    return float((np.square(changes).sum() + 1) / n - (changes.sum() / n) ** 2) / n


def _around(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)
