"""Do backbones pick the same extremes? The paper claims that all JEPA-type encoders do; measure how much they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, read_version
from jepascore_core.scores.titles import score_titles
from jepascore_core.storage.store import Store
from jepascore_core.views.agreement import firsts_sql, numbered_sql

#: Numbers of extremes per class at which backbones are compared.
SIZES = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class OverlapCurve:
    """Mean share, 0 to 1, of the n least (most) likely samples of a class that two score sets have in common.

    [sizes] each, over the `num_classes` classes with more than n samples that both measured. `by_chance` is what
    unrelated scores would share.
    """

    first: ScoreSet
    second: ScoreSet
    title: str
    sizes: tuple[int, ...]
    num_classes: tuple[int, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]
    by_chance: tuple[float, ...]


def overlap_curves(
    store: Store, score_sets: Sequence[ScoreSet], sizes: Sequence[int] = SIZES
) -> tuple[OverlapCurve, ...]:
    """Return one curve for each pair of score sets; sizes that no class exceeds are left out.

    Raises:
        UnknownNameError: if the score sets are not of one dataset.
    """
    read = tuple(read_version(store, scores) for scores in score_sets)
    key = "overlap curves", tuple(score_sets), read, tuple(sizes)
    return memoized(store, key, lambda: _curves(store, score_sets, sizes))


def _curves(store: Store, score_sets: Sequence[ScoreSet], sizes: Sequence[int]) -> tuple[OverlapCurve, ...]:
    sql, parameters = numbered_sql(store, score_sets)
    firsts = firsts_sql(len(score_sets), max(sizes))
    pairs = list(combinations(range(len(score_sets)), 2))
    shares = "".join(
        f", avg(len(list_intersect({name}{i}[1:{n}], {name}{j}[1:{n}])) / {n}) FILTER (size > {n}) AS {name}{i}_{j}_{n}"
        for i, j in pairs
        for n in sizes
        for name in ("least", "most")
    )
    counts = "".join(
        f", count(*) FILTER (size > {n}) AS classes{n}, avg({n} / size) FILTER (size > {n}) AS chance{n}" for n in sizes
    )
    (row,) = store.query(
        f"SELECT 1 AS one{counts}{shares} FROM (SELECT label, count(*) AS size{firsts} FROM ({sql}) GROUP BY label)",
        parameters,
    ).to_pylist()
    used = tuple(n for n in sizes if row[f"classes{n}"])
    titles = score_titles(store, score_sets, "backbone")
    return tuple(
        OverlapCurve(
            first=score_sets[i],
            second=score_sets[j],
            title=f"{titles[score_sets[i]]} and {titles[score_sets[j]]}",
            sizes=used,
            num_classes=tuple(row[f"classes{n}"] for n in used),
            least=tuple(row[f"least{i}_{j}_{n}"] for n in used),
            most=tuple(row[f"most{i}_{j}_{n}"] for n in used),
            by_chance=tuple(row[f"chance{n}"] for n in used),
        )
        for i, j in pairs
    )
