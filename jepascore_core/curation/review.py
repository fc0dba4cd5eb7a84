"""Which samples a person should look at next, in an order that does not move while they decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.evaluation.evaluate import Evaluation, Verdict
from jepascore_core.curation.rules.printer import chip_text
from jepascore_core.curation.summary import samples_at
from jepascore_core.scores.score_set import ScoredSample
from jepascore_core.storage.store import Store

ReviewKind = Literal["unlikely", "borderline", "dropped", "kept", "unscored"]

REVIEW_KINDS: tuple[ReviewKind, ...] = get_args(ReviewKind)

#: Which samples, and in what order; of the least likely ones the order is another column's.
_ORDER: dict[ReviewKind, tuple[str, str]] = {
    "unlikely": ("{class_percentile} IS NOT NULL", "{class_percentile}"),
    "borderline": ("verdict <> 'unscored' AND isfinite(margin)", "abs(margin)"),
    "dropped": ("verdict = 'drop'", "hash(row_id, $2::INT)"),
    "kept": ("verdict = 'keep'", "hash(row_id, $2::INT)"),
    "unscored": ("verdict = 'unscored'", "hash(row_id, $2::INT)"),
}


@dataclass(frozen=True, slots=True)
class RuleOpinion:
    """The verdict of the rules on one sample; `reason` is the rule or step that drops it, "" if none does."""

    verdict: Verdict
    reason: str


def review_queue(
    store: Store,
    evaluation: Evaluation,
    kind: ReviewKind = "borderline",
    n: int = 60,
    seed: int = 0,
    first: int = 0,
) -> tuple[ScoredSample, ...]:
    """At most n samples, from place `first` on: the least likely ones of their classes, whatever the rules; those
    nearest to a limit on either side; or random ones of a verdict.

    The evaluation is one without decisions, here and below: the queue stays as it is while they are made.
    """
    row_ids = store.query(_queue_sql(store, evaluation, kind, "row_id"), [n, seed, first])["row_id"].to_pylist()
    samples = samples_at(store, evaluation, row_ids)
    return tuple(samples[row_id] for row_id in row_ids)


def first_open_place(
    store: Store, evaluation: Evaluation, kind: ReviewKind, decided: Collection[str], seed: int = 0
) -> int | None:
    """The first place of the queue whose sample key is not among `decided`; None if there is none."""
    # One more than were decided: one of so many is open, unless the queue ends before.
    sql = _queue_sql(store, evaluation, kind, "sample_key")
    keys = store.query(sql, [len(decided) + 1, seed, 0])["sample_key"].to_pylist()
    return next((place for place, key in enumerate(keys) if key not in decided), None)


def queue_length(store: Store, evaluation: Evaluation, kind: ReviewKind) -> int:
    """How many samples the whole queue has."""
    source, _ = _queue_source(store, evaluation, kind)
    return int(store.query(f"SELECT count(*) AS n FROM {source}")["n"][0].as_py())


def place_in_queue(
    store: Store, evaluation: Evaluation, kind: ReviewKind, sample_key: str, seed: int = 0
) -> int | None:
    """The place of a sample in the queue, counted from 0; None if it is not in it."""
    sql = _queue_sql(store, evaluation, kind, "sample_key")
    keys = store.query(sql, [None, seed, 0])["sample_key"]
    place = keys.index(sample_key).as_py()
    return None if place < 0 else int(place)


def reviewed_sample(store: Store, evaluation: Evaluation, sample_key: str) -> ScoredSample | None:
    """A sample as an item of a queue, whether it is in one or not; None if the dataset has none of this key."""
    rows = store.query(f"SELECT row_id FROM {evaluation.base} WHERE sample_key = $1 LIMIT 1", [sample_key])["row_id"]
    return next(iter(samples_at(store, evaluation, rows.to_pylist()).values()), None)


def _queue_sql(store: Store, evaluation: Evaluation, kind: ReviewKind, column: str) -> str:
    """SELECT of a column of the base; parameters are how many rows, the seed, and the first place."""
    source, order = _queue_source(store, evaluation, kind)
    return f"SELECT {column} FROM {source} ORDER BY {order}, row_id + 0 * $2::INT LIMIT $1 OFFSET $3"


def _queue_source(store: Store, evaluation: Evaluation, kind: ReviewKind) -> tuple[str, str]:
    """Tables with the condition, and the order."""
    tables = [evaluation.base, evaluation.table]
    which, order = _ORDER[kind]
    if kind == "unlikely":
        percentile = columns(store).percentile(evaluation.dataset, evaluation.score, "label")
        tables.append(percentile)
        which, order = (part.format(class_percentile=f'"{percentile}"') for part in (which, order))
    return f"{' POSITIONAL JOIN '.join(tables)} WHERE {which}", order


def rule_opinions(store: Store, evaluation: Evaluation, sample_keys: Sequence[str]) -> dict[str, RuleOpinion]:
    """What the rules alone, without decisions, say of some samples, by sample key."""
    sql = f"""SELECT sample_key, verdict, reason FROM {evaluation.base} POSITIONAL JOIN {evaluation.table}
        WHERE sample_key IN (SELECT unnest($1))"""
    return {
        row["sample_key"]: RuleOpinion(
            row["verdict"], "" if row["reason"] is None else chip_text(evaluation.curation.chips[row["reason"]])
        )
        for row in store.query(sql, [list(sample_keys)]).to_pylist()
    }
