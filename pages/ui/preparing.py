"""Why a page of a large dataset is slow just now, and the page again once it need not be."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.views.preparing import preparing
from jepascore_core.views.score_set import ScoreSet
from pages.ui.cached import store
from pages.ui.errors import errors_shown
from pages.ui.text import plain

POLL_SECONDS = 2.0


def draw_preparing(score_sets: Sequence[ScoreSet]) -> None:
    """A line for each dataset whose scores are not laid out for looking; before anything that takes long."""
    waiting = [scores for scores in score_sets if preparing(store(), scores) is not None]
    if waiting:
        st.fragment(_draw, run_every=POLL_SECONDS)(waiting)


@errors_shown()
def _draw(waiting: list[ScoreSet]) -> None:
    found = [preparing(store(), scores) for scores in waiting]
    if None in found:
        st.rerun()
    for text in dict.fromkeys(item.text for item in found if item is not None):
        st.info(plain(text), icon=":material/hourglass_top:")
