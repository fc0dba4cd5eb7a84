"""Where scores are shown: which of them are estimates, how far they are to be trusted, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from jepascore_core.formatting import count_text, plural
from jepascore_core.score import ESTIMATED
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_SHORT
from jepascore_core.views.estimates import Estimates, estimates
from pages.ui.app.store import store
from pages.ui.app.text import plain

NO_SPECTRUM = (
    "An estimate is of the sum over the whole spectrum: it has no singular values of its own to leave some out. Rank "
    "and Paper show every image; an exact run of this backbone measures the others."
)


def draw_estimate_notes(score_sets: Sequence[ScoreSet]) -> None:
    """One line for each set that is not exact; several datasets under one backbone have one each."""
    for scores in score_sets:
        found = estimates(store(), scores)
        if found is not None:
            _draw_note(scores, found, found.text)
        elif scores.definition not in ESTIMATED:
            of_sums = estimates(store(), replace(scores, definition=ESTIMATED[0]))
            if of_sums is not None:
                _draw_note(scores, of_sums, _left_out_text(scores, of_sums), NO_SPECTRUM)


def _draw_note(scores: ScoreSet, found: Estimates, text: str, help: str | None = None) -> None:
    name = store().catalogue.dataset(scores.dataset_id).name
    st.caption(f":material/straighten: **{plain(name)}, {plain(found.title)}**: {plain(text)}.", help=help)


def _left_out_text(scores: ScoreSet, found: Estimates) -> str:
    known = plural(found.num_scored - found.num_estimated, "sample")
    return (
        f"{DEFINITION_SHORT[scores.definition]} is known of the {known} measured exactly, not of the "
        f"{count_text(found.num_estimated)} estimates: those are of the whole sum. Rank and Paper show all"
    )
