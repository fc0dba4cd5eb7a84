"""The least likely, random and most likely samples of each class, and how the classes compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepascore_core.formatting import class_title, natural_key
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import (
    Label,
    ScoredSample,
    ScoreSet,
    all_samples_sql,
    label_filter,
    read_version,
    scored_sql,
    to_scored_samples,
)
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable

ClassOrder = Literal["name", "median", "spread", "worst"]

CLASS_ORDERS: tuple[ClassOrder, ...] = get_args(ClassOrder)


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """Spread of the scores of one class in nats; None where it has no measurements."""

    label: Label
    title: str
    num_samples: int
    num_scored: int
    minimum: float | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    maximum: float | None

    @property
    def spread(self) -> float | None:
        """Interquartile range."""
        if self.upper_quartile is None or self.lower_quartile is None:
            return None
        return self.upper_quartile - self.lower_quartile


@dataclass(frozen=True, slots=True)
class ClassPage:
    """A page of classes. `number` counts from 0 and is within [0, num_pages)."""

    classes: tuple[ClassSummary, ...]
    number: int
    num_pages: int


@dataclass(frozen=True, slots=True)
class ClassExtremes:
    """Samples of one class: `least` from the least likely up, `most` from the most likely down."""

    label: Label
    least: tuple[ScoredSample, ...]
    random: tuple[ScoredSample, ...]
    most: tuple[ScoredSample, ...]


def sorted_row(found: ClassExtremes, num_scored: int) -> tuple[ScoredSample, ...] | None:
    """Return all measured samples of a class, the least likely first, where both ends would show some of them twice.

    None for a class that is large enough for two ends without any in common.
    """
    if num_scored >= len(found.least) + len(found.most):
        return None
    samples = {sample.sample_key: sample for sample in (*found.least, *found.most)}
    return tuple(sorted(samples.values(), key=lambda sample: (sample.score, sample.sample_key)))


@dataclass(frozen=True, slots=True)
class ScoreSpan:
    """The axis that the boxes of all classes share, in nats."""

    low: float
    high: float

    def percent(self, score: float) -> float:
        """Return the position of a score on the axis, 0 to 100."""
        return 50.0 if self.high <= self.low else 100 * (score - self.low) / (self.high - self.low)


def score_span(summaries: Sequence[ClassSummary]) -> ScoreSpan:
    """Return the span from the least to the most likely sample of all classes."""
    lows = [summary.minimum for summary in summaries if summary.minimum is not None]
    highs = [summary.maximum for summary in summaries if summary.maximum is not None]
    return ScoreSpan(min(lows, default=0.0), max(highs, default=0.0))


def class_summaries(store: Store, scores: ScoreSet, order: ClassOrder = "name") -> tuple[ClassSummary, ...]:
    """Return summaries of all classes of the dataset.

    "median" and "worst" put the least likely classes first, "spread" the widest ones; classes without any score are
    last, and equal ones are ordered by name.
    """

    def summarise() -> tuple[ClassSummary, ...]:
        rows = store.query(f"""
            SELECT label, count(*) AS num_samples, count(score) AS num_scored,
                quantile_cont(score, [0, 0.25, 0.5, 0.75, 1]) AS quantiles
            FROM ({all_samples_sql(store, scores)}) GROUP BY label
        """).to_pylist()
        summaries = [_summary(row, alone=len(rows) == 1) for row in rows]
        return tuple(sorted(summaries, key=_ORDER_KEYS[order]))

    return memoized(store, ("class summaries", scores, read_version(store, scores), order), summarise)


def _summary(row: dict[str, Any], alone: bool) -> ClassSummary:
    title = class_title(row["label"], alone)
    return ClassSummary(row["label"], title, row["num_samples"], row["num_scored"], *(row["quantiles"] or [None] * 5))


def _by_number(value: Callable[[ClassSummary], float | None], sign: int = 1) -> Callable[[ClassSummary], Any]:
    def key(summary: ClassSummary) -> Any:
        number = value(summary)
        return number is None, sign * (number or 0.0), natural_key(summary.label)

    return key


_ORDER_KEYS: dict[ClassOrder, Callable[[ClassSummary], Any]] = {
    "name": lambda summary: natural_key(summary.label),
    "median": _by_number(lambda summary: summary.median),
    "spread": _by_number(lambda summary: summary.spread, sign=-1),
    "worst": _by_number(lambda summary: summary.minimum),
}


def class_page(summaries: Sequence[ClassSummary], number: int, size: int) -> ClassPage:
    """Return the classes of one page; a number that is too large or too small means the nearest existing page."""
    num_pages = max(1, -(-len(summaries) // size))
    number = min(max(number, 0), num_pages - 1)
    return ClassPage(tuple(summaries[number * size : (number + 1) * size]), number, num_pages)


def class_extremes(
    store: Store, scores: ScoreSet, labels: Sequence[Label], n: int = 8, seed: int = 0
) -> tuple[ClassExtremes, ...]:
    """Return the n least likely, n random and n most likely measured samples of each class, in the order of `labels`.

    Equal scores are ordered by sample key; the random ones depend only on the sample keys and `seed`. In a small class
    a sample may be in several of the lists.
    """
    condition, parameters = label_filter(labels)
    rows = store.query(
        f"""
        SELECT label, {_smallest(comparable("score"), n)} AS least, {_smallest(f"-{comparable('score')}", n)} AS most,
            {_smallest(f"md5(concat(sample_key, ':', ${len(parameters) + 1}))", n)} AS random
        FROM ({scored_sql(store, scores)}) WHERE {condition} GROUP BY label
        """,
        [*parameters, str(seed)],
    ).to_pylist()
    found = {row["label"]: row for row in rows}
    return tuple(_extremes(label, found.get(label, {})) for label in labels)


def _smallest(order: str, n: int) -> str:
    """Return an SQL aggregate: the n rows with the smallest `order`, ties by sample key."""
    fields = "content_id, split, score, class_percentile, percentile, rank, lower, upper, is_exact"
    rest = ", ".join(f"{name} := {name}" for name in fields.split(", "))
    return f"min(struct_pack(order_key := {order}, sample_key := sample_key, {rest}), {int(n)})"


def _extremes(label: Label, row: dict[str, Any]) -> ClassExtremes:
    lists = {
        name: to_scored_samples({"label": label, **item} for item in row.get(name) or [])
        for name in ("least", "random", "most")
    }
    return ClassExtremes(label, **lists)
