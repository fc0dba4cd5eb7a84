"""Which samples a person should look at next, in an order that does not move while they decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from jepascore_core.curation.evaluation import Verdict, evaluate
from jepascore_core.curation.rules import Curation
from jepascore_core.curation.summary import samples_at
from jepascore_core.curation.text import chip_text
from jepascore_core.store import Store
from jepascore_core.views.score_set import ScoredSample, ScoreSet

ReviewKind = Literal["borderline", "dropped", "kept", "unscored"]

REVIEW_KINDS: tuple[ReviewKind, ...] = get_args(ReviewKind)

_ORDER: dict[ReviewKind, tuple[str, str]] = {
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
    scores: ScoreSet,
    curation: Curation,
    kind: ReviewKind = "borderline",
    n: int = 60,
    seed: int = 0,
    first: int = 0,
) -> tuple[ScoredSample, ...]:
    """At most n samples: those nearest to a limit on either side, or random ones of a verdict; from place `first` on.

    Decisions are left out of it: the queue stays as it is while they are made.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    found = evaluate(store, scores, curation)
    which, order = _ORDER[kind]
    sql = f"""SELECT row_id FROM {found.base} POSITIONAL JOIN {found.table} WHERE {which}
        ORDER BY {order}, row_id + 0 * $2::INT LIMIT $1 OFFSET $3"""
    row_ids = store.query(sql, [n, seed, first])["row_id"].to_pylist()
    samples = samples_at(store, found, row_ids)
    return tuple(samples[row_id] for row_id in row_ids)


def rule_opinion(store: Store, scores: ScoreSet, curation: Curation, sample_key: str) -> RuleOpinion:
    """What the rules alone, without decisions, say of a sample.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    found = evaluate(store, scores, curation)
    sql = f"SELECT verdict, reason FROM {found.base} POSITIONAL JOIN {found.table} WHERE sample_key = $1 LIMIT 1"
    row = store.query(sql, [sample_key]).to_pylist()[0]
    reason = row["reason"]
    return RuleOpinion(row["verdict"], "" if reason is None else chip_text(curation.chips[reason]))
