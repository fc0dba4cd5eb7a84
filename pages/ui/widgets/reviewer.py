"""Who decides: a name that goes with every decision."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation.decisions import user_name
from pages.ui.app import state
from pages.ui.widgets.hold import hold


def choose_reviewer() -> str:
    """The visitor's name, kept in the URL; that of the computer's user until another one is given."""
    name = reviewer()
    st.text_input(
        "Your name",
        key=hold(state.WHO, name),
        max_chars=60,
        on_change=_to_url,
        help="Goes with every decision that you make.",
    )
    return name


def reviewer() -> str:
    """The same name, without asking for it."""
    return state.read_text(state.WHO) or user_name()


def _to_url() -> None:
    state.write(state.WHO, st.session_state[state.widget_key(state.WHO)].strip() or None)
