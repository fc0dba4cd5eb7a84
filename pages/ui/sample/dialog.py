"""Show the sample that the URL names in a window."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.errors import UnknownNameError
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.alike import perceptual_hashes
from jepascore_core.views.detail import find_sample, sample_detail, scores_by_definition
from jepascore_core.views.neighbours import nearest_samples
from pages.ui.app import state
from pages.ui.app.errors import errors_shown
from pages.ui.app.fragments import inside_a_fragment
from pages.ui.app.store import store
from pages.ui.sample import texts
from pages.ui.sample.detail import draw_detail
from pages.ui.sample.stage import draw_stage
from pages.ui.sample.tiles import to_tiles

__all__ = ["begin_chosen_sample", "show_chosen_sample", "to_tiles"]

#: The window is as large as the browser's, since what is looked at is the picture. While the script of the picture is
#: ahead of the page, the details of the sample before it are not seen.
STYLE = """<style>
[data-testid="stDialog"] > div { width: 110rem; max-width: calc(100% - 2rem); }
[data-testid="stDialog"][data-behind] [class*="st-key-sample-details"] { visibility: hidden; }
</style>"""


def begin_chosen_sample(scores: ScoreSet) -> None:
    """Start reading what `show_chosen_sample` needs, while the page behind it is drawn."""
    key = state.read_text(state.SAMPLE)
    with suppress(UnknownNameError):  # the dialog says so
        sample = find_sample(store(), scores.dataset_id, key) if key is not None else None
        if sample is not None:
            dataset = store().catalogue.dataset(scores.dataset_id)
            prefetch(
                partial(perceptual_hashes, store(), dataset),
                partial(nearest_samples, store(), scores, sample.content_id),
                partial(scores_by_definition, store(), scores, sample),
            )


def show_chosen_sample(scores: ScoreSet, reference: str | None = None) -> None:
    """Open the window of the sample that the URL names, if any; closing removes it from the URL.

    With the id of a `reference` dataset it shows the images of that which are nearest.
    """
    if state.read_text(state.SAMPLE) is not None:
        _dialog(scores, reference)


def _forget_sample() -> None:
    state.write(state.SAMPLE, None)


@st.dialog(texts.WINDOW, width="large", on_dismiss=_forget_sample)
def _dialog(scores: ScoreSet, reference: str | None) -> None:
    st.html(STYLE)
    with errors_shown(), inside_a_fragment():
        # Not from the page: the window runs alone when another sample is shown in it.
        sample = find_sample(store(), scores.dataset_id, state.read_text(state.SAMPLE) or "")
        draw_stage(scores, sample)
        with _place_of_details(sample.sample_key):
            draw_detail(sample_detail(store(), scores, sample.sample_key), scores, reference)


def _place_of_details(sample_key: str) -> DeltaGenerator:
    """Return one of two places by turns: what it held of another sample is gone at once, not piece by piece."""
    former, turn = st.session_state.get(state.DETAILED, (sample_key, 0))
    turn = turn if former == sample_key else 1 - turn
    st.session_state[state.DETAILED] = sample_key, turn
    first = st.container(key="sample-details-first") if turn == 0 else st.empty()
    second = st.container(key="sample-details-second") if turn == 1 else st.empty()
    return second if turn else first
