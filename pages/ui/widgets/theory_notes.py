"""Note which backbones of a page the theory does not cover, and why."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.backbones import theory_notes
from pages.ui.app.store import store
from pages.ui.app.text import plain


def draw_theory_notes(score_sets: Sequence[ScoreSet]) -> None:
    """Draw one line for each backbone whose scores are not densities; nothing for JEPA-type encoders."""
    for note in theory_notes(store(), score_sets):
        st.caption(f":material/info: **{plain(note.title)}**: {plain(note.text)}")
