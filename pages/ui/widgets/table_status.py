"""Show the progress of a score table under construction, and rerun the page once it is ready."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.table_status import pending_table_build
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts

POLL_SECONDS = 1.0


def draw_preparing(score_sets: Sequence[ScoreSet]) -> None:
    """Draw a progress bar for each set without a score table; call it before anything slow."""
    waiting = [scores for scores in score_sets if pending_table_build(store(), scores) is not None]
    if waiting:
        fragment(partial(_draw, waiting), POLL_SECONDS, partial(_progress, waiting))


def _progress(waiting: list[ScoreSet]) -> tuple[float | None, ...]:
    found = [pending_table_build(store(), scores) for scores in waiting]
    return tuple(item.fraction if item is not None else None for item in found)


def _draw(waiting: list[ScoreSet]) -> None:
    found = [pending_table_build(store(), scores) for scores in waiting]
    if None in found:
        st.rerun()
    with st.container(border=True, gap="xsmall"):
        for item in filter(None, found):
            if item.failure is not None:
                st.warning(plain(f"{item.text}."), icon=":material/error:")
            else:
                st.progress(item.fraction or 0.0, text=plain(item.text))
        st.caption(texts.SLOW_UNTIL_THEN)
