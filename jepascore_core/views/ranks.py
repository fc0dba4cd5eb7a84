"""Check whether scores are comparable under the "rank" definition, which sums over the non-null directions."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.formatting import percent_text, plural
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, read_version, scored_sql
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class RankCheck:
    """Numerical ranks with their number of samples, the most frequent first. `warning` is "" when all is well."""

    counts: tuple[tuple[int, int], ...]
    warning: str | None


def rank_check(store: Store, scores: ScoreSet) -> RankCheck:
    """Count the numerical ranks of a score set and say what follows."""

    def count() -> tuple[tuple[int, int], ...]:
        sql = f"SELECT rank, count(*) AS n FROM ({scored_sql(store, scores)}) GROUP BY rank ORDER BY n DESC, rank"
        return tuple((row["rank"], row["n"]) for row in store.query(sql).to_pylist())

    counts = memoized(store, ("ranks", scores, read_version(store, scores)), count)
    return RankCheck(counts, _warning(counts) if scores.definition == "rank" and len(counts) > 1 else None)


def _warning(counts: tuple[tuple[int, int], ...]) -> str:
    total = sum(n for _, n in counts)
    usual, num_usual = counts[0]
    others = [rank for rank, _ in counts[1:]]
    span = str(others[0]) if len(others) == 1 else f"{min(others)} to {max(others)}"
    return (
        f"The numerical rank differs between samples: {usual} for {percent_text(num_usual / total)}, {span} for "
        f"{plural(total - num_usual, 'sample')}. A score sums one term per rank, so part of the difference between "
        "scores may be rank alone. Check whether the ranking stays the same with the score variant Paper (under "
        "Advanced)."
    )
