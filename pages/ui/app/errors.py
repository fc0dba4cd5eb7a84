"""Show expected errors as sentences."""

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
    """Run the action of a form whose button was pressed, and show why it failed.

    The page reruns whenever work starts or ends elsewhere, so the error stays as long as the form has the same
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
