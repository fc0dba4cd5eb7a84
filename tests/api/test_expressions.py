"""Rules as Python expressions: all that the text can say, nothing else, and advice for what Python reads otherwise."""

import doctest
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jepascore_core as js
from jepascore_core.api import expressions, steps
from jepascore_core.curation.rules.column import META
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import And, AtLeast, Between, Budget, Deduplicate, Flag, IsIn, Like, Not, Or
from jepascore_core.curation.rules.parser import parse, parse_clause
from jepascore_core.curation.rules.printer import clause_text
from jepascore_core.errors import RuleError
from tests.curation.strategies import BUDGETS, HOSTILE, NOWHERE, ONE_PER, conditions, rules
from tests.curation.test_text import ODD

ANY_RULE = rules(conditions(st.one_of(NOWHERE, HOSTILE), ODD))
LIKELY = js.col("percentile") >= 5


def in_python(rule):
    """Python for a rule, as a person may write it."""
    match rule:
        case Between(column, low, None):
            return f"({column_in_python(column)} >= {low!r})"
        case Between(column, None, high):
            return f"({column_in_python(column)} <= {high!r})"
        case Between(column, low, high):
            return f"{column_in_python(column)}.between({low!r}, {high!r})"
        case IsIn(column, values):
            return f"{column_in_python(column)}.is_in({list(values)!r})"
        case Like(column, pattern):
            return f"{column_in_python(column)}.like({pattern!r})"
        case Flag(name, radius, backbone):
            return f"js.flag({name!r}, {radius!r}, backbone={backbone!r})"
        case Marked(name, value):
            return f"js.{name}({'' if value is None else repr(value)})"
    return joined_in_python(rule)


def joined_in_python(rule):
    match rule:
        case Not(inner):
            return f"~{in_python(inner)}"
        case And(parts):
            return f"({' & '.join(map(in_python, parts))})"
        case Or(parts):
            return f"({' | '.join(map(in_python, parts))})"
        case AtLeast(m, parts):
            return f"js.at_least({m}, [{', '.join(map(in_python, parts))}])"
    return step_in_python(rule)


def step_in_python(step):
    match step:
        case Deduplicate(radius, keep, backbone, perceptual):
            return f"js.one_per(near={radius!r}, keep={keep!r}, backbone={backbone!r}, perceptual={perceptual})"
        case Budget(n, draw, per, clusters, seed, backbone):
            return f"js.budget({n}, {draw!r}, per={per!r}, clusters={clusters!r}, seed={seed}, backbone={backbone!r})"


def column_in_python(column):
    if column.name == META:
        return f"js.meta({column.key!r})"
    return f"js.col({column.name!r}, backbone={column.backbone!r}, definition={column.definition!r})"


def plain(rule):
    """The same rule without brackets and double negations that change nothing, which Python does not keep."""
    match rule:
        case Not(Not(inner)):
            return plain(inner)
        case Not(inner):
            return Not(plain(inner)) if not isinstance(plain(inner), Not) else plain(inner).rule
        case And(parts) | Or(parts):
            inner = [plain(part) for part in parts]
            return type(rule)(tuple(q for p in inner for q in (p.rules if isinstance(p, type(rule)) else (p,))))
        case AtLeast(m, parts):
            return AtLeast(m, tuple(map(plain, parts)))
        case IsIn(column, values):
            return IsIn(column, tuple(dict.fromkeys(values)))
    return rule


@given(ANY_RULE)
def test_an_expression_is_read_back_from_its_text(rule):
    expression = js.Expression(rule)
    assert js.rule(str(expression)) == expression
    assert eval(repr(expression), {"js": js}) == expression


@given(ANY_RULE)
def test_every_rule_can_be_said_in_python(rule):
    said = eval(in_python(rule), {"js": js})
    assert said.rule == plain(rule)
    assert js.rule(str(said)) == said


@given(st.one_of(ONE_PER, BUDGETS))
def test_every_step_can_be_said_in_python(step):
    said = eval(in_python(step), {"js": js})
    assert said == step
    assert parse_clause(clause_text(said)) == step


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("percentile < 5", js.col("percentile") < 5),
        ("percentile > 5", js.col("percentile") > 5),
        ("percentile <= 5", js.col("percentile") <= 5),
        ("percentile > 5", js.col("percentile") > 5),
        ("percentile > 5", ~(js.col("percentile") <= 5)),
        ("width = 224", js.col("width") == 224),
        ("width != 224", js.col("width") != 224),
        ("width = 224 or width = 256", js.col("width").is_in([224, 256, 224])),
        ('label = "cat"', js.col("label") == "cat"),
        ('label != "cat"', js.col("label") != "cat"),
        ("label is missing", js.col("label") == None),  # noqa: E711
        ("not label is missing", ~js.col("label").is_missing()),
        ('label in ("cat", missing)', js.col("label").is_in(x for x in ("cat", None))),
        ('meta["year"] in ("2010", missing) or meta["year"] = 2011', js.meta("year").is_in(["2010", 2011, None])),
        ('key like "batch-0?/*"', js.col("key").like("batch-0?/*")),
        ('class_percentile["a", knn] >= 5', js.col('class_percentile["a", knn]') >= 5),
        ('class_percentile["a", knn] >= 5', js.col("class_percentile", backbone="a", definition="knn") >= 5),
        ("grey and grey or not leak", js.flag("grey") & js.flag("grey") | ~js.flag("leak")),
        ('measured("a")', js.flag("measured", backbone="a")),
        ("percentile >= 5 and width >= 1 and not grey", (LIKELY & (js.col("width") >= 1)) & ~js.flag("grey")),
        ("percentile >= 0.5", np.float32(0.5) <= js.col("percentile")),
        ("width >= 224", js.col("width") >= np.int64(224)),
    ],
)
def test_operators_make_the_rule_of_the_text(text, said):
    assert said == js.rule(text)


