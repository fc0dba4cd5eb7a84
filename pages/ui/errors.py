"""The boundary where errors become sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from jepascore_core.errors import JepaScoreError
from pages.ui.text import plain


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a `JepaScoreError` as its one sentence. Also a decorator, for fragments: they run again without the page."""
    try:
        yield
    except JepaScoreError as error:
        show_error(error)


def show_error(error: Exception) -> bool:
    """Show a `JepaScoreError` as its one sentence and return True; any other error is not for us, hence False."""
    if isinstance(error, JepaScoreError):
        st.error(plain(str(error)), icon=":material/error:")
    return isinstance(error, JepaScoreError)
