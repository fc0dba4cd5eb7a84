"""Rules that most people begin with, ready to be added with one click, and what each would drop here."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low
from typing import Literal

from jepascore_core.curation import Between, Budget, Clause, Column, Curation, Deduplicate, Like, Not
from jepascore_core.curation.columns.quality import QUALITY_ISSUE
from jepascore_core.curation.columns.radius_curve import known_radius_curve
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_radii
from jepascore_core.curation.rules.column import LABEL_ISSUE
from jepascore_core.curation.rules.model import NEAR_RADIUS
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import ClassChoice, class_choices
from jepascore_core.views.effects import Effect, effect_of
from jepascore_core.views.label_issues import LIKELY_WRONG

StarterName = Literal["unlikely", "exact", "near", "labels", "blurry", "dark", "odd size", "balance"]

#: Percentile below which an image is among the least likely.
LEAST_LIKELY = 5
#: Baseline score where a backbone has embeddings only.
_WITHOUT_SCORES: Literal["knn"] = "knn"


@dataclass(frozen=True, slots=True)
class Starter:
    """One rule or step to begin with. `per_class` says that it looks at each class by itself."""

    name: StarterName
    clause: Clause
    effect: Effect
    per_class: bool = False


def starters(store: Store, scores: ScoreSet, curation: Curation | None = None) -> tuple[Starter, ...]:
    """Return the rules to begin with that make sense for a dataset, but for those that a curation has already.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `class_choices`.
    """
    classes = [item for item in class_choices(store, scores.dataset_id) if item.label is not None]
    has = set(curation.clauses if curation is not None else ())
    listed = [(name, clause) for name, clause in _clauses(store, scores, classes) if clause not in has]
    found = (Starter(name, clause, _effect(store, scores, name, clause), len(classes) > 1) for name, clause in listed)
    return tuple(found)


def _clauses(store: Store, scores: ScoreSet, classes: list[ClassChoice]) -> list[tuple[StarterName, Clause]]:
    several = len(classes) > 1
    column = Column(
        "class_percentile" if several else "percentile", None, None if scores.key.has_scores else _WITHOUT_SCORES
    )
    keep: Literal["most_likely", "largest"] = "most_likely" if scores.key.has_scores else "largest"
    curve = known_radius_curve(store, scores)
    found: list[tuple[StarterName, Clause]] = [
        ("unlikely", Between(column, LEAST_LIKELY)),
        ("exact", Deduplicate(None, keep)),
        ("near", Deduplicate(NEAR_RADIUS if curve is None else curve.default_radius, keep)),
    ]
    if sum(item.num_samples > 1 for item in classes) > 1:
        found += [("labels", Not(Between(Column(LABEL_ISSUE), LIKELY_WRONG)))]
    issues: tuple[StarterName, ...] = ("blurry", "dark", "odd size")
    found += [(issue, Not(Like(Column(QUALITY_ISSUE), f"*{issue}*"))) for issue in issues]
    if several:
        found += [("balance", Budget(median_low(item.num_samples for item in classes), per="class"))]
    return found


def _effect(store: Store, scores: ScoreSet, name: StarterName, clause: Clause) -> Effect:
    """Return what a starter drops. How near is near follows from the encoder, which is found out first."""
    radii: tuple[PrecomputeStep, ...] = tuple(pending_radii(store, scores)) if name == "near" else ()
    return Effect(None, radii) if radii else effect_of(store, scores, clause)
