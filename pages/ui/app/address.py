"""The address in the browser, where Streamlit leaves it behind what the page was asked for."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.app import state


def begin_page(title: str) -> None:
    """Note that a page begins to be drawn, and bring the browser's address up to what it shows.

    A link to the page that is shown already runs it with the link's parameters, but leaves those of before in the
    browser's address. A browser that has them all takes no notice.
    """
    is_same = state.shown_page() == title
    if is_same:
        state.catch_up()
    else:
        state.forget_written()
    sent = str(getattr(get_script_run_ctx(suppress_warning=True), "query_string", ""))
    if is_same and st.session_state.get(state.ADDRESS) not in (None, sent):
        _tell()
    st.session_state[state.ADDRESS] = sent
    state.begin_page(title)


def _tell() -> None:
    names = list(st.query_params)
    if names:
        st.query_params[names[0]] = st.query_params.get_all(names[0])
    else:
        st.query_params.clear()
