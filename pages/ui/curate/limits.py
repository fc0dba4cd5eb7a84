"""The fields of a range in a form for rules, empty or filled with the range that is changed."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Between
from pages.ui.curate import texts

Limits = tuple[float | None, float | None]


def pick_percentiles(was: Between | None, key: str) -> Limits:
    """Draw a slider of percentiles, by default from 5 on; an end of it is no limit."""
    limits = (5.0, 100.0)
    if was is not None:
        limits = (float(was.low or 0), 100.0 if was.high is None else float(was.high))
    first, last = st.slider(texts.KEEP, 0.0, 100.0, limits, 0.5, help=texts.HIGHER, key=f"{key}-range")
    return first if first > 0 else None, last if last < 100 else None


def pick_limits(
    was: Between | None, key: str, titles: tuple[str, str] = (texts.AT_LEAST, texts.AT_MOST), least: float | None = None
) -> Limits:
    """Draw two fields for numbers from `least` on, None where one is empty."""
    low, high = (was.low, was.high) if was is not None else (None, None)
    return _pick_limit(titles[0], least, low, f"{key}-low"), _pick_limit(titles[1], least, high, f"{key}-high")


def _pick_limit(title: str, least: float | None, value: float | None, key: str) -> float | None:
    number = None if value is None else float(value)
    return st.number_input(title, least, value=number, placeholder=texts.NO_LIMIT, key=key)
