"""Texts that a spreadsheet would run are neutralised, and restored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.storage.spreadsheets import neutralised, restored


def is_formula(text):
    """What a spreadsheet would run: a number it only shows."""
    try:
        float(text)
    except ValueError:
        return text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return False


@given(st.text() | st.text("'=+-@;\t\r\n1e.a"))
def test_neutralised_text_only_gains_apostrophes(text):
    assert neutralised(text).replace("'", "") == text.replace("'", "")
    assert not is_formula(neutralised(text))
    assert restored(neutralised(text)) == text


@pytest.mark.parametrize("text", ["-1", "+1", "-1.5", "-.5", "+3.", "-1e-3", "0", "a-b", ""])
def test_numbers_are_no_formulas(text):
    assert neutralised(text) == text


@pytest.mark.parametrize("text", ["-1+cmd|' /C calc'!A0", "-a", "+", "-", "=1", "@x", "-1 ", "-\u0661", "- 1", "-1\n"])
def test_what_only_begins_like_a_number_is_neutralised(text):
    assert neutralised(text) == f"'{text}"
