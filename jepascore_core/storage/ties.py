"""When two scores are the same: where they differ by rounding alone. The one place for the order of samples in SQL.

The same image measured in another batch, process or number of threads differs by up to 6e-6 nats. Scores are therefore
compared as multiples of 1e-4 nats; equal ones share their rank and stand in the order of their sample keys. No
difference between images that means something is that small.
"""

from __future__ import annotations

#: Scores are compared after rounding to so many decimals, in nats.
TIE_DECIMALS = 4


def comparable(score: str) -> str:
    """SQL: a score as it is compared with others; the name of a column, or an expression in nats."""
    return f"round({score}, {TIE_DECIMALS})"


def midrank(value: str, partition: str = "") -> str:
    """SQL: the mid-rank percentile in (0, 100) of a value in its partition: the share below and half of equals."""
    group = f"PARTITION BY {partition}" if partition else ""
    ordered = f"OVER ({group} ORDER BY {value})"
    return f"50.0 * ((rank() {ordered} - 1) / count(*) OVER ({group}) + cume_dist() {ordered})"


def standing(score: str, own: str) -> str:
    """SQL aggregates of a column of scores: how many are `below` and `equal` to another score, and how many there are,
    `n`; see `percentile_of`."""
    value, other = comparable(score), comparable(own)
    return f"count(*) FILTER ({value} < {other}) AS below, count(*) FILTER ({value} = {other}) AS equal, count(*) AS n"


def percentile_of(below: int, equal: int, n: int) -> float:
    """Return the same percentile as `midrank` from counts, as `standing` makes them."""
    return 100 * (below + equal / 2) / n
