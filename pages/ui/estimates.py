"""Where scores are shown: which of them are estimates, and how far they are to be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.views.estimates import estimates
from jepascore_core.views.score_set import ScoreSet
from pages.ui.cached import store
from pages.ui.text import plain


def draw_estimate_notes(score_sets: Sequence[ScoreSet]) -> None:
    """One line for each set that is not exact; several datasets under one backbone have one each."""
    for scores in score_sets:
        found = estimates(store(), scores)
        if found is not None:
            name = store().catalogue.dataset(scores.dataset_id).name
            st.caption(f":material/straighten: **{plain(name)}, {plain(found.title)}**: {plain(found.text)}.")
