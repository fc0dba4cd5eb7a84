"""The samples that a person should review next, in an order that does not change while they decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.evaluation.evaluate import Evaluation, Verdict
from jepascore_core.curation.rules.printer import clause_text
from jepascore_core.curation.summary import samples_at
from jepascore_core.scores.score_set import ScoredSample
from jepascore_core.storage.store import Store

ReviewKind = Literal["unlikely", "borderline", "dropped", "kept", "unscored"]

REVIEW_KINDS: tuple[ReviewKind, ...] = get_args(ReviewKind)

#: Condition and order of each queue; other samples than the least likely are ordered by another column.
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
    """Return at most n samples, from position `first` on.

    They are the least likely ones of their classes, whatever the rules; those nearest to a limit on either side; or
    random ones of a verdict.

    The evaluation is one without decisions, here and below: the queue does not change while they are made.
    """
    row_ids = store.query(_queue_sql(store, evaluation, kind, "row_id"), [n, seed, first])["row_id"].to_pylist()
    samples = samples_at(store, evaluation, row_ids)
    return tuple(samples[row_id] for row_id in row_ids)


def first_open_place(
    store: Store, evaluation: Evaluation, kind: ReviewKind, decided: Collection[str], seed: int = 0
) -> int | None:
    """Return the first position in the queue whose sample key is not in `decided`; None if there is none."""
    # One more than were decided: one of these is open, unless the queue ends before.
    sql = _queue_sql(store, evaluation, kind, "sample_key")
    keys = store.query(sql, [len(decided) + 1, seed, 0])["sample_key"].to_pylist()
    return next((place for place, key in enumerate(keys) if key not in decided), None)


def queue_length(store: Store, evaluation: Evaluation, kind: ReviewKind) -> int:
    """Return the number of samples in the whole queue."""
    source, _ = _queue_source(store, evaluation, kind)
    return int(store.query(f"SELECT count(*) AS n FROM {source}")["n"][0].as_py())


def place_in_queue(
    store: Store, evaluation: Evaluation, kind: ReviewKind, sample_key: str, seed: int = 0
) -> int | None:
    """Return the position of a sample in the queue, counted from 0; None if it is not in it."""
    sql = _queue_sql(store, evaluation, kind, "sample_key")
    keys = store.query(sql, [None, seed, 0])["sample_key"]
    place = keys.index(sample_key).as_py()
    return None if place < 0 else int(place)


def reviewed_sample(store: Store, evaluation: Evaluation, sample_key: str) -> ScoredSample | None:
    """Return a sample as an item of a queue, whether it is in one or not; None if the dataset lacks this key."""
    rows = store.query(f"SELECT row_id FROM {evaluation.base} WHERE sample_key = $1 LIMIT 1", [sample_key])["row_id"]
    return next(iter(samples_at(store, evaluation, rows.to_pylist()).values()), None)


def _queue_sql(store: Store, evaluation: Evaluation, kind: ReviewKind, column: str) -> str:
    """Return a SELECT of a column of the base; parameters are the number of rows, the seed, and the first position."""
    source, order = _queue_source(store, evaluation, kind)
    return f"SELECT {column} FROM {source} ORDER BY {order}, row_id + 0 * $2::INT LIMIT $1 OFFSET $3"


def _queue_source(store: Store, evaluation: Evaluation, kind: ReviewKind) -> tuple[str, str]:
    """Return the tables with the condition, and the order."""
    tables = [evaluation.base, evaluation.table]
    which, order = _ORDER[kind]
    if kind == "unlikely":
        percentile = columns(store).percentile(evaluation.dataset, evaluation.score, "label")
        tables.append(percentile)
        which, order = (part.format(class_percentile=f'"{percentile}"') for part in (which, order))
    return f"{' POSITIONAL JOIN '.join(tables)} WHERE {which}", order


def rule_opinions(store: Store, evaluation: Evaluation, sample_keys: Sequence[str]) -> dict[str, RuleOpinion]:
    """Return the verdict of the rules alone, without decisions, on some samples, by sample key."""
    sql = f"""SELECT sample_key, verdict, reason FROM {evaluation.base} POSITIONAL JOIN {evaluation.table}
        WHERE sample_key IN (SELECT unnest($1))"""
    return {
        row["sample_key"]: RuleOpinion(
            row["verdict"], "" if row["reason"] is None else clause_text(evaluation.curation.clauses[row["reason"]])
        )
        for row in store.query(sql, [list(sample_keys)]).to_pylist()
    }
