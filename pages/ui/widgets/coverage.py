"""Draw the banner of partial results: how many images are scored, and how to score the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from jepascore_core.jobs.requests import measure_rest, resume_run
from jepascore_core.records.runs import RunState
from jepascore_core.scores.coverage import PartialScores, partial_scores
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import score_titles
from jepascore_core.views.progress import run_progress
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts

POLL_SECONDS = 2.0


def draw_coverage(score_sets: Sequence[ScoreSet]) -> None:
    """Say which sets of a page are incomplete, with a button that resumes the run, or the progress of a running one.

    Draws nothing where all are complete.
    """
    found = partial_scores(store(), score_sets)
    if found:
        interval = POLL_SECONDS if any(map(_is_active, found)) else None
        fragment(partial(_draw, score_sets), interval, partial(_progress, score_sets))


def _progress(score_sets: Sequence[ScoreSet]) -> tuple[tuple[str, float], ...]:
    runs = [item.run for item in partial_scores(store(), score_sets) if item.run is not None]
    return tuple((run.state.value, run_progress(store(), run).fraction) for run in runs)


def _is_active(item: PartialScores) -> bool:
    return item.run is not None and item.run.state.is_active


def _draw(score_sets: Sequence[ScoreSet]) -> None:
    found = partial_scores(store(), score_sets)
    if not found:
        return
    titles = score_titles(store(), score_sets, "backbone") if len(set(score_sets)) > 1 else {}
    with st.container(border=True, key="coverage", gap="small"):
        for item in found:
            _draw_one(item, titles.get(item.scores, ""))


def _draw_one(item: PartialScores, title: str) -> None:
    name = f"{plain(title)}: " if title else ""
    if item.run is not None and _is_active(item):
        progress = run_progress(store(), item.run)
        left = progress.time_left_text or progress.state_text
        st.progress(progress.fraction, text=f"{name}**{item.text}** · {plain(left)}")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/hourglass_bottom: {name}**{item.text}**", width="content")
        if not item.can_be_completed:
            return
        if item.run is None:
            link = {state.DATASET: item.scores.dataset_id}
            st.page_link(
                "pages/runs.py", label=texts.MEASURE_THE_REST, icon=":material/play_circle:", query_params=link
            )
            return
        has_left_out = item.run.pilot is not None and item.run.state is RunState.FINISHED
        title = texts.MEASURE_THE_REST if has_left_out else "Resume"
        if st.button(title, key=f"coverage-{item.run.run_id}", icon=":material/play_arrow:"):
            (measure_rest if has_left_out else resume_run)(store(), item.run.run_id)
            st.rerun()
