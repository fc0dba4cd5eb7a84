"""Find the images that a cascade must measure exactly: those whose interval does not decide whether they are on a list.

Decisions use bounds: if the exact score is known, both bounds equal it. Lists hold the n least (or
most) likely samples of a group, ties by row order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

#: Share of the undecided samples, those nearest to a cut, that a round measures.
_CUT_SHARE = 0.25


def needed_for_lists(lower: Array, upper: Array, known: Mask, groups: Codes, n: int) -> Mask:
    """Find samples that no method could leave unmeasured, given these bounds.

    `lower`, `upper`, `known` and `groups` (class numbers from 0) are [N] each.

    A list is final when its n smallest lower bounds (largest upper bounds) all belong to exact scores: no other sample
    can be on it. Until then those among them that are not exact are needed whatever the others are, so a cascade that
    measures only these, round by round, measures the minimum for its lists. A group of n samples or fewer is entirely
    on its lists.
    """
    smallest = _smallest_of_each(lower, groups, n) | _smallest_of_each(-upper, groups, n)
    return smallest & ~known & (np.bincount(groups)[groups] > n)


def _smallest_of_each(values: Array, groups: Codes, n: int) -> Mask:
    """Mark the n smallest values of each group, ties by row order."""
    order = np.lexsort((np.arange(len(values)), values, groups))
    sizes = np.bincount(groups)
    place = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.zeros(len(values), dtype=bool)
    chosen[order[place < n]] = True
    return chosen


def num_below(percentile: float, size: int) -> int:
    """Return how many of `size` samples are below a cut, by their mid-rank percentiles."""
    return int(np.sum(100 * (np.arange(size) + 0.5) / size < percentile))


def needed_for_cut(lower: Array, upper: Array, known: Mask, below: int) -> Mask:
    """Find samples to measure next, until it is certain which `below` of all have the lowest scores. [N] each.

    Each of them may still be on either side. Returns all that no method could leave unmeasured; if there are none, the
    undecided ones nearest to the cut.
    """
    chosen = np.zeros(len(lower), dtype=bool)
    if not 0 < below < len(lower):
        return chosen
    lows, highs = np.sort(lower), np.sort(upper)
    is_open = ~known & (lower <= highs[below - 1]) & (upper >= lows[below])
    certain: Mask = is_open & (lower <= lows[below - 1]) & (upper >= highs[below])
    if certain.any() or not is_open.any():
        return certain
    positions = np.flatnonzero(is_open)
    cut = (highs[below - 1] + lows[below]) / 2
    distance = np.abs((lower[positions] + upper[positions]) / 2 - cut)
    nearest = np.argsort(distance, kind="stable")[: max(1, int(_CUT_SHARE * len(positions)))]
    chosen[positions[nearest]] = True
    return chosen
