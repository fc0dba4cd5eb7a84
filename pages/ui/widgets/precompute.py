"""Compute what a page needs before it can show a result: immediately, or in the worker, shown as cards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from jepascore_core.curation import Curation, Decisions
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.precompute.requests import (
    PrecomputeRequest,
    cancel_precompute,
    precompute_request_of,
    precompute_requests,
    request_precompute,
)
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_steps, precompute
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.widgets import texts
from pages.ui.widgets.task_card import task_card

POLL_SECONDS = 1.0


def is_precomputed(evaluator: Evaluator) -> bool:
    """Return whether rules can be applied now, after quick computations; offer the worker for slow ones."""
    slow = _slow_work(evaluator)
    draw_precompute(evaluator.scores, slow)
    return not slow


def steps_done(scores: ScoreSet, steps: Sequence[PrecomputeStep]) -> bool:
    """Return whether computations are done now, after quick ones; offer the worker for slow ones."""
    slow = _do_quick(scores, steps)
    draw_precompute(scores, slow)
    return not slow


def is_ready(scores: ScoreSet, curation: Curation, decisions: Decisions, key: str) -> bool:
    """Return whether rules can be applied now; offer the worker where not. `key` names the button."""
    slow = _slow_work(Evaluator(store(), scores, curation, decisions))
    if slow:
        st.warning(" ".join(texts.must_be_computed(work.title) for work in slow))
        st.button(
            texts.RUN_IN_BACKGROUND, key=f"precompute-{key}", icon=":material/play_arrow:",
            on_click=_request, args=(scores, slow),
        )  # fmt: skip
    return not slow


def _slow_work(evaluator: Evaluator) -> list[PrecomputeStep]:
    """Do the quick computations and return the slow ones; a diverse choice depends on the rest, hence two rounds."""
    for _ in range(2):
        pending = pending_steps(evaluator)
        slow = _do_quick(evaluator.scores, pending)
        if slow or not pending:
            return slow
    return []


def _do_quick(scores: ScoreSet, steps: Sequence[PrecomputeStep]) -> list[PrecomputeStep]:
    for work in steps:
        if work.is_quick:
            with st.spinner(texts.computing(work.title)):
                precompute(store(), scores, work)
    return [work for work in steps if not work.is_quick]


def draw_precompute(scores: ScoreSet, works: Sequence[PrecomputeStep], only: str | None = None) -> None:
    """Draw a button for computations not requested, cards for running or failed ones; rerun the page once one is done.

    Other computations of the dataset have cards beside these, unless `only` names this part of a page with several.
    """
    found = [precompute_request_of(store(), scores, work) for work in works]
    asked = [item for item in found if item.state != "none"]
    if asked:
        is_active = any(item.is_active for item in asked)
        asked_for = [item.work for item in asked]
        fragment(
            partial(_draw_asked, scores, asked_for, is_active, only is not None),
            POLL_SECONDS if is_active else None,
            partial(_progress, scores, asked_for),
        )
    rest = [item.work for item in found if item.state == "none"]
    if rest:
        st.info(" ".join([*(texts.must_be_computed(work.title) for work in rest), texts.CONTINUES_IN_BACKGROUND]))
        st.button(
            texts.COMPUTE, type="primary", icon=":material/play_arrow:", key=f"compute-{only}" if only else None,
            on_click=_request, args=(scores, rest),
        )  # fmt: skip


def _request(scores: ScoreSet, works: Sequence[PrecomputeStep]) -> None:
    for work in works:
        request_precompute(store(), scores, work)


def _progress(scores: ScoreSet, works: Sequence[PrecomputeStep]) -> tuple[tuple[str, str], ...]:
    found = [precompute_request_of(store(), scores, work) for work in works]
    return tuple((item.state, item.progress_text) for item in found)


def _draw_asked(scores: ScoreSet, works: Sequence[PrecomputeStep], was_active: bool, alone: bool) -> None:
    found = [precompute_request_of(store(), scores, work) for work in works]
    if any(item.state == "none" for item in found) or was_active != any(item.is_active for item in found):
        st.rerun()  # the whole page: one is done or cancelled, or no more updates will come
    own = {item.identifier for item in found}
    # Requested earlier, for instance for other rules: may run first, and may no longer be wanted.
    others = [item for item in precompute_requests(store()) if item.dataset_id == scores.dataset_id and item.is_active]
    for item in [*found, *(item for item in others if item.identifier not in own and not alone)]:
        _draw_one(scores, item)


def _draw_one(scores: ScoreSet, item: PrecomputeRequest) -> None:
    task_card(
        f"preparation-{item.identifier.replace('/', '-')}", item.state, item.work.title, item.state.capitalize(),
        item.share if item.is_active else None, [[item.progress_text]] if item.is_active else [],
        partial(_draw_actions, scores, item), item.message,
    )  # fmt: skip


def _draw_actions(scores: ScoreSet, item: PrecomputeRequest) -> None:
    key = item.identifier
    if item.is_active:
        st.button("Cancel", key=f"cancel-{key}", on_click=cancel_precompute, args=(store(), key))
    else:
        again = (scores, [item.work])
        st.button(texts.TRY_AGAIN, key=f"again-{key}", on_click=_request, args=again, icon=":material/replay:")
