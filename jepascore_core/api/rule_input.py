"""Rules as Python users give them: expressions, steps and texts, alone or in lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jepascore_core.api.expressions import ColumnExpression, Expression
from jepascore_core.curation.rules.model import Budget, Clause, Curation, Deduplicate, Step, curation_of
from jepascore_core.curation.rules.parser import parse, parse_rule
from jepascore_core.curation.rules.printer import rule_text

#: One rule or step, as an expression or as text; a text may contain several.
RuleLike = Expression | Step | Curation | str


def curation_from(rules: RuleLike | Sequence[RuleLike]) -> Curation:
    """Return the curation that expressions, steps and texts describe together.

    Raises:
        RuleError: for a text that is not a rule, two budgets, or rules nested too deeply to be saved.
        TypeError: for anything other than rules.
    """
    listed = [rules] if isinstance(rules, Expression | Deduplicate | Budget | Curation | str) else rules
    if isinstance(listed, ColumnExpression) or not isinstance(listed, Iterable):
        raise TypeError(f"Rules must be expressions, steps, texts, or a list of these, not {rules!r}.")
    curation = curation_of(clause for item in listed for clause in _clauses(item))
    for rule in curation.rules:
        parse_rule(rule_text(rule))  # recipes hold rules as text
    return curation


def _clauses(item: object) -> tuple[Clause, ...]:
    match item:
        case Expression():
            return (item.rule,)
        case Deduplicate() | Budget():
            return (item,)
        case Curation():
            return item.clauses
        case str():
            return parse(item).clauses
        case ColumnExpression():
            raise TypeError(f"{item} is a column, not a rule. Compare it first, as in js.col(...) >= 5.")
    raise TypeError(f"Rules must be expressions, steps or texts, not {item!r}.")
