"""Rules -> kept and dropped: counts, class balance and previews, worked out in the database.

Every sample of the dataset gets a verdict: "keep", "drop", or "unscored" where there is no measurement to judge by (it
failed, or is still pending). Nothing is dropped silently.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepascore_core.errors import RuleError
from jepascore_core.store import Store
from jepascore_core.views.formats import class_title, natural_key
from jepascore_core.views.score_set import (
    SAMPLE_FIELDS,
    Label,
    ScoredSample,
    ScoreSet,
    label_filter,
    manifest_sql,
    scored_sql,
    to_scored_samples,
)

Measure = Literal["class_percentile", "percentile", "score"]
Verdict = Literal["keep", "drop", "unscored"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
RULES_VERSION = 1

#: Percentiles are quotients: without this a sample exactly at a limit would be in or out by the last bit.
PERCENTILE_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class CurationRule:
    """Keep what lies in [low, high], limits included; None = no limit on that side.

    `measure` says of what: "class_percentile" and "percentile" (0 to 100, within the class and within the dataset) or
    "score" (nats, higher = more likely). The rule speaks about the classes in `labels` only; None = all classes.
    Samples of other classes pass it.

    Raises:
        RuleError: if the rule makes no sense.
    """

    measure: Measure = "class_percentile"
    low: float | None = None
    high: float | None = None
    labels: tuple[Label, ...] | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise RuleError(f"A rule cannot look at {self.measure!r}. Choose one of {', '.join(MEASURES)}.")
        for limit in (self.low, self.high):
            if limit is None:
                continue
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
                raise RuleError(f"A limit must be a finite number, not {limit!r}. Change it or leave it out.")
            if self.measure != "score" and not 0 <= limit <= 100:
                raise RuleError(f"A percentile is between 0 and 100, not {limit:g}. Change the limit.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise RuleError(f"The lower limit {self.low:g} is above the upper limit {self.high:g}. Swap them.")
        if self.labels is not None and not all(label is None or isinstance(label, str) for label in self.labels):
            raise RuleError("The classes of a rule must be a list of names. Choose them again.")


@dataclass(frozen=True, slots=True)
class CurationCounts:
    """Samples by verdict. `num_unreadable` files have no row in the dataset and are in none of the others."""

    kept: int
    dropped: int
    unscored: int
    num_unreadable: int = 0

    @property
    def total(self) -> int:
        """Samples of the dataset."""
        return self.kept + self.dropped + self.unscored


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One class before and after. Shares are of all samples before, and of all kept ones after, 0 to 1."""

    label: Label
    title: str
    kept: int
    dropped: int
    unscored: int
    share_before: float
    share_after: float

    @property
    def total(self) -> int:
        """Samples of the class."""
        return self.kept + self.dropped + self.unscored


@dataclass(frozen=True, slots=True)
class CurationResult:
    """What rules come to; classes in natural order."""

    counts: CurationCounts
    balance: tuple[ClassBalance, ...]


@dataclass(frozen=True, slots=True)
class CurationPreview:
    """Samples to look at before one exports: of the dropped ones those nearest to a limit, those furthest beyond it and
    random ones; and those that were only just kept.
    """

    nearest: tuple[ScoredSample, ...]
    extreme: tuple[ScoredSample, ...]
    random: tuple[ScoredSample, ...]
    narrowly_kept: tuple[ScoredSample, ...]


def rules_to_dict(rules: Sequence[CurationRule]) -> dict[str, Any]:
    """Plain dictionary, ready for JSON."""
    return {
        "version": RULES_VERSION,
        "combine": "all",
        "rules": [
            {**dataclasses.asdict(rule), "labels": None if rule.labels is None else list(rule.labels)} for rule in rules
        ],
    }


def rules_from_dict(values: Any) -> tuple[CurationRule, ...]:
    """Inverse of `rules_to_dict`.

    Raises:
        RuleError: for anything else.
    """
    match values:
        case {"version": int(version)} if version != RULES_VERSION:
            raise RuleError(
                f"These rules have version {version}, this program knows {RULES_VERSION}: update jepascore."
            )
        case {"version": int(), "combine": "all", "rules": [*rules]}:
            return tuple(_rule(rule) for rule in rules)
    raise RuleError("This is not a set of rules: it needs version, combine and rules, as an export writes them.")


def _rule(values: Any) -> CurationRule:
    known = {field.name for field in dataclasses.fields(CurationRule)}
    if not isinstance(values, dict) or not set(values) <= known:
        raise RuleError(f"A rule holds {', '.join(sorted(known))} and nothing else, not {values!r}.")
    labels = values.get("labels")
    if labels is not None and not isinstance(labels, list | tuple):
        raise RuleError("The classes of a rule must be a list of names. Choose them again.")
    return CurationRule(**{**values, "labels": None if labels is None else tuple(labels)})


