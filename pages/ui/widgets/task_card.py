"""A piece of work of the worker, or what came of it, as a card: what it is, how far, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.app.text import plain

ICONS = {
    "queued": ":material/schedule:",
    "waiting": ":material/schedule:",
    "running": ":material/progress_activity:",
    "indexing": ":material/progress_activity:",
    "finished": ":material/check_circle:",
    "ready": ":material/check_circle:",
    "cancelled": ":material/cancel:",
    "failed": ":material/error:",
}
#: Shares of the width: texts, and the buttons beside them.
WIDTHS = (5, 2)


def task_card(
    key: str,
    state: str,
    title: str,
    state_text: str,
    fraction: float | None,
    lines: Iterable[Sequence[str]],
    draw_actions: Callable[[], None],
    error: str = "",
    widths: tuple[int, int] = WIDTHS,
) -> DeltaGenerator:
    """Draw a card and return it, for what belongs below.

    `fraction` is how far it is, 0 to 1, None for no bar; of a line of `lines` the parts that are "" are left out.
    """
    card = st.container(border=True, key=key)
    with card:
        text, actions = st.columns(widths, vertical_alignment="center")
        with text, st.container(gap="xxsmall"):
            st.markdown(f"{ICONS[state]} **{plain(title)}** · {plain(state_text)}")
            if fraction is not None:
                st.progress(fraction)
            for line in (" · ".join(filter(None, parts)) for parts in lines):
                if line:
                    st.caption(plain(line))
        with actions, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            draw_actions()
        if error:
            st.error(plain(error), icon=":material/error:")
    return card
