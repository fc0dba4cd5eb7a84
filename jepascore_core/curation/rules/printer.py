"""Print rules as text, so that `parser.parse(to_text(curation)) == curation`.

class_percentile >= 5 and not (leak and split = "train") | one per near 0.05 keep largest | budget 1000 balanced
"""

from __future__ import annotations

import json

from jepascore_core.curation.rules.column import META, Column
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import (
    KEEPERS,
    And,
    AtLeast,
    Between,
    Budget,
    Clause,
    Condition,
    Curation,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
    Step,
)


def to_text(curation: Curation) -> str:
    """Return a text that `parse` turns into the same curation."""
    several = len(curation.rules) > 1
    rules = " and ".join(_enclosed(rule) if several else rule_text(rule) for rule in curation.rules)
    return " | ".join([*([rules or "all"] if rules or curation.steps else []), *map(step_text, curation.steps)])


def clause_text(clause: Clause) -> str:
    """Return a rule or step as text."""
    return step_text(clause) if isinstance(clause, Deduplicate | Budget) else rule_text(clause)


def rule_text(rule: Rule) -> str:
    """Return a rule as text."""
    match rule:
        case And(rules):
            return " and ".join(map(_enclosed, rules))
        case Or(rules):
            return " or ".join(map(_enclosed, rules))
        case AtLeast(m, rules):
            return f"at least {m} of ({', '.join(map(rule_text, rules))})"
        case Not(Between(column, low, None)):
            return f"{column_text(column)} < {_number_text(low)}"
        case Not(Between(column, None, high)):
            return f"{column_text(column)} > {_number_text(high)}"
        case Not(IsIn(column, (str(value),))):
            return f"{column_text(column)} != {quoted(value)}"
        case Not(inner):
            return f"not {_enclosed(inner)}"
    return _condition_text(rule)


def _condition_text(rule: Condition) -> str:
    match rule:
        case Between(column, low, None):
            return f"{column_text(column)} >= {_number_text(low)}"
        case Between(column, None, high):
            return f"{column_text(column)} <= {_number_text(high)}"
        case Between(column, low, high):
            return f"{_number_text(low)} <= {column_text(column)} <= {_number_text(high)}"
        case IsIn(column, (None,)):
            return f"{column_text(column)} is missing"
        case IsIn(column, (str(value),)):
            return f"{column_text(column)} = {quoted(value)}"
        case IsIn(column, values):
            listed = ", ".join("missing" if value is None else quoted(value) for value in values)
            return f"{column_text(column)} in ({listed})"
        case Like(column, pattern):
            return f"{column_text(column)} like {quoted(pattern)}"
        case Marked():
            return _mark_text(rule)
        case Flag(name, radius, backbone):
            inside = [_number_text(radius)] if radius is not None else []
            inside += [quoted(backbone)] if backbone is not None else []
            return f"{name}({', '.join(inside)})" if inside else name


def _mark_text(mark: Marked) -> str:
    if mark.value is None:
        return mark.name
    return f"in region {quoted(mark.value)}" if mark.name == "region" else f"{mark.name}({quoted(mark.value)})"


def step_text(step: Step) -> str:
    """Return a step as text."""
    backbone = f" of {quoted(step.backbone)}" if step.backbone is not None else ""
    if isinstance(step, Deduplicate):
        by_bytes = "perceptual" if step.perceptual else "exact"
        group = by_bytes if step.radius is None else f"near {_number_text(step.radius)}"
        keep = "" if step.keep == KEEPERS[0] else f" keep {step.keep}"
        return f"one per {group}{keep}{backbone}"
    draw = "" if step.draw == "random" else f" {step.draw}"
    draw += "" if step.by is None else f" {column_text(step.by)}"
    clusters = f" {step.clusters}" if step.clusters is not None else ""
    per = f" per {step.per}" if step.per else ""
    reference = f" from {quoted(step.reference)}" if step.reference is not None else ""
    seed = f" seed {step.seed}" if step.seed else ""
    return f"budget {step.n}{per}{draw}{clusters}{reference}{seed}{backbone}"


def _enclosed(rule: Rule) -> str:
    text = rule_text(rule)
    return f"({text})" if isinstance(rule, And | Or) else text


def column_text(column: Column) -> str:
    """Return a column as text."""
    if column.name == META:
        return f"{META}[{quoted(column.key or '')}]"
    if column.query is not None:
        named = [column.query, *([] if column.backbone is None else [column.backbone])]
        return f"{column.name}({', '.join(map(quoted, named))})"
    inside = [quoted(name) for name in (column.reference, column.backbone) if name is not None]
    inside += [str(item) for item in (column.definition, column.k) if item is not None]
    return f"{column.name}[{', '.join(inside)}]" if inside else column.name


def quoted(text: str) -> str:
    """Return a text in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _number_text(number: float | None) -> str:
    whole = number is not None and float(number).is_integer() and abs(number) < 1e15
    return repr(int(number)) if whole and number is not None else repr(number)
