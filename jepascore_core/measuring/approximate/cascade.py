"""Which images a cascade must measure exactly: those whose interval leaves open whether they are on a list.

Everything is decided on bounds: where an exact score is known, both ends are that score. Lists hold the n least (or
most) likely samples of a group, equal scores in the order of the rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

#: Of the samples whose side of a cut is open, the share nearest to it that a round measures.
_CUT_SHARE = 0.25


def needed_for_lists(lower: Array, upper: Array, known: Mask, groups: Codes, n: int) -> Mask:
    """Find samples that no method could leave unmeasured, given these bounds.

    `lower`, `upper`, `known` and `groups` (class numbers from 0) are [N] each.

    A list is final when its n smallest lower ends (largest upper ends) all belong to exact scores: then nothing else
    can be on it. Until then those among them that are not exact are needed whatever the others turn out to be, so a
    cascade that measures just them, round by round, measures the least that its lists require. A group of n samples or
    fewer is all on its lists: nothing to decide.
    """
    smallest = _smallest_of_each(lower, groups, n) | _smallest_of_each(-upper, groups, n)
    return smallest & ~known & (np.bincount(groups)[groups] > n)


def _smallest_of_each(values: Array, groups: Codes, n: int) -> Mask:
    """Mark the n smallest values of each group, ties in the order of the rows."""
    order = np.lexsort((np.arange(len(values)), values, groups))
    sizes = np.bincount(groups)
    place = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.zeros(len(values), dtype=bool)
    chosen[order[place < n]] = True
    return chosen


def num_below(percentile: float, size: int) -> int:
    """How many of `size` samples lie below a cut, by their mid-rank percentiles."""
    return int(np.sum(100 * (np.arange(size) + 0.5) / size < percentile))


def needed_for_cut(lower: Array, upper: Array, known: Mask, below: int) -> Mask:
    """Find samples to measure next, until it is certain which `below` of all have the lowest scores. [N] each.

    Each of them may still lie on either side. All are returned that no method could leave unmeasured; where there are
    none, the open ones nearest to the cut.
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
