"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.formatting import (
    ago_text,
    bytes_text,
    class_title,
    count_text,
    duration_text,
    estimate_text,
    interval_text,
    natural_key,
    number_text,
    passed_over_text,
    percent_text,
    percentile_text,
    plural,
    rate_text,
    rho_text,
    score_text,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (599.7, "10 min"),
        (3599, "1 h"),
        (7500, "2 h 5 min"),
        (86399, "1 d"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (99_950, "100 kB"), (999_999, "1.0 MB")],
)
def test_bytes(number, text):
    assert bytes_text(number) == text


@pytest.mark.parametrize(
    ("fraction", "number"), [(0, "0.0"), (0.57, "57.0"), (0.9996, "99.9"), (1, "100"), (1.1, "100")]
)
def test_percent_is_full_only_at_the_end(fraction, number):
    assert percent_text(fraction) == f"{number}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, ""), (0.0, ""), (123.4, "123 images/s"), (2.55, "2.5 images/s"), (0.1, "10 s per image")],
)
def test_rates(rate, text):
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (90_000, "1 d ago"),
        (1e8, "1,157 d ago"),
    ],
)
def test_how_long_ago(seconds, text):
    assert ago_text(seconds) == text


def test_small_words():
    assert count_text(1797) == "1,797"
    assert [plural(1, "class"), plural(2, "class"), plural(1000, "sample")] == ["1 class", "2 classes", "1,000 samples"]
    assert score_text(-12.34) == "−12.3"
    assert [percentile_text(value) for value in (0.01, 3.217, 99.99)] == ["0.1\u00a0%", "3.2\u00a0%", "99.9\u00a0%"]
    assert [class_title(None), class_title(None, alone=True), class_title(" "), class_title("a")] == [
        "(no label)", "(all)", "(empty label)", "a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.934, ".2f", "−0.93"),
        (0.934, "+.2f", "+0.93"),
        (-0.001, ".2f", "0.00"),
        (-0.04, "+.1f", "0.0"),
        (-1234.5, ",.4g", "−1,234"),
        (-0.00001, "g", "−1e−05"),
        (float("-inf"), ".1f", "−inf"),
        (float("nan"), "+.1f", "+nan"),
    ],
)
def test_negative_numbers_have_a_minus_sign(value, form, text):
    assert number_text(value, form) == text


@given(st.floats(-1e6, 1e6))
def test_a_number_reads_as_its_value(value):
    text = number_text(value, "+.2f")
    assert "-" not in text
    assert float(text.replace("−", "-")) == float(f"{value:.2f}")


def test_a_correlation_may_be_missing():
    assert [rho_text(None), rho_text(-1.0)] == ["–", "−1.00"]


def test_natural_order():
    names = ["class 10", "class 2", None, "Class 1", "10", "9", "", "7" * 6000]
    assert sorted(names, key=natural_key) == ["", "9", "10", "7" * 6000, "Class 1", "class 2", "class 10", None]


@given(st.lists(st.one_of(st.none(), st.text())))
def test_any_labels_can_be_sorted(labels):
    keys = sorted(natural_key(label) for label in labels)
    assert keys == sorted(natural_key(label) for label in reversed(labels))


def test_estimates_look_like_estimates():
    assert score_text(-3.14) == "−3.1"
    assert score_text(3.14, is_exact=False) == "≈3.1"
    assert estimate_text(3.0, 3.0, is_exact=True) == ""
    assert "between −1.0 and 4.0" in estimate_text(-1.0, 4.0, is_exact=False)
    assert "Sketch" in estimate_text(None, None, is_exact=False)


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((-3.04, 12.0, False), "−3.0 to 12.0"),
        ((1.0, 1.0, True), ""),
        ((None, None, False), ""),
        ((1.0, None, False), ""),
    ],
)
def test_intervals(ends, text):
    assert interval_text(*ends) == text


@pytest.mark.parametrize(
    ("ignored", "text"),
    [
        ({}, ""),
        ({".txt": 1}, "1 other file skipped (e.g. .txt)"),
        ({".json": 1, ".txt": 2}, "3 other files skipped (e.g. .txt, .json)"),
        ({"(other)": 1200}, "1,200 other files skipped"),
        ({".d": 1, ".a": 1, ".c": 1, ".b": 1, "(other)": 9}, "13 other files skipped (e.g. .a, .b, .c)"),
    ],
)
def test_files_passed_over(ignored, text):
    assert passed_over_text(ignored) == text
