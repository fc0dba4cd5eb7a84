"""Views of a curation: counts by cause, class balance, histograms before and after, most changed classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jepascore_core.curation.columns.cache import columns as columns_of
from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.curation.summary import ClassBalance, samples_at
from jepascore_core.formatting import natural_key
from jepascore_core.scores.score_set import ScoredSample
from jepascore_core.storage.store import Store
from jepascore_core.views.distribution import Histograms, HistogramSeries, common_edges


@dataclass(frozen=True, slots=True)
class CurationPreview:
    """Samples to inspect before an export.

    Of the dropped ones those nearest to a limit, those furthest beyond it and random ones; those that were narrowly
    kept; and, by position of the clause, random ones that each clause drops.
    """

    nearest: tuple[ScoredSample, ...]
    extreme: tuple[ScoredSample, ...]
    random: tuple[ScoredSample, ...]
    narrowly_kept: tuple[ScoredSample, ...]
    by_clause: Mapping[int, tuple[ScoredSample, ...]]


def most_changed(balance: tuple[ClassBalance, ...], n: int = 30) -> tuple[ClassBalance, ...]:
    """Return the n classes that lose the largest share of their samples, in natural order; all if there are fewer."""
    if len(balance) <= n:
        return balance
    chosen = sorted(balance, key=lambda item: (-item.dropped / max(1, item.total), natural_key(item.label)))[:n]
    return tuple(sorted(chosen, key=lambda item: natural_key(item.label)))


def preview(store: Store, evaluation: Evaluation, n: int = 12, seed: int = 0) -> CurationPreview:
    """Return at most n samples of each kind; ties by sample key, the random ones depend on the keys and `seed` only."""
    clauses = evaluation.curation.clauses
    # A hash of the row keeps the selection the same while rules change; DuckDB's own is fast, and no export needs it.
    shuffled = f"hash(row_id, {int(seed)})"
    kinds = {
        "nearest": ("verdict = 'drop' AND isfinite(margin)", "-margin"),
        "extreme": ("verdict = 'drop' AND isfinite(margin)", "margin"),
        "random": ("verdict = 'drop'", shuffled),
        "narrowly_kept": ("verdict = 'keep' AND isfinite(margin)", "margin"),
        **{f"clause{i}": (f"reason = {i}", shuffled) for i in range(len(clauses))},
    }
    # One small query per kind: it finds the first n of an order in one pass, without sorting.
    firsts = " UNION ALL ".join(
        f"""SELECT '{name}' AS kind, list(row_id ORDER BY k, row_id) AS ids FROM (
            SELECT row_id, {key} AS k FROM {evaluation.base} POSITIONAL JOIN {evaluation.table}
            WHERE {which} ORDER BY k, row_id LIMIT {int(n)})"""
        for name, (which, key) in kinds.items()
    )
    wanted = {row["kind"]: row["ids"] or [] for row in store.query(firsts).to_pylist()}
    samples = samples_at(store, evaluation, sorted({row_id for ids in wanted.values() for row_id in ids}))
    shown = {name: tuple(samples[row_id] for row_id in ids) for name, ids in wanted.items()}
    by_clause = {i: shown.pop(f"clause{i}") for i in range(len(clauses))}
    return CurationPreview(**shown, by_clause=by_clause)


def before_after(store: Store, evaluation: Evaluation, bins: int | None = None) -> Histograms:
    """Return histograms of the scores of all samples, of the kept and of the dropped ones, on common bins."""
    score = evaluation.score
    values = f'(SELECT "{score}" AS v, verdict FROM {evaluation.relation} WHERE "{score}" IS NOT NULL)'
    everything = columns_of(store).cache_query(["quantiles", score], _quantiles(f'SELECT "{score}" AS v FROM {score}'))
    whole = store.query(f"SELECT * FROM {everything}").to_pylist()
    groups = {row["verdict"]: row for row in [*whole, *store.query(_quantiles(values)).to_pylist()] if row["n"]}
    if None not in groups:
        return Histograms((), (), "none", per_dimension=False, num_hidden=0)
    edges = common_edges([groups[None]["q"]], [groups[None]["n"]], bins)
    counts = _binned(store, values, edges)
    counts[None] = tuple(map(sum, zip(*counts.values(), strict=True)))
    titles = {None: "Before", "keep": "Kept", "drop": "Dropped"}
    series = tuple(
        HistogramSeries(evaluation.scores, title, None, counts[key], groups[key]["n"], 0, 0, *groups[key]["q"])
        for key, title in titles.items()
        if key in groups
    )
    return Histograms(edges, series, "none", per_dimension=False, num_hidden=0)


def _quantiles(values: str) -> str:
    """Return a SELECT of the number of values, minimum, quartiles and maximum, by verdict where there is one."""
    verdict, group = ("verdict", "GROUP BY verdict") if "verdict" in values else ("NULL::VARCHAR", "")
    return f"""SELECT {verdict} AS verdict, count(v) AS n, quantile_cont(v, [0, 0.25, 0.5, 0.75, 1]) AS q
        FROM ({values}) WHERE v IS NOT NULL {group}"""


def _binned(store: Store, values: str, edges: tuple[float, ...]) -> dict[str | None, tuple[int, ...]]:
    """Return counts [bins] by verdict; the outer bins include what lies beyond the edges."""
    bins, width = len(edges) - 1, edges[1] - edges[0]
    place = f"least(greatest(ceil((v - $1::DOUBLE) / $2::DOUBLE)::BIGINT - 1, 0), {bins - 1})"
    sql = f"SELECT verdict, {place} AS place, count(*) AS n FROM {values} GROUP BY verdict, place"
    found: dict[str, dict[int, int]] = {}
    for row in store.query(sql, [edges[0], width]).to_pylist():
        found.setdefault(row["verdict"], {})[row["place"]] = row["n"]
    return {verdict: tuple(row.get(place, 0) for place in range(bins)) for verdict, row in found.items()}
