"""What the query bar suggests: always what the parser takes, and whatever it takes is suggested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation.columns.quality import ISSUES
from jepascore_core.curation.rules.column import COLUMNS
from jepascore_core.curation.rules.completion import MAX_SUGGESTIONS, Completion, Vocabulary, complete
from jepascore_core.curation.rules.model import FLAGS
from jepascore_core.curation.rules.parser import parse, wanted_after
from jepascore_core.curation.rules.printer import to_text
from jepascore_core.curation.tokens import tokens
from jepascore_core.errors import RuleSyntaxError
from tests.curation.strategies import HOSTILE, conditions, curations

KNOWN = Vocabulary(
    ("cat", "caterpillar", "Wildcat", 'quo"te', "back\\slash", "dog"), ("train", "test"), ("blurred",), ("my year",),
    ("timm:vit",), ("other",), ("left corner", "right corner"),
)  # fmt: skip
PUNCTUATION = ("(", ")", "[", "]", ",", "%")


def suggested(text: str, vocabulary: Vocabulary = KNOWN) -> list[str]:
    """Suggestions at the mark | in a text, as they are inserted."""
    before, _, after = text.partition("¦")
    return [item.text for item in complete(before + after, len(before), vocabulary).suggestions]


def put_in(text: str, found: Completion, position: int) -> str:
    return f"{text[: found.start]}{found.suggestions[position].text}{text[found.end :]}"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("cl", ["class_percentile ", "class_size "]),
        ("class_percentile ", [">= ", "<= ", "> ", "< ", "= ", "!= "]),
        ("class_percentile >", [">= "]),
        ("label ", ["= ", "!= ", "in (", "like ", "is "]),
        ('label = "cat', ['"cat"', '"caterpillar"', '"Wildcat"']),
        ('label = "Cat', ['"cat"', '"caterpillar"', '"Wildcat"']),
        ('label = "quo\\"', ['"quo\\"te"']),
        ('label in ("dog", ', ['"cat"']),
        ('split = "', ['"train"', '"test"']),
        ("tag(", ['"blurred")']),
        ("ta", ["tag("]),
        ('in region "', ['"left corner"', '"right corner"']),
        ("not in region ", ['"left corner"', '"right corner"']),
        ('in region "rig', ['"right corner"']),
        ("meta", ["meta["]),
        ("meta[", ['"my year"]']),
        ("quality_issue = ", [f'"{name}"' for name in ISSUES]),
        ("similar_", ["similar_to("]),
        ("near", ["near_duplicate("]),
        ("percentile[", ['"timm:vit"', "rank] "]),
        ("reference_distance[", ['"other"']),
        ("class_percentile >= 5 ", ["and ", "or ", "| "]),
        ("class_percentile >= 5 a", ["and "]),
        ("all | ", ["one per ", "budget "]),
        ("all | one per near 0.05 keep ", ["most_likely ", "largest ", "first "]),
        ("all | budget 5 highest w", ["width "]),
        ("at", ["at least "]),
        ('cla¦ >= 5 and label = "cat"', ["class_percentile", "class_size"]),
        ('label = "do¦" and width >= 5', ['"dog"']),
        ('label = "d¦og" and width >= 5', []),
        ("class_perc¦entile >= 5", []),
    ],
)  # fmt: skip
def test_what_is_suggested(text, first):
    found = suggested(text)
    assert found[: len(first)] == first
    assert found or not first


@pytest.mark.parametrize(
    "text",
    [
        "percentile >= 500 ",
        "nonsense = ",
        "percentile >= 5",
        'key = "',
        'similar("',
        "class_percentile >= 5 and)",
        "a ;",
    ],
)
def test_nothing_is_suggested_where_nothing_is_known(text):
    assert suggested(text) == []


def test_columns_come_first_at_the_beginning():
    found = suggested("")
    assert found[: len(COLUMNS) - 2][0] == "score "
    assert {"class_percentile ", "label ", "leak ", "tag(", "not ", "all | "} <= set(found)
    assert found.index("label ") < found.index("grey ") < found.index("not ")


def test_a_number_of_columns_only_where_it_is_compared():
    assert "label " not in suggested("5 <= ")
    assert "width " in suggested("5 <= ")


def test_what_is_there_already_is_not_written_again():
    assert suggested('tag("blu¦")') == ['"blurred"']
    assert suggested("class_s¦ = 5") == ["class_size"]


def test_many_classes_are_cut():
    many = Vocabulary(labels=tuple(f"class {n}" for n in range(1000)))
    assert len(suggested('label = "', many)) == MAX_SUGGESTIONS
    assert suggested('label = "999', many) == ['"class 999"']


@given(curations(conditions(st.one_of(st.none(), HOSTILE))))
def test_whatever_the_parser_takes_is_suggested(curation):
    """At the beginning of every word of every text of rules that word is among the suggestions."""
    text = to_text(curation)
    for token in tokens(text):
        if token.kind == "name" or (token.kind == "symbol" and token.text not in PUNCTUATION):
            found = complete(text[: token.at], token.at, KNOWN)
            assert token.text in {item.text.strip().partition(" ")[0].rstrip("([])") for item in found.suggestions}, (
                text
            )


@given(curations(), st.data())
def test_whatever_is_suggested_the_parser_takes(curation, data):
    """Rules, cut anywhere, with a suggestion in place: nothing is wrong up to its end."""
    text = to_text(curation)
    cursor = data.draw(st.integers(0, len(text)))
    before = text[:cursor]
    found = complete(before, cursor, KNOWN)
    assert found.start <= cursor == found.end
    if found.suggestions:
        whole = put_in(before, found, data.draw(st.integers(0, len(found.suggestions) - 1)))
        assert wanted_after(whole) is not None, whole


@given(st.text('abel"\\ =()[]|<>&10.,%é\U0001f600', max_size=30), st.integers(-3, 40))
def test_any_text_is_answered(text, cursor):
    found = complete(text, cursor, KNOWN)
    assert 0 <= found.start <= found.end <= len(text)


@given(curations(), st.data())
def test_completing_keeps_the_rest(curation, data):
    """A word in the midst of right rules gives way to another; nothing beside it changes."""
    text = to_text(curation)
    names = [token for token in tokens(text) if token.kind == "name" and token.text in (*COLUMNS, *FLAGS)]
    if not names:
        return
    token = data.draw(st.sampled_from(names))
    cursor = token.at + data.draw(st.integers(1, len(token.text)))
    found = complete(text, cursor, KNOWN)
    assert (found.start, found.end) == (token.at, token.at + len(token.text))


def test_the_parser_is_not_changed_by_listening():
    with pytest.raises(RuleSyntaxError, match="Expected"):
        parse("label ")
    assert parse("").clauses == ()
