"""Treat scores as equal if they differ by rounding alone. Whatever orders samples by score uses this module.

The same image measured in another batch, process or number of threads differs by up to 6e-6 nats. Scores are therefore
compared as multiples of 1e-4 nats; equal ones share their rank and are ordered by sample key. No
meaningful difference between images is that small.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Scores in nats are compared after rounding to this many decimals.
TIE_DECIMALS = 4


def comparable(score: str) -> str:
    """Return SQL of a rounded score for comparisons, from a column name or an expression in nats."""
    return f"round({score}, {TIE_DECIMALS})"


def comparable_values(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rounded scores for comparisons outside of SQL."""
    rounded: npt.NDArray[np.float64] = np.round(scores, TIE_DECIMALS)
    return rounded


def midrank(value: str, partition: str = "") -> str:
    """Return SQL of the mid-rank percentile in a partition: 100 x (share below + half of the equal share)."""
    group = f"PARTITION BY {partition}" if partition else ""
    ordered = f"OVER ({group} ORDER BY {value})"
    return f"50.0 * ((rank() {ordered} - 1) / count(*) OVER ({group}) + cume_dist() {ordered})"


def standing(score: str, own: str) -> str:
    """Return SQL aggregates that place a score in a column of scores; see `percentile_of`.

    They are `below`, `equal` (the numbers of lower and equal scores) and `n` (the number of all).
    """
    value, other = comparable(score), comparable(own)
    return f"count(*) FILTER ({value} < {other}) AS below, count(*) FILTER ({value} = {other}) AS equal, count(*) AS n"


def percentile_of(below: int, equal: int, n: int) -> float:
    """Return the same percentile as `midrank` from the counts of `standing`."""
    return 100 * (below + equal / 2) / n
