"""The upper part of the sample window: the picture, decision and tags, what is alike, and the way to other samples.

Its script leads from sample to sample by itself; the page hears where it is once it stays there, and draws the details.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import streamlit as st

from jepascore_core.records.datasets import Sample
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app import state
from pages.ui.app.json_routes import scores_parameters
from pages.ui.app.store import store
from pages.ui.sample import texts
from pages.ui.sample.card import sample_card
from pages.ui.widgets.components import component
from pages.ui.widgets.decisions import Desk, act, desk_data
from pages.ui.widgets.reviewer import reviewer

KEY = "sample-stage"

_mount = component("sample", "deck")


def draw_stage(scores: ScoreSet, sample: Sample) -> None:
    """Draw the picture of a sample and what is done with it."""
    if state.goes_back():
        st.session_state[state.LED_SAMPLE] = uuid4().hex
    desk = Desk(KEY, scores.dataset_id, reviewer(), {sample.sample_key: sample.content_id})
    _mount(
        key=KEY,
        data={
            "label": texts.WINDOW,
            "route": f"samples/{scores.dataset_id}",
            "query": urlencode(scores_parameters(scores)),
            "card": sample_card(store(), scores.dataset_id, sample),
            "led": st.session_state.get(state.LED_SAMPLE),
            "has_embeddings": scores.is_measured,
            "whose": texts.decided_by(reviewer()),
            **desk_data(desk),
        },
        on_moved_change=_moved,
        on_acted_change=partial(_acted, desk),
    )


def _reported(name: str) -> Any:
    return st.session_state[KEY].get(name)


def _moved() -> None:
    key = _reported("moved")
    if isinstance(key, str):
        state.write(state.SAMPLE, key)


def _acted(desk: Desk) -> None:
    report = _reported("acted")
    act(desk, report.get("actions") if isinstance(report, dict) else None)
