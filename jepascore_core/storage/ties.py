"""When two scores are the same: where they differ by rounding alone. The one place for the order of samples in SQL.

The same image measured in another batch, process or number of threads differs by up to 6e-6 nats. Scores are therefore
compared as multiples of 1e-4 nats; equal ones share their rank and stand in the order of their sample keys. No
difference between images that means something is that small.
"""

from __future__ import annotations

#: Scores are compared after rounding to so many decimals, in nats.
TIE_DECIMALS = 4


def comparable(score: str) -> str:
    """Return SQL of a score as it is compared with others, from a column's name or an expression in nats."""
    return f"round({score}, {TIE_DECIMALS})"


def midrank(value: str, partition: str = "") -> str:
    """Return SQL of a value's mid-rank percentile (0 to 100) in its partition: the share below plus half of equals."""
    group = f"PARTITION BY {partition}" if partition else ""
    ordered = f"OVER ({group} ORDER BY {value})"
    return f"50.0 * ((rank() {ordered} - 1) / count(*) OVER ({group}) + cume_dist() {ordered})"


def standing(score: str, own: str) -> str:
    """Return SQL aggregates that place a score in a column of scores; see `percentile_of`.

    They are `below` and `equal` (how many of the others are) and `n` (how many there are).
    """
    value, other = comparable(score), comparable(own)
    return f"count(*) FILTER ({value} < {other}) AS below, count(*) FILTER ({value} = {other}) AS equal, count(*) AS n"


def percentile_of(below: int, equal: int, n: int) -> float:
    """Return the same percentile as `midrank` from counts, as `standing` makes them."""
    return 100 * (below + equal / 2) / n
