"""Why a page of a large dataset is slow just now, how far that is, and the page again once it need not be."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.table_status import preparing
from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store
from pages.ui.app.text import plain

POLL_SECONDS = 1.0
UNTIL_THEN = "Until then this page reads the measurements one by one, and is slow; it is drawn anew when that is done."


def draw_preparing(score_sets: Sequence[ScoreSet]) -> None:
    """A bar for each set whose scores are not laid out for looking; before anything that takes long."""
    waiting = [scores for scores in score_sets if preparing(store(), scores) is not None]
    if waiting:
        st.fragment(_draw, run_every=POLL_SECONDS)(waiting)


@errors_shown()
def _draw(waiting: list[ScoreSet]) -> None:
    found = [preparing(store(), scores) for scores in waiting]
    if None in found:
        st.rerun()
    with st.container(border=True, gap="xsmall"):
        for item in filter(None, found):
            if item.failure is not None:
                st.warning(plain(f"{item.text}."), icon=":material/error:")
            else:
                st.progress(item.fraction or 0.0, text=plain(item.text))
        st.caption(UNTIL_THEN)
