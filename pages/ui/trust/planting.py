"""Draw work that measures altered copies of a dataset's images: its progress, and buttons to cancel or resume it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.planted.plan import PlantOptions
from jepascore_core.trust.planted.requests import Planted, cancel_planted, find_planted, request_planted
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.widgets.task_card import task_card

POLL_SECONDS = 1.0

_CARD_STATES = {"active": "running", "cancelled": "cancelled", "failed": "failed"}


def request(scores: ScoreSet, options: PlantOptions) -> None:
    """Request the work, or the rest of it."""
    request_planted(store(), scores, options)


def draw_planting(scores: ScoreSet, planted: Planted, title: str, key: str) -> None:
    """Draw work that is under way or has stopped; the whole page is drawn again when it ends.

    Args:
        scores: of the dataset whose images are copied.
        planted: the work.
        title: of the card.
        key: of the card; its buttons have it, too.
    """
    is_active = planted.state == "active"
    fragment(partial(_draw_card, scores, planted.options, is_active, title, key), POLL_SECONDS if is_active else None)


def _draw_card(scores: ScoreSet, options: PlantOptions, was_active: bool, title: str, key: str) -> None:
    planted = find_planted(store(), scores, options)
    if planted.state not in _CARD_STATES or was_active != (planted.state == "active"):
        st.rerun()  # the whole page: it has ended
    task_card(
        key, _CARD_STATES[planted.state], title, planted.state.capitalize(),
        planted.share if was_active else None, [[planted.message]] if was_active else [],
        partial(_draw_actions, scores, planted, key), planted.message if planted.state == "failed" else "",
    )  # fmt: skip


def _draw_actions(scores: ScoreSet, planted: Planted, key: str) -> None:
    if planted.state == "active":
        st.button("Cancel", key=f"cancel-{key}", on_click=cancel_planted, args=(store(), planted))
    else:
        st.button(
            "Resume", key=f"resume-{key}", icon=":material/replay:", on_click=request, args=(scores, planted.options)
        )
