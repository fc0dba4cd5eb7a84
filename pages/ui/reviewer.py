"""Who decides: a name that goes with every decision, and what one decided taken back or made again."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation.decisions import redo, undo, undo_state, user_name
from jepascore_core.views.formats import count_text
from pages.ui import state
from pages.ui.cached import store
from pages.ui.hold import hold


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


def draw_turns(dataset_id: str, who: str) -> None:
    """Buttons that take back somebody's last decision about a dataset, and make it again."""
    possible = undo_state(store(), dataset_id, who)
    for title, turn, icon, key, number in (
        ("Undo", undo, ":material/undo:", "z", possible.num_undo),
        ("Redo", redo, ":material/redo:", "y", possible.num_redo),
    ):
        st.button(
            f"{title} ({count_text(number)})", icon=icon, shortcut=key, key=f"turn-{title}", disabled=not number,
            on_click=turn, args=(store(), dataset_id, who),
        )  # fmt: skip


def _to_url() -> None:
    state.write(state.WHO, st.session_state[state.widget_key(state.WHO)].strip() or None)
