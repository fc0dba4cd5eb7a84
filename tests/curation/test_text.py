"""Rules as text and back, and errors that point at the place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jepascore_core.curation.rules.column import Column
from jepascore_core.curation.rules.marked import MARKS, Marked
from jepascore_core.curation.rules.model import (
    And,
    AtLeast,
    Between,
    Budget,
    Curation,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
)
from jepascore_core.curation.rules.parser import parse, parse_clause
from jepascore_core.curation.rules.printer import clause_text, to_text
from jepascore_core.errors import RuleError, RuleSyntaxError
from tests.curation.strategies import (
    BUDGETS,
    HOSTILE,
    ONE_PER,
    conditions,
    curations,
    reference_budgets,
    reference_conditions,
    rules,
)

PERCENTILE = Column("percentile")
LABEL = Column("label")
NEAR = st.builds(
    Flag,
    st.sampled_from(["near_duplicate", "leak", "label_conflict"]),
    st.floats(1e-6, 1),
    st.one_of(st.none(), HOSTILE),
)
MARKED = st.builds(Marked, st.sampled_from(MARKS), HOSTILE.filter(bool))
META = st.builds(Column, st.just("meta"), key=HOSTILE)
ODD = st.one_of(
    NEAR,
    MARKED,
    st.builds(IsIn, META, st.lists(st.one_of(st.none(), HOSTILE), min_size=1, max_size=3).map(tuple)),
    st.builds(Like, META, HOSTILE),
    st.builds(Between, META, st.floats(allow_nan=False, allow_infinity=False)),
)
ANYWHERE = st.one_of(st.none(), HOSTILE)


@given(curations(conditions(ANYWHERE, ODD, reference_conditions(HOSTILE, ANYWHERE))))
@example(Curation((Not(Not(Flag("grey"))), Or((And((Flag("grey"), Flag("leak"))), Flag("leak"))))))
@example(Curation((Not(Between(PERCENTILE, 5, 95)), Not(Between(PERCENTILE, 5)), Not(Between(PERCENTILE, None, 5)))))
def test_rules_survive_as_text(curation):
    text = to_text(curation)
    assert parse(text) == curation
    assert to_text(parse(text)) == text


@given(
    st.one_of(
        rules(conditions(st.none(), ODD, reference_conditions(HOSTILE))),
        ONE_PER,
        BUDGETS,
        reference_budgets(HOSTILE, ANYWHERE),
    )
)
def test_a_chip_survives_as_text(chip):
    if not isinstance(chip, And):
        assert parse_clause(clause_text(chip)) == chip


@given(st.text(max_size=40))
@example("(" * 3000)
@example("not " * 3000)
def test_any_text_is_a_rule_or_an_error_within_it(text):
    try:
        found = parse(text)
    except RuleSyntaxError as error:
        assert 0 <= error.position <= len(text)
        line, mark = error.pointer.split("\n")[-2:]
        assert line in text
        assert mark.strip() == "^"
    else:
        assert parse(to_text(found)) == found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("percentile >= 5", Between(PERCENTILE, 5)),
        ("percentile < 5", Not(Between(PERCENTILE, 5))),
        ("5 <= percentile", Between(PERCENTILE, 5)),
        ("95 > percentile", Not(Between(PERCENTILE, 95))),
        ("5 <= percentile <= 95", Between(PERCENTILE, 5, 95)),
        ("95 >= percentile >= 5", Between(PERCENTILE, 5, 95)),
        ("percentile = 5", Between(PERCENTILE, 5, 5)),
        ("percentile != 5", Not(Between(PERCENTILE, 5, 5))),
        ('percentile["timm:x", paper] >= 5', Between(Column("percentile", "timm:x", "paper"), 5)),
        ("class_percentile[knn] >= 5", Between(Column("class_percentile", None, "knn"), 5)),
        ('split_percentile["b", mahalanobis] < 5', Not(Between(Column("split_percentile", "b", "mahalanobis"), 5))),
        ("score[norm] >= 1.5e1", Between(Column("score", None, "norm"), 15)),
        ('label = "a\\u00e9\\n"', IsIn(LABEL, ("aé\n",))),
        ('label != "a"', Not(IsIn(LABEL, ("a",)))),
        ('label in ("a", missing)', IsIn(LABEL, ("a", None))),
        ("label is missing", IsIn(LABEL, (None,))),
        ("label is not missing", Not(IsIn(LABEL, (None,)))),
        ('key like "train/*"', Like(Column("key"), "train/*")),
        ('meta["my year"] >= 1999', Between(Column("meta", key="my year"), 1999)),
        ("grey or leak(0.05) and not measured",
         Or((Flag("grey"), And((Flag("leak", 0.05), Not(Flag("measured"))))))),
        ("at least 2 of (grey, leak, percentile < 3)",
         AtLeast(2, (Flag("grey"), Flag("leak"), Not(Between(PERCENTILE, 3))))),
    ],
)  # fmt: skip
def test_what_people_type(text, rule):
    assert parse(text) == Curation((rule,))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("all | one per exact", (Deduplicate(),)),
        ('| one per near 0.1 keep largest of "b"', (Deduplicate(0.1, "largest", "b"),)),
        ("| budget 10", (Budget(10),)),
        ("| budget 9 per class seed 3 | one per exact", (Deduplicate(), Budget(9, per="class", seed=3))),
        ("| budget 10 clusters 5", (Budget(10, "clusters", clusters=5),)),
        ("| budget 10 diverse", (Budget(10, "diverse"),)),
    ],
)  # fmt: skip
def test_steps(text, steps):
    assert parse(text).steps == steps


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("percentile >= five", 14, 'Expected a number, found "five"'),
        ("percentil >= 5", 0, 'Did you mean "percentile"'),
        ("grey and", 8, "Expected a rule, for example class_percentile >= 5, found the end"),
        ("(grey", 5, 'Expected ")"'),
        ("grey leak", 5, 'Expected "and", "or"'),
        ("grey and percentile >= 101", 9, "between 0 and 100"),
        ('label = "cat', 8, "This text has no closing quote"),
        ("label = cat", 8, "a text in double quotes"),
        ("grey ; leak", 5, "Unexpected character"),
        ("5 <= percentile <= 3", 0, "Swap them"),
        ("near_duplicate", 0, "needs a radius"),
        ("leak(2)", 0, "cosine distance"),
        ("at least 4 of (grey, leak)", 9, "needs an m"),
        ("all | budget 0", 6, "whole number of at least 1"),
        ("all | budget 5 | budget 6", 0, "only one budget"),
        ("all | pick 5", 6, 'Expected "one" or "budget"'),
        ("grey\nand label >= 5", 9, "is a text"),
        ('label = "\\q"', 8, "invalid escape"),
        ("score[mean] > 5", 6, 'Expected "rank" or "paper"'),
    ],
)
def test_errors_point_at_the_place(text, position, message):
    with pytest.raises(RuleSyntaxError, match=r"\(character \d+\)") as caught:
        parse(text)
    assert caught.value.position == position
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("percentil >= 5", 'Unknown name "percentil" (character 1). Did you mean "percentile"?'),
        ("grey or Class_Percentile > 5", 'Unknown name "Class_Percentile" (character 9). '
         'Did you mean "class_percentile"?'),
        ("percentile >= 5 adn grey", 'Expected "and", "or", "|" or the end, found "adn" (character 17). '
         'Did you mean "and"?'),
        ("all | budgt 5", 'Expected "one" or "budget", found "budgt" (character 7). Did you mean "budget"?'),
        ("percentile => 5", 'Unexpected "=>" (character 12). Write >=.'),
        ("label == \"cat\"", 'Unexpected "==" (character 7). Write =.'),
        ("grey && leak", 'Unexpected "&&" (character 6). Write and.'),
        ("label = 'cat'", "Unexpected character \"'\" (character 9). "
         'Write texts in double quotes, such as "cat".'),
        ("score >= 5%", "score is not a percentile, so it takes no percent sign (character 11). "
         "Percentiles do: percentile >= 5% leaves out the lowest 5 % of the scores."),
        ("all | budget 10%", "A budget must be a number of samples (character 16). "
         "Write budget 1000, or percentile >= 90 for the highest 10 % of the scores."),
        ("drop the worst 5%", 'Unknown name "drop" (character 1). A rule says what to keep: to drop the lowest 5 % '
         "write percentile >= 5, and to drop the lowest 5 % of each class write class_percentile >= 5."),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what_was_meant(text, message):
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    assert str(caught.value).partition(" Available: ")[0] == message


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("percentile >= 5%", "percentile >= 5"),
        ("class_percentile < 2.5 %", "class_percentile < 2.5"),
        ("5% <= split_percentile <= 95%", "5 <= split_percentile <= 95"),
        ('percentile["x", knn] > 5%', 'percentile["x", knn] > 5'),
    ],
)
def test_a_percentile_may_be_written_with_its_sign(text, same):
    assert parse(text) == parse(same)
    assert "%" not in to_text(parse(text))


def test_the_pointer_is_below_the_letter():
    with pytest.raises(RuleSyntaxError) as caught:
        parse("grey\nand label >= 5")
    assert caught.value.pointer == "and label >= 5\n    ^"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Column("rank; DROP TABLE x"),
        lambda: Column("width", "b"),
        lambda: Column("meta"),
        lambda: Column("label", key="x"),
        lambda: Between(PERCENTILE),
        lambda: Between(PERCENTILE, 5, 4),
        lambda: Between(PERCENTILE, -1),
        lambda: Between(Column("score"), float("nan")),
        lambda: Between(PERCENTILE, True),
        lambda: Between(LABEL, 1),
        lambda: IsIn(PERCENTILE, ("a",)),
        lambda: IsIn(LABEL, ()),
        lambda: IsIn(LABEL, (1,)),
        lambda: Like(PERCENTILE, "a"),
        lambda: Flag("nonsense"),
        lambda: Flag("grey", 0.1),
        lambda: Flag("leak", None, "b"),
        lambda: And((Flag("grey"),)),
        lambda: AtLeast(0, (Flag("grey"),)),
        lambda: Deduplicate(0.0),
        lambda: Deduplicate(None, "best"),
        lambda: Deduplicate(None, "first", "b"),
        lambda: Budget(0),
        lambda: Budget(1.5),
        lambda: Budget(5, "balanced", "class"),
        lambda: Budget(5, "clusters"),
        lambda: Budget(5, "random", clusters=3),
        lambda: Budget(5, seed=-1),
        lambda: Budget(5, "best"),
        lambda: Budget(5, backbone="b"),
        lambda: Curation(steps=(Budget(5), Budget(6))),
    ],
)
def test_rules_that_make_no_sense(make):
    with pytest.raises(RuleError):
        make()


def test_chips_can_be_removed_and_added():
    curation = parse("grey and leak | one per exact | budget 5")
    assert to_text(curation.without(0)) == "leak | one per exact | budget 5"
    assert to_text(curation.without(3)) == "grey and leak | one per exact"
    assert curation.plus(Flag("grey")) == curation
    assert curation.plus(Budget(7, "balanced")).steps == (Deduplicate(), Budget(7, "balanced"))
    assert curation.without(3).plus(Budget(5)) == curation


def test_alternatives():
    curation = parse("grey and leak | budget 5")
    assert to_text(curation.either(1, Flag("measured"))) == "grey and (leak or measured) | budget 5"
    twice = curation.either(1, Flag("measured")).either(1, Flag("exact_duplicate"))
    assert to_text(twice) == "grey and (leak or measured or exact_duplicate) | budget 5"


@given(curations(), st.randoms())
def test_the_order_of_chips_is_that_of_nobody(curation, random):
    steps, again = list(curation.steps), [*curation.rules, *curation.rules]
    random.shuffle(steps)
    assert Curation(tuple(again), tuple(steps)) == curation
