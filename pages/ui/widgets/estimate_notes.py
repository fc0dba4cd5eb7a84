"""Note which scores of a page are estimates, and how large their errors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from jepascore_core.score import ESTIMATED
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_SHORT
from jepascore_core.views.estimates import Estimates, estimates
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts


def draw_estimate_notes(score_sets: Sequence[ScoreSet]) -> None:
    """Draw one line for each set that is not exact; several datasets under one backbone have one each."""
    for scores in score_sets:
        found = estimates(store(), scores)
        if found is not None:
            _draw_note(scores, found, found.text)
        elif scores.definition not in ESTIMATED:
            of_sums = estimates(store(), replace(scores, definition=ESTIMATED[0]))
            if of_sums is not None:
                _draw_note(scores, of_sums, _left_out_text(scores, of_sums), texts.NO_SPECTRUM)


def _draw_note(scores: ScoreSet, found: Estimates, text: str, help: str | None = None) -> None:
    name = store().catalogue.dataset(scores.dataset_id).name
    st.caption(f":material/straighten: **{plain(name)}, {plain(found.title)}**: {plain(text)}.", help=help)


def _left_out_text(scores: ScoreSet, found: Estimates) -> str:
    num_exact = found.num_scored - found.num_estimated
    return texts.spectrum_missing(DEFINITION_SHORT[scores.definition], num_exact, found.num_estimated)
