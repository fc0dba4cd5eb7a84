"""Score histograms of several score sets on common bins, and the samples of a bin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Literal, get_args

import numpy as np

from jepascore_core.formatting import class_title, natural_key
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import (
    SAMPLE_FIELDS,
    Label,
    ScoredSample,
    ScoreSet,
    has_labels,
    label_filter,
    read_version,
    scored_sql,
    to_scored_samples,
)
from jepascore_core.scores.titles import score_titles
from jepascore_core.storage.store import Store

GroupBy = Literal["none", "label", "split"]

GROUPINGS: tuple[GroupBy, ...] = get_args(GroupBy)

#: Bins reach this many interquartile ranges beyond the quartiles. A normal distribution fits completely; a single
#: sample far away does not compress the rest, but is counted in an outer bin.
REACH = 4.0
#: Interquartile range of a normal distribution with standard deviation 1.
NORMAL_IQR = 1.3489795003921634
#: Minimum and maximum number of automatic bins; the minimum keeps curves at different positions apart.
MIN_BINS, MAX_BINS = 12, 60


@dataclass(frozen=True, slots=True)
class Standard:
    """A scale from a reference dataset: (score - median) / width.

    The width is the standard deviation of a normal distribution with the reference's quartiles. Makes scores of several
    backbones comparable on one axis.
    """

    centre: float
    width: float


@dataclass(frozen=True, slots=True)
class HistogramSeries:
    """One histogram. `counts` [bins] sum to `num_scored`; the outer bins include what lies beyond the edges.

    `group` is the class or split, None where the series is not split (or has none).
    """

    scores: ScoreSet
    title: str
    group: str | None
    counts: tuple[int, ...]
    num_scored: int
    num_below: int
    num_above: int
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    standard: Standard | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Histograms:
    """Histograms on common `edges` [bins + 1]; a bin holds lower edge < score <= upper edge.

    `num_hidden` counts the groups that were left out because there were too many. With a `reference` scores are on its
    scale; `num_without_reference` sets were left out because their backbone did not measure it.
    """

    edges: tuple[float, ...]
    series: tuple[HistogramSeries, ...]
    group_by: GroupBy
    per_dimension: bool
    num_hidden: int
    reference: str | None = None
    num_without_reference: int = 0

    @property
    def unit(self) -> str:
        """Unit of the scores."""
        if self.reference is not None:
            return f"robust z against {self.reference}"
        return "nats per dimension" if self.per_dimension else "nats"


@dataclass(frozen=True, slots=True)
class HistogramOptions:
    """How to draw histograms; hashable, to be part of a cache key.

    `group_by` makes one histogram for each class or split, of the `max_groups` largest ones of a score set. `labels`
    selects classes, None = all. `per_dimension` divides a score by the number of singular values that it sums.
    `reference` is the id of a dataset by which scores are standardized, see `Standard`. `edges` [bins + 1] and `bins`
    are derived from the scores by default: few samples get few bins, see `num_bins`.
    """

    bins: int | None = None
    group_by: GroupBy = "none"
    labels: tuple[Label, ...] | None = None
    per_dimension: bool = False
    max_groups: int = 12
    edges: tuple[float, ...] | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """One series before binning. `quantiles`: minimum, quartiles, maximum."""

    name: str | None
    num_scored: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Values:
    """SELECT of `grp` and `v` with its parameters. It names its shards, so that all reads are consistent."""

    sql: str
    parameters: list[Any]
    standard: Standard | None


def histograms(
    store: Store, score_sets: Sequence[ScoreSet], options: HistogramOptions = HistogramOptions()
) -> Histograms:
    """Return histograms of the score sets in this order, binned in the database; sets without scores are left out."""
    named = [replace(scores, dataset_id=options.reference or scores.dataset_id) for scores in score_sets]
    read = tuple(read_version(store, scores) for scores in (*score_sets, *named))
    titles = tuple(score_titles(store, score_sets, "dataset").values())
    key = "histograms", tuple(score_sets), read, titles, options
    return memoized(store, key, lambda: _histograms(store, score_sets, options))


def standard_of(store: Store, scores: ScoreSet, reference: str) -> Standard | None:
    """Return the scale of a dataset under the backbone, spec and definition of `scores`; None if it has no spread."""
    values = _values(store, replace(scores, dataset_id=reference), HistogramOptions())
    groups = _groups(store, values)
    if not groups:
        return None
    _, low, median, high, _ = groups[0].quantiles
    return Standard(median, (high - low) / NORMAL_IQR) if high > low else None


def _histograms(store: Store, asked: Sequence[ScoreSet], options: HistogramOptions) -> Histograms:
    standards = {scores: standard_of(store, scores, options.reference) for scores in asked if options.reference}
    score_sets = [scores for scores in asked if not options.reference or standards[scores] is not None]
    values = {scores: _values(store, scores, options, standards.get(scores)) for scores in score_sets}
    found = {scores: _groups(store, values[scores]) for scores in values}
    shown = {scores: groups[: options.max_groups] for scores, groups in found.items()}
    drawn = [group for groups in shown.values() for group in groups]
    edges = options.edges or common_edges(
        [group.quantiles for group in drawn], [group.num_scored for group in drawn], options.bins
    )
    series: list[HistogramSeries] = []
    for scores, title in score_titles(store, score_sets, "dataset").items():
        counted = _counts(store, values[scores], edges, [group.name for group in shown[scores]])
        alone = options.group_by == "label" and not has_labels(store, scores.dataset_id)
        for group in sorted(shown[scores], key=lambda group: natural_key(group.name)):
            parts = [title] if options.group_by == "none" or len(found) > 1 else []
            if options.group_by != "none":
                parts.append(_group_title(options.group_by, group.name, alone))
            made = _series(scores, ": ".join(parts), group, counted[group.name])
            series.append(replace(made, standard=values[scores].standard))
    return Histograms(
        edges=edges,
        series=tuple(series),
        group_by=options.group_by,
        per_dimension=options.per_dimension,
        num_hidden=sum(len(groups) - len(shown[scores]) for scores, groups in found.items()),
        reference=store.catalogue.dataset(options.reference).name if options.reference else None,
        num_without_reference=len(asked) - len(score_sets),
    )


def value_sql(store: Store, scores: ScoreSet, per_dimension: bool, standard: Standard | None = None) -> str:
    """Return SQL of the shown value: the score, divided by the number of singular values it sums, or on a scale."""
    if standard is not None:
        return f"((score - {standard.centre!r}::DOUBLE) / {standard.width!r}::DOUBLE)"
    if not per_dimension:
        return "score"
    return "score / rank" if scores.definition == "rank" else f"score / {_dimension(store, scores)}"


def _dimension(store: Store, scores: ScoreSet) -> int:
    measured = store.measurements_sql(scores.key)
    rows = store.query(
        f"SELECT max(len(log_singular_values)) AS k, max(len(embedding)) AS outputs FROM ({measured})"
    ).to_pylist()
    if rows[0]["k"] or not store.has_views(scores.key):
        return int(rows[0]["k"] or 1)
    # Views have no spectrum: of K or fewer probes.
    return int(min(store.spec(scores.key).probes or rows[0]["outputs"], rows[0]["outputs"]))


def _values(store: Store, scores: ScoreSet, options: HistogramOptions, standard: Standard | None = None) -> _Values:
    condition, parameters = label_filter(options.labels)
    group = "NULL::VARCHAR" if options.group_by == "none" else options.group_by
    value = value_sql(store, scores, options.per_dimension, standard)
    sql = f"SELECT {group} AS grp, {value} AS v FROM ({scored_sql(store, scores)}) WHERE {condition}"
    return _Values(sql, parameters, standard)


def _groups(store: Store, values: _Values) -> list[_Group]:
    """Return all groups of a score set, the largest first."""
    rows = store.query(
        "SELECT grp, count(*) AS n, quantile_cont(v, [0, 0.25, 0.5, 0.75, 1]) AS quantiles "
        f"FROM ({values.sql}) GROUP BY grp ORDER BY n DESC, grp",
        values.parameters,
    ).to_pylist()
    return [_Group(row["grp"], row["n"], tuple(row["quantiles"])) for row in rows]


def common_edges(
    quantiles: Sequence[Sequence[float]], counts: Sequence[int], bins: int | None = None
) -> tuple[float, ...]:
    """Return edges [bins + 1] for series with these minima, quartiles and maxima, and this many samples.

    Without series there are none, (). Without `bins` their number follows from `num_bins`.
    """
    if not quantiles:
        return ()
    low = min(max(q[0], q[1] - REACH * (q[3] - q[1])) for q in quantiles)
    high = max(min(q[4], q[3] + REACH * (q[3] - q[1])) for q in quantiles)
    if high <= low:
        # Coinciding quartiles say nothing about the width: show everything, or one value in the middle.
        low, high = min(q[0] for q in quantiles), max(q[4] for q in quantiles)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    bins = bins or num_bins([(count, q[3] - q[1]) for count, q in zip(counts, quantiles, strict=True)], high - low)
    return tuple(np.linspace(low, high, bins + 1).tolist())


def num_bins(series: Sequence[tuple[int, float]], span: float) -> int:
    """Return how many bins of one width fit series with these sample counts and interquartile ranges, over a span.

    The width that Freedman and Diaconis (1981) give to the series in the middle, 2 IQR n^(-1/3): neither the smallest
    class nor the largest dataset decides for all. Series whose quartiles coincide are ignored.
    """
    widths = [2 * spread * count ** (-1 / 3) for count, spread in series if spread > 0]
    wanted = span / median(widths) if widths else 0.0
    return math.ceil(min(max(wanted, MIN_BINS), MAX_BINS))


def widened(view: Histograms) -> Histograms:
    """Merge neighbouring bins evenly until there are no more than `num_bins` allows."""
    bins = len(view.edges) - 1
    sizes = [(item.num_scored, item.upper_quartile - item.lower_quartile) for item in view.series]
    wanted = num_bins(sizes, view.edges[-1] - view.edges[0])
    factor = next(factor for factor in range(1, bins + 1) if bins % factor == 0 and bins <= factor * wanted)
    series = (
        replace(item, counts=tuple(np.reshape(item.counts, (-1, factor)).sum(axis=1).tolist())) for item in view.series
    )
    return replace(view, edges=view.edges[::factor], series=tuple(series))


def _counts(
    store: Store, values: _Values, edges: tuple[float, ...], groups: Sequence[str | None]
) -> dict[str | None, dict[str, Any]]:
    """Return the counts of these groups between the inner edges, and beyond the outer ones."""
    if not groups:
        return {}
    k, inner = len(values.parameters), edges[1:-1]
    condition, names = label_filter(groups, k + 4, "grp")
    rows = store.query(
        f"""
        SELECT grp, histogram(v, ${k + 1}::DOUBLE[]) AS bins,
            count(*) FILTER (v < ${k + 2}) AS num_below, count(*) FILTER (v > ${k + 3}) AS num_above
        FROM ({values.sql}) WHERE {condition} GROUP BY grp
        """,
        [*values.parameters, list(inner), edges[0], edges[-1], *names],
    ).to_pylist()
    for row in rows:
        by_edge = dict(row.pop("bins"))
        row["counts"] = (*(by_edge.get(edge, 0) for edge in inner), by_edge.get(float("inf"), 0))
    return {row["grp"]: row for row in rows}


def _series(scores: ScoreSet, title: str, group: _Group, counted: dict[str, Any]) -> HistogramSeries:
    return HistogramSeries(
        scores,
        title,
        group.name,
        counted["counts"],
        group.num_scored,
        counted["num_below"],
        counted["num_above"],
        *group.quantiles,
    )


def _group_title(group_by: GroupBy, group: str | None, alone: bool) -> str:
    return class_title(group, alone) if group_by == "label" else group or "(no split)"


def bin_range(view: Histograms, position: int) -> tuple[float | None, float | None]:
    """Return the scores of a bin: more than the first, at most the second; None = no limit, for the outer bins."""
    last = len(view.edges) - 2
    return (
        view.edges[position] if position > 0 else None,
        view.edges[position + 1] if position < last else None,
    )


def percentile_range(series: HistogramSeries, first: int, last: int | None = None) -> tuple[float, float]:
    """Return the share of the series, in percent, that scores below bin `first`, and up to the end of bin `last`."""
    last = first if last is None else last
    below = sum(series.counts[:first])
    return 100 * below / series.num_scored, 100 * (below + sum(series.counts[first : last + 1])) / series.num_scored


def samples_between(
    store: Store,
    scores: ScoreSet,
    low: float | None = None,
    high: float | None = None,
    *,
    limit: int = 48,
    labels: Sequence[Label] | None = None,
    splits: Sequence[str | None] | None = None,
    per_dimension: bool = False,
    standard: Standard | None = None,
) -> tuple[ScoredSample, ...]:
    """Return samples with low < score <= high (None = no limit), the least likely first, at most `limit`.

    The limits are on the scale of the histogram: see `HistogramOptions.per_dimension` and `HistogramSeries.standard`.
    """
    of_label, parameters = label_filter(labels)
    of_split, more = label_filter(splits, len(parameters) + 1, "split")
    parameters += more
    k = len(parameters)
    value = value_sql(store, scores, per_dimension, standard)
    rows = store.query(
        f"""
        SELECT {SAMPLE_FIELDS} FROM ({scored_sql(store, scores)})
        WHERE {of_label} AND {of_split} AND (${k + 1}::DOUBLE IS NULL OR {value} > ${k + 1})
            AND (${k + 2}::DOUBLE IS NULL OR {value} <= ${k + 2})
        ORDER BY {value}, sample_key LIMIT ${k + 3}
        """,
        [*parameters, low, high, limit],
    )
    return to_scored_samples(rows.to_pylist())
