"""Draw rules to begin with as buttons: each says what it would drop before anybody clicks it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.curation import Curation
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.effects import compute_effects
from jepascore_core.views.starters import Starter, starters
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.curate.rule_bar import begin_fragment, set_curation

POLL_SECONDS = 1.0


def draw_starters(scores: ScoreSet, curation: Curation) -> None:
    """Draw the rules to begin with: in sight as long as there are none, then in a popover."""
    if curation.clauses:
        fragment(partial(_draw_popover, scores, curation))
        return
    counting = _counting(starters(store(), scores))
    if counting:
        prefetch(partial(compute_effects, store(), scores, counting))
    fragment(partial(_draw_row, scores, bool(counting)), POLL_SECONDS if counting else None)


def _counting(listed: tuple[Starter, ...]) -> tuple[PrecomputeStep, ...]:
    """Return the computations of a few seconds that are not done yet."""
    return tuple(dict.fromkeys(work for item in listed if item.effect.is_quick for work in item.effect.pending))


def _draw_row(scores: ScoreSet, was_counting: bool) -> None:
    begin_fragment()
    listed = starters(store(), scores)
    if was_counting and not _counting(listed):
        st.rerun()  # the whole page: no more updates will come
    st.caption(texts.BEGIN_WITH)
    with st.container(horizontal=True, gap="small", key="starters"):
        _draw_buttons(listed, Curation())


def _draw_popover(scores: ScoreSet, curation: Curation) -> None:
    begin_fragment()
    with st.popover(texts.STARTERS, icon=":material/bolt:", key="form-starters", on_change="rerun") as box:
        if box.open:
            compute_effects(store(), scores, _counting(starters(store(), scores, curation)))
            st.caption(texts.BEGIN_WITH)
            _draw_buttons(starters(store(), scores, curation), curation)


def _draw_buttons(listed: tuple[Starter, ...], curation: Curation) -> None:
    for item in listed:
        st.button(
            plain(texts.starter(item)), key=f"starter-{item.name}", help=plain(texts.starter_help(item)),
            on_click=set_curation, args=(curation.plus(item.clause),), disabled=item.effect.dropped == 0,
        )  # fmt: skip
