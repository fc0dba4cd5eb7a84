"""Show the sample that the URL names in a dialog."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import streamlit as st

from jepascore_core.errors import UnknownNameError
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.detail import find_sample, sample_detail, scores_by_definition
from jepascore_core.views.neighbours import nearest_samples
from pages.ui.app import state
from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store
from pages.ui.sample import texts
from pages.ui.sample.detail import draw_detail
from pages.ui.sample.tiles import to_tiles

__all__ = ["begin_chosen_sample", "show_chosen_sample", "to_tiles"]


def begin_chosen_sample(scores: ScoreSet) -> None:
    """Start reading what `show_chosen_sample` needs, while the page behind it is drawn."""
    key = state.read_text(state.SAMPLE)
    with suppress(UnknownNameError):  # the dialog says so
        sample = find_sample(store(), scores.dataset_id, key) if key is not None else None
        if sample is not None:
            prefetch(
                partial(nearest_samples, store(), scores, sample.content_id),
                partial(scores_by_definition, store(), scores, sample),
            )


def show_chosen_sample(scores: ScoreSet, reference: str | None = None) -> None:
    """Open the details of the sample that the URL names, if any; closing removes it from the URL.

    With the id of a `reference` dataset they show the images of that which are nearest.
    """
    key = state.read_text(state.SAMPLE)
    if key is not None:
        _dialog(scores, key, reference)


def _forget_sample() -> None:
    state.write(state.SAMPLE, None)


@st.dialog(texts.WINDOW, width="large", on_dismiss=_forget_sample)
def _dialog(scores: ScoreSet, key: str, reference: str | None) -> None:
    with errors_shown():
        draw_detail(sample_detail(store(), scores, key), scores, reference)
