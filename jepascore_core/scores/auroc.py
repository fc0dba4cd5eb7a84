"""How often one group of scores is below another, with DeLong's interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

#: Normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054
_BISECTIONS = 60


class Auroc(NamedTuple):
    """How often one of a group scores below one of the others, ties counting half, with a 95 % interval."""

    value: float
    lower: float
    upper: float


def auroc(others: Values, group: Values) -> Auroc:
    """Compute the AUROC of low scores as a sign of `group` [m] among `others` [n]: 1 if all of it scores below.

    The interval is DeLong's (1988, by mid-ranks as Sun and Xu 2014), which takes the variance from the scores
    themselves and assumes that images are independent. Where that variance is zero, as when all of a group are on one
    side, it is `newcombe`'s, which does not collapse.

    Raises:
        ValueError: for fewer than two of either.
    """
    n, m = len(others), len(group)
    if min(n, m) < 2:
        raise ValueError(f"An AUROC needs two scores of either group, not {n} and {m}.")
    above, below = placements(others, group)
    value = float(below.mean())
    variance = float(above.var(ddof=1) / n + below.var(ddof=1) / m)
    if variance <= 0.0:
        return Auroc(value, *newcombe(value, n, m))
    reach = Z95 * variance**0.5
    return Auroc(value, max(0.0, value - reach), min(1.0, value + reach))


def placements(others: Values, group: Values) -> tuple[Values, Values]:
    """Return the share of the group below each of `others` [n], and the share of others above each of the group [m].

    Ties count half; the mean of either is the AUROC.
    """
    ordered_others, ordered = np.sort(others), np.sort(group)
    above = (np.searchsorted(ordered, others, "left") + np.searchsorted(ordered, others, "right")) / (2 * len(group))
    under = np.searchsorted(ordered_others, group, "left") + np.searchsorted(ordered_others, group, "right")
    return above, 1 - under / (2 * len(others))


def newcombe(value: float, n: int, m: int) -> tuple[float, float]:
    """Return Newcombe's (2006) 95 % interval of an AUROC, from the sizes of both groups alone.

    It inverts Hanley and McNeil's variance: |value - end| is `Z95` standard errors that hold at the end.
    """
    return _newcombe_end(value, n, m, 0.0), _newcombe_end(value, n, m, 1.0)


def _newcombe_end(value: float, n: int, m: int, limit: float) -> float:
    inner, outer = value, limit
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
