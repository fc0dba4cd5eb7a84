"""Draw a task of the worker as a card: title, progress or outcome, and actions."""

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
    """Draw a card and return its container, for more content.

    `fraction` is the progress, 0 to 1, None for no bar; empty parts of a line of `lines` are omitted.
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
