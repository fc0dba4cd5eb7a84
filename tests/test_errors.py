"""Unknown names: one wording, near matches, a bounded list; choices keep their type."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.errors import (
    MAX_AVAILABLE,
    RuleError,
    UnknownNameError,
    did_you_mean,
    matching,
    one_of,
    unknown,
)

Flavour = Literal["vanilla", "chocolate"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("percentil", ("score", "percentile"),
         'Unknown column "percentil". Did you mean "percentile"? Available: score, percentile.'),
        ("Score", ("score", "width"), 'Unknown column "Score". Did you mean "score"? Available: score, width.'),
        ("zzz", ("score",), 'Unknown column "zzz". Available: score.'),
        ("zzz", (), 'Unknown column "zzz". Available: none.'),
        ("tile", ("percentile", "class_percentile"),
         'Unknown column "tile". Did you mean "percentile" or "class_percentile"? '
         "Available: percentile, class_percentile."),
        ("a\n\x1b[2J\udcff", ("a", "a", "b"), 'Unknown column "a\\n\\x1b[2J\\udcff". Available: a, b.'),
        (5, ("five",), 'Unknown column "5". Available: five.'),
    ],
)  # fmt: skip
def test_an_unknown_name_says_what_there_is(name: object, known: tuple[str, ...], message: str) -> None:
    assert str(unknown("column", name, known)) == message


def test_a_long_list_is_cut_and_says_so() -> None:
    message = str(unknown("run", "zzz", (f"run-{number:04}" for number in range(1234))))
    assert message.count("run-") == MAX_AVAILABLE
    assert message.endswith(" and 1,224 more.")


def test_the_class_and_a_hint_can_be_chosen() -> None:
    error = unknown("flag", "leek", ("leak",), RuleError, hint="See the documentation.")
    assert isinstance(error, RuleError)
    assert str(error) == 'Unknown flag "leek". Did you mean "leak"? Available: leak. See the documentation.'


def test_only_what_is_about_as_near_as_the_nearest_is_named() -> None:
    assert did_you_mean("flower", ["flowers", "glower bed"]) == 'Did you mean "flowers"?'
    assert did_you_mean("", ["flowers"]) == ""


@given(st.text(), st.lists(st.text(min_size=1)))
def test_any_name_gets_one_printable_line(name: str, known: list[str]) -> None:
    message = str(unknown("thing", name, known))
    assert message.isprintable()
    assert message.encode("utf-8")


@given(st.lists(st.text(min_size=3), min_size=1))
def test_a_name_in_another_case_is_recognised(known: list[str]) -> None:
    swapped = known[0].lower().upper()
    if swapped.lower() == known[0].lower():
        assert did_you_mean(swapped, known).startswith("Did you mean")


def test_a_choice_keeps_its_type() -> None:
    flavour: Flavour = one_of("vanilla", FLAVOURS, "flavour")
    assert flavour == "vanilla"
    assert matching("chocolate", FLAVOURS) == "chocolate"
    assert matching("mint", FLAVOURS) is None
    assert matching(None, FLAVOURS) is None


def test_what_is_not_a_choice_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match=r'Unknown flavour "vanila"\. Did you mean "vanilla"'):
        one_of("vanila", FLAVOURS, "flavour")
    with pytest.raises(RuleError, match="Available: vanilla, chocolate"):
        one_of("mint", FLAVOURS, "flavour", RuleError)
