"""The boundary where errors become sentences."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import streamlit as st

from jepascore_core.errors import JepaScoreError
from pages.ui.app import state
from pages.ui.app.text import plain


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


def do_asked(form: str, asked: Hashable, do: Callable[[], object] | None) -> None:
    """Do what a button of a form was pressed for, if it was, and show why that cannot be done.

    The page runs again whenever work elsewhere begins or ends, so the error stays as long as the form has the same
    choices, which `asked` stands for.
    """
    key = f"{state.WHY_NOT}-{form}"
    if do is not None:
        st.session_state.pop(key, None)
        try:
            do()
        except JepaScoreError as error:
            st.session_state[key] = (asked, error)
    was_asked, why_not = st.session_state.get(key, (None, None))
    if why_not is not None and was_asked == asked:
        show_error(why_not)