def test_steps_have_the_defaults_of_the_text():
    steps = (js.one_per(), js.one_per(near=0.05), js.budget(9, clusters=3), js.budget(1, per="class", seed=3))
    texts = ("one per exact", "one per near 0.05", "budget 9 clusters 3", "budget 1 per class seed 3")
    assert steps == tuple(map(parse_clause, texts))
    assert js.budget(7) == parse("all | budget 7").steps[0]


LABEL = js.col("label")


@pytest.mark.parametrize(
    ("attempt", "advice"),
    [
        (lambda: LIKELY and LIKELY, "& for and, | for or, ~ for not"),
        (lambda: LIKELY or LIKELY, "parentheses around each comparison"),
        (lambda: not LIKELY, "~ for not"),
        (lambda: 5 <= js.col("percentile") <= 95, r".between(5, 95) for a chained comparison"),
        (lambda: LABEL in ["cat", "dog"], '.is_in(["cat", "dog"]) for in'),
        (lambda: "cat" in LABEL, "js.col('label').is_in(['cat'])"),
        (lambda: LABEL and LIKELY, "label is a column. Compare it first"),
        (lambda: js.col("percentile") >= 5 & js.col("width") >= 224, "parentheses around each comparison"),
        (lambda: js.col("label") == "cat" & LIKELY, "parentheses around each comparison"),
        (lambda: LIKELY | js.col("width"), "width is a column, not a rule"),
        (lambda: ~js.col("width"), "(js.col('width') >= 5)"),
        (lambda: ~LABEL, "(js.col('label') == \"...\")"),
        (lambda: LIKELY & "not leak", "js.rule('not leak')"),
        (lambda: LIKELY | js.one_per(), "Put steps beside rules in a list"),
        (lambda: LIKELY & True, "& joins rules, not True"),
        (lambda: js.col("width") >= js.col("height"), "not with another column (height)"),
        (lambda: js.col("width") >= "224", "A limit must be a number, not '224'"),
        (lambda: js.col("width") == True, "A limit must be a number, not True"),  # noqa: E712
        (lambda: LABEL.is_in("cat"), "is_in needs a list"),
        (lambda: LABEL.like(5), "A pattern must be a text"),
        (lambda: list(LABEL), ".to_pandas()`"),
        (lambda: js.col(5), "A column name must be a text"),
        (lambda: js.at_least(1, ["not leak"]), "js.rule('not leak')"),
        (lambda: {LABEL}, "unhashable"),
    ],
)
def test_what_python_reads_otherwise_is_refused_with_advice(attempt, advice):
    with pytest.raises(TypeError, match=re.escape(advice)):
        attempt()


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: js.col("percentle"), 'Unknown column "percentle". Did you mean "percentile"?'),
        (lambda: js.col("zzz"), 'Unknown column "zzz". Available: score, percentile, '),
        (lambda: js.col("leak"), 'Write js.flag("leak")'),
        (lambda: js.col("meta"), 'js.meta("its name")'),
        (lambda: js.col("class_percentile[knm]"), 'Did you mean "knn"?'),
        (lambda: js.col("percentle[knn]"), 'Did you mean "percentile"?'),
        (lambda: js.col("percentile >= 5"), 'js.rule("percentile >= 5")'),
        (lambda: js.col("percentile[knn]", backbone="a"), "leave backbone and definition out"),
        (lambda: js.col("percentile", definition="best"), 'Unknown definition "best"'),
        (lambda: js.col("width", backbone="a"), "does not depend on a backbone"),
        (lambda: js.flag("leek"), 'Unknown flag "leek". Did you mean "leak"?'),
        (lambda: js.flag("near_duplicate"), "needs a radius"),
        (lambda: js.col("percentile") >= 500, "between 0 and 100"),
        (lambda: js.col("width") >= float("nan"), "finite number"),
        (lambda: js.col("width") == "wide", "is a number"),
        (lambda: LABEL >= 5, "label is a text. Compare it with ==, !=, is_in or like"),
        (lambda: LABEL == 7, "js.col('label') == \"7\""),
        (lambda: js.col("score").is_missing(), 'js.flag("measured")'),
        (lambda: LABEL.is_in([]), "at least one"),
        (lambda: js.at_least(3, [LIKELY]), "needs an m"),
        (lambda: js.budget(0), "whole number of at least 1"),
        (lambda: js.rule("percentile >= 5 | one per exact"), "A step follows the rule"),
        (lambda: js.rule("percentil >= 5"), 'Did you mean "percentile"?'),
    ],
)
def test_what_is_not_a_rule_is_refused_with_the_reason(attempt, said):
    with pytest.raises(RuleError, match=re.escape(said)):
        attempt()


def test_the_examples_of_the_docstrings():
    for module, least in ((expressions, 20), (steps, 4)):
        found = doctest.testmod(module)
        assert found.attempted > least
        assert found.failed == 0
