"""What one rule or step would drop by itself, before anybody adds it; and what has to be computed to know."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from jepascore_core.curation import Budget, Clause, Deduplicate, curation_of
from jepascore_core.curation.columns.radius_curve import LONGEST, known_radius_curve
from jepascore_core.curation.evaluation.alone import count_alone
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_radii, pending_work, precompute
from jepascore_core.errors import JepaScoreError
from jepascore_core.scores.memo import memoized, remembered
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class Effect:
    """How many samples are dropped; None where `pending` computations are needed first, or `why_not` says why."""

    dropped: int | None
    pending: tuple[PrecomputeStep, ...] = ()
    why_not: str = ""

    @property
    def is_quick(self) -> bool:
        """Whether what is pending takes a few seconds at most."""
        return bool(self.pending) and all(work.is_quick for work in self.pending)


def effect_of(store: Store, scores: ScoreSet, clause: Clause) -> Effect:
    """Return what a rule or step drops without others and without decisions; nothing long is computed for it."""
    try:
        if (dropped := _from_curve(store, scores, clause)) is not None:
            return Effect(dropped)
        pending = _pending(store, scores, clause)
        if not pending:
            return Effect(count_alone(store, scores, clause))
    except JepaScoreError as error:
        return Effect(None, why_not=str(error))
    failed = [message for work in pending if (message := remembered(store, _failure(store, scores, work)))]
    return Effect(None, why_not=failed[0]) if failed else Effect(None, pending)


def compute_effects(store: Store, scores: ScoreSet, works: Sequence[PrecomputeStep]) -> None:
    """Do quick computations; what fails is remembered, and told by `effect_of`."""
    for work in works:
        key = _failure(store, scores, work)
        if work.is_quick and remembered(store, key) is None:
            try:
                precompute(store, scores, work)
            except JepaScoreError as error:
                memoized(store, key, partial(str, error))


def _from_curve(store: Store, scores: ScoreSet, clause: Clause) -> int | None:
    radius = _radius(clause)
    curve = None if radius is None else known_radius_curve(store, scores)
    return None if radius is None or curve is None else curve.num_dropped(radius)


def _pending(store: Store, scores: ScoreSet, clause: Clause) -> tuple[PrecomputeStep, ...]:
    """Return what the number needs; that of a budget follows from how many samples there are, whichever are drawn."""
    if isinstance(clause, Budget) and clause.by is None:
        return ()
    if (radius := _radius(clause)) is not None:
        return tuple(pending_radii(store, scores, radius))
    return pending_work(store, scores, curation_of([clause]))


def _radius(clause: Clause) -> float | None:
    """Return the radius of near duplicates that the curve of all radii knows: any can be tried there at once."""
    if not isinstance(clause, Deduplicate) or clause.backbone is not None or clause.radius is None:
        return None
    return clause.radius if clause.radius <= LONGEST else None


def _failure(store: Store, scores: ScoreSet, work: PrecomputeStep) -> Hashable:
    return "not computed", scores, version_key(store, scores), work
