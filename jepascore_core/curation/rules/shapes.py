"""Which form of a page a rule or step fits: it can be changed there without losing anything."""

from __future__ import annotations

from typing import Literal

from jepascore_core.curation.rules.column import (
    LABEL_ISSUE,
    LIKELY_LABEL,
    META,
    PROPERTIES,
    REFERENCE_DISTANCE,
    REFERENCE_PERCENTILE,
    Column,
)
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import (
    AtLeast,
    Between,
    Budget,
    Clause,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
)
from jepascore_core.embeddings.baselines import BASELINES

FormName = Literal[
    "score", "agreement", "duplicates", "class", "labels", "reference", "columns", "image", "region", "budget",
]  # fmt: skip

#: Draws that the form of budgets offers, each with whether it is per class.
_DRAWS = (
    ("random", None), ("balanced", None), ("random", "class"), ("diverse", None), ("clusters", None),
    ("farthest", None),
)  # fmt: skip


def agreement_rule(name: str, backbones: tuple[str, ...], cut: float, m: int) -> Rule:
    """Return the rule that drops what at least `m` backbones find unlikely: below a percentile `cut`."""
    return Not(AtLeast(m, tuple(Not(Between(Column(name, backbone), cut)) for backbone in backbones)))


def label_issue_rule(cut: float, looks_like: tuple[str, ...] = ()) -> Rule:
    """Return the rule that drops labels that look wrong, all or those that look like some classes."""
    right = Not(Between(Column(LABEL_ISSUE), cut))
    return Or((right, Not(IsIn(Column(LIKELY_LABEL), looks_like)))) if looks_like else right


def form_of(clause: Clause) -> FormName | None:
    """Return the form that makes such a clause; None if only the text does."""
    match clause:
        case Deduplicate(_, _, backbone, perceptual):
            return "duplicates" if backbone is None and not perceptual else None
        case Budget(draw=draw, per=per, seed=seed):
            is_offered = (draw, per) in _DRAWS and clause.backbone is None and clause.by is None
            return "budget" if is_offered and not (seed and draw in ("diverse", "farthest")) else None
        case Between(column, low, high):
            return _of_range(column, low, high)
    return _of_condition(clause)


def _of_condition(rule: Rule) -> FormName | None:
    match rule:
        case Not(Flag("leak" | "label_conflict", _, None)):
            return "duplicates"
        case Flag("grey") | Not(Flag("grey")):
            return "image"
        case IsIn(Column("label")) | Not(IsIn(Column("label"))):
            return "class"
        case Marked("region", samples=None) | Not(Marked("region", samples=None)):
            return "region"
        case IsIn(Column("split"), values) if None not in values:
            return "columns"
    if _is_agreement(rule):
        return "agreement"
    if _is_label_issue(rule):
        return "labels"
    return "columns" if _is_pattern(rule.rule if isinstance(rule, Not) else rule) else None


def _of_range(column: Column, low: float | None, high: float | None) -> FormName | None:
    if column.is_score:
        return "score" if column.definition in (None, *BASELINES) else None
    if column.name in (REFERENCE_PERCENTILE, REFERENCE_DISTANCE):
        is_plain = column.backbone is None and column.definition is None and column.k is None
        fits = column.name == REFERENCE_PERCENTILE or (high is None and low is not None and 0 < low <= 2)
        return "reference" if is_plain and fits else None
    if column.name == "class_size":
        return "class" if high is None and low is not None and low >= 2 and float(low).is_integer() else None
    if column.name in PROPERTIES:
        return "image" if min(low or 0, high or 0) >= 0 else None
    return "columns" if column.name == META else None


def _is_agreement(rule: Rule) -> bool:
    match rule:
        case Not(AtLeast(m, (Not(Between(Column(name, str(_), None), float() | int() as cut, None)), *_) as rules)):
            backbones = tuple(
                item.rule.column.backbone
                for item in rules
                if isinstance(item, Not) and isinstance(item.rule, Between) and item.rule.column.backbone
            )
            is_offered = len(set(backbones)) == len(rules) > 1 and 0.5 <= cut <= 99.5 and name != "score"
            return is_offered and rule == agreement_rule(name, backbones, cut, m)
    return False


def _is_label_issue(rule: Rule) -> bool:
    match rule:
        case Not(Between(Column("label_issue", None), float() | int() as cut, None)):
            return 0.5 <= cut <= 1
        case Or((Not(Between(Column("label_issue", None), float() | int() as cut, None)), Not(IsIn(column, values)))):
            return 0.5 <= cut <= 1 and column == Column(LIKELY_LABEL) and None not in values
    return False


def _is_pattern(rule: Rule) -> bool:
    """Whether it is one text or pattern of a key or own column, or a range of such a column."""
    match rule:
        case Between(Column("meta")):
            return True
        case IsIn(Column("meta" | "key"), (str(text),)):
            return bool(text) and not set("*?") & set(text)
        case Like(Column("meta" | "key"), pattern):
            return bool(set("*?") & set(pattern))
    return False
