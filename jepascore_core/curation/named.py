"""The backbones, scores and reference datasets that rules and steps name."""

from __future__ import annotations

from jepascore_core.curation.evaluation.compiler import Compiler
from jepascore_core.curation.rules.column import REFERENCE_DISTANCE, REFERENCE_PERCENTILE, Column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import Budget, Curation, Flag, walk
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store


def backbone_names(curation: Curation) -> tuple[str, ...]:
    """Return every backbone that rules or steps name."""
    names: list[str | None] = []
    for rule in curation.rules:
        for condition in walk(rule):
            if not isinstance(condition, Marked):
                names.append(condition.backbone if isinstance(condition, Flag) else condition.column.backbone)
    names += [step.backbone for step in curation.steps]
    names += [step.by.backbone for step in curation.steps if isinstance(step, Budget) and step.by is not None]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def named_columns(curation: Curation) -> list[Column]:
    """Return every column that rules compare, or that a budget is drawn by, in order."""
    conditions = [item for rule in curation.rules for item in walk(rule)]
    drawn_by = [step.by for step in curation.steps if isinstance(step, Budget) and step.by is not None]
    return [*(item.column for item in conditions if not isinstance(item, Flag | Marked)), *drawn_by]


def reference_columns(curation: Curation) -> tuple[Column, ...]:
    """Return the columns that compare with reference datasets: those that rules name, then those that tell more.

    That is the distance to the reference of a budget, and the percentile, which costs nothing, among each of them.
    """
    named = [column for column in named_columns(curation) if column.is_reference]
    budgets = [step for step in curation.steps if isinstance(step, Budget) and step.reference is not None]
    named += [Column(REFERENCE_DISTANCE, step.backbone, reference=step.reference) for step in budgets]
    named += [Column(REFERENCE_PERCENTILE, item.backbone, reference=item.reference) for item in named]
    return tuple(dict.fromkeys(named))


def reference_names(curation: Curation) -> tuple[str, ...]:
    """Return every reference dataset that rules or steps name."""
    return tuple(dict.fromkeys(str(column.reference) for column in reference_columns(curation)))


def asked_scores(store: Store, scores: ScoreSet, curation: Curation) -> tuple[ScoreSet, ...]:
    """List the page's scores, then those of other backbones that rules and steps name.

    Raises:
        UnknownNameError: if one of these was not measured.
    """
    compiler = Compiler(store, scores)
    return tuple(dict.fromkeys([scores, *(compiler.score_set(name) for name in backbone_names(curation))]))