def verdict_sql(store: Store, scores: ScoreSet, rules: Sequence[CurationRule]) -> tuple[str, list[Any]]:
    """SELECT of every sample, and its parameters: manifest columns, score, percentiles, `verdict` and `margin`.

    A sample is kept if it passes every rule, in whatever order they come. `margin` is how far, in percentile points,
    the limits may move (if negative: have to move) until the verdict changes; NULL where no limit or no score is.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    conditions: list[str] = []
    margins: list[str] = []
    parameters: list[Any] = []
    for rule in rules:
        applies, values = label_filter(rule.labels, len(parameters) + 1)
        parameters += values
        for limit, sign in ((rule.low, 1), (rule.high, -1)):
            if limit is not None:
                parameters.append(float(limit))
                passes, margin = _limit_sql(rule.measure, sign, f"${len(parameters)}::DOUBLE")
                conditions.append(f"(NOT {applies} OR {passes})")
                margins.append(f"CASE WHEN {applies} THEN {margin} END")
    verdict = f"CASE WHEN {' AND '.join(conditions) or 'true'} THEN 'keep' ELSE 'drop' END"
    margin = f"least({', '.join(margins)})" if margins else "NULL::DOUBLE"
    measured = store.measurements_sql(scores.backbone_id, scores.spec_id)
    sql = f"""
        WITH scored AS (SELECT * FROM ({scored_sql(store, scores)}))
        SELECT *, {verdict} AS verdict, {margin} AS margin FROM scored
        UNION ALL BY NAME
        SELECT *, 'unscored' AS verdict FROM ({manifest_sql(store, scores.dataset_id)}) AS manifest
        ANTI JOIN ({measured}) AS measured USING (content_id)
    """
    return sql, parameters


def _limit_sql(measure: Measure, sign: int, limit: str) -> tuple[str, str]:
    """SQL of "is on the right side of this limit" and of the distance to it in percentile points."""
    if measure != "score":
        distance = f"({measure} - {limit})" if sign > 0 else f"({limit} - {measure})"
        return f"{distance} >= -{PERCENTILE_SLACK}", distance
    # The limit's own percentile makes its distances comparable with those of the other rules.
    beyond = "score <" if sign > 0 else "score <="
    percentile = f"(SELECT 100.0 * count(*) FILTER ({beyond} {limit}) / count(*) FROM scored)"
    if sign > 0:
        return f"score >= {limit}", f"(percentile - {percentile})"
    return f"score <= {limit}", f"({percentile} - percentile)"


def apply(store: Store, scores: ScoreSet, rules: Sequence[CurationRule]) -> CurationResult:
    """Count what the rules keep and drop, as a whole and by class.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    sql, parameters = verdict_sql(store, scores, rules)
    counts = ", ".join(
        f"count(*) FILTER (verdict = '{verdict}') AS {name}"
        for name, verdict in (("kept", "keep"), ("dropped", "drop"), ("unscored", "unscored"))
    )
    rows = store.query(f"SELECT label, {counts} FROM ({sql}) GROUP BY label", parameters).to_pylist()
    rows.sort(key=lambda row: natural_key(row["label"]))
    totals = {name: sum(row[name] for row in rows) for name in ("kept", "dropped", "unscored")}
    counted = CurationCounts(**totals, num_unreadable=store.catalogue.dataset(scores.dataset_id).num_failed)
    balance = (
        ClassBalance(
            **row,
            title=class_title(row["label"], alone=len(rows) == 1),
            share_before=(row["kept"] + row["dropped"] + row["unscored"]) / counted.total,
            share_after=row["kept"] / counted.kept if counted.kept else 0.0,
        )
        for row in rows
    )
    return CurationResult(counted, tuple(balance))


def preview(
    store: Store, scores: ScoreSet, rules: Sequence[CurationRule], n: int = 12, seed: int = 0
) -> CurationPreview:
    """At most n samples of each kind; ties by sample key, the random ones depend on nothing but the keys and `seed`.

    Raises:
        UnknownNameError: if there is no such dataset.
        DatasetNotReadyError: if it has no index yet.
    """
    sql, parameters = verdict_sql(store, scores, rules)
    order = {
        "nearest": ("drop", "-margin"),
        "extreme": ("drop", "margin"),
        "random": ("drop", f"md5(concat(sample_key, ':', ${len(parameters) + 1}))"),
        "narrowly_kept": ("keep", "margin"),
    }
    fields = ", ".join(f"{name} := {name}" for name in SAMPLE_FIELDS.split(", "))
    columns = ", ".join(
        f"min(struct_pack(order_key := {key}, key := sample_key, {fields}), {int(n)}) "
        f"FILTER (verdict = '{verdict}' AND margin IS NOT NULL) AS {name}"
        for name, (verdict, key) in order.items()
    )
    row = store.query(f"SELECT {columns} FROM ({sql})", [*parameters, str(seed)]).to_pylist()[0]
    return CurationPreview(**{name: to_scored_samples(row[name] or []) for name in order})
