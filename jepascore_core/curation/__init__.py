"""Rules, duplicates, decisions and recipes: which samples of a dataset to keep, and why."""

from jepascore_core.curation.evaluation.evaluate import Decided, Decisions, Evaluation, Verdict, evaluate
from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.model import (
    And,
    AtLeast,
    Between,
    Budget,
    Clause,
    Curation,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
    Rule,
    Step,
    curation_of,
)
from jepascore_core.curation.rules.parser import parse, parse_clause
from jepascore_core.curation.rules.printer import clause_text, to_text
from jepascore_core.curation.summary import ClassBalance, ClauseCount, CurationCounts, CurationResult, summarize

__all__ = [
    "And",
    "AtLeast",
    "Between",
    "Budget",
    "ClassBalance",
    "Clause",
    "ClauseCount",
    "Column",
    "Curation",
    "CurationCounts",
    "CurationResult",
    "Decided",
    "Decisions",
    "Deduplicate",
    "Evaluation",
    "Flag",
    "IsIn",
    "Like",
    "Not",
    "Or",
    "Rule",
    "Step",
    "Verdict",
    "clause_text",
    "curation_of",
    "evaluate",
    "parse",
    "parse_clause",
    "summarize",
    "to_text",
]
