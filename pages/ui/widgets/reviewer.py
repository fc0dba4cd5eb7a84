"""Ask for the name that is recorded with every decision."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation.journal import user_name
from pages.ui.app import state
from pages.ui.widgets import texts
from pages.ui.widgets.hold import hold


def choose_reviewer() -> str:
    """Return the visitor's name, kept in the URL; the name of the operating system's user by default."""
    name = reviewer()
    st.text_input(
        texts.YOUR_NAME,
        key=hold(state.WHO, name),
        max_chars=60,
        on_change=_to_url,
        help=texts.YOUR_NAME_HELP,
    )
    return name


def reviewer() -> str:
    """Return the same name without asking for it."""
    return state.read_text(state.WHO) or user_name()


def _to_url() -> None:
    state.write(state.WHO, st.session_state[state.widget_key(state.WHO)].strip() or None)
