"""Draw runs as cards and datasets as a table, with progress and actions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from jepascore_core.jobs.deletions import delete_scores, plan_deletion
from jepascore_core.jobs.requests import (
    cancel_dataset,
    cancel_run,
    forget_run,
    move_dataset,
    resume_dataset,
    resume_run,
)
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.overview import DatasetOverview, Overview, overview
from jepascore_core.views.progress import Progress
from pages.ui.app import state
from pages.ui.app.errors import do_asked
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.choose_scores import OF_A_DATASET, describe_dataset
from pages.ui.widgets.dataset_table import draw_dataset_table
from pages.ui.widgets.failures import draw_unmeasured, draw_unreadable
from pages.ui.widgets.task_card import task_card
from pages.ui.widgets.verdict_badge import draw_badges

POLL_SECONDS = 1.0
#: Up to four buttons stand beside the texts.
WIDTHS = (5, 3)


def draw_lists(shown: Overview) -> None:
    """Draw both lists, and redraw them every second while something is running."""
    fragment(_draw_lists, POLL_SECONDS if shown.active else None)


def _draw_lists() -> None:
    shown = overview(store())
    if shown.runs:
        st.subheader(texts.RUNS, anchor=False)
    for run in shown.runs:
        _draw_run(run)
    if shown.datasets:
        st.subheader(widget_texts.DATASETS, anchor=False)
        _draw_datasets(shown.datasets)


def _draw_datasets(datasets: Sequence[DatasetOverview]) -> None:
    """Draw the table, and below it what can be done with the dataset that the page is about."""
    asked = state.read_id(state.DATASET)
    chosen = next((item for item in datasets if item.choice.dataset_id == asked), datasets[0])
    now = draw_dataset_table(datasets, {}, can_choose=True, chosen=chosen.choice.dataset_id)
    if now is not None:
        for name in OF_A_DATASET:
            state.write(name, None)
        state.write(state.DATASET, now)
        st.rerun()  # the whole page: the form above is about this dataset, too
    _draw_dataset(chosen)


def _draw_run(run: Progress) -> None:
    card = task_card(
        f"run-{run.identifier}", run.state, run.short_title, run.state_text, _fraction(run),
        [_facts(run), [run.backbone, run.message if _is_telling(run) else ""]],
        partial(_draw_run_actions, run), run.message if run.state == "failed" else "", WIDTHS,
    )  # fmt: skip
    with card:
        if run.num_done and run.measured is not None:
            draw_badges([ScoreSet(run.dataset_id, run.measured)], f"verdict-{run.identifier}")
        draw_unmeasured(run)


def _fraction(item: Progress) -> float | None:
    """How far it is, where that is worth a bar."""
    return item.fraction if item.fraction < 1 else None


def _facts(item: Progress) -> list[str]:
    elapsed = item.elapsed_text
    if elapsed:
        elapsed = texts.elapsed(elapsed, item.is_active)
    return [item.counts_text, item.rate_text, item.time_left_text, elapsed]


def _is_telling(run: Progress) -> bool:
    """Errors have a place of their own; what finished says it only where there is more to say than counts."""
    return run.is_approximate if run.state == "finished" else run.state != "failed"


def _draw_run_actions(run: Progress) -> None:
    key = run.identifier
    if run.num_done and run.measured is not None:
        link = {state.DATASET: run.dataset_id, state.BACKBONE: run.measured.text}
        st.page_link("pages/explore.py", label="Explore", icon=":material/grid_view:", query_params=link)
    if run.is_active:
        st.button("Cancel", key=f"cancel-{key}", on_click=cancel_run, args=(store(), key), disabled=run.is_stopping)
        return
    if run.num_failed:
        st.button(texts.RETRY, key=f"retry-{key}", on_click=_resume, args=(key, True), icon=":material/replay:")
    if run.state != "finished":
        st.button("Resume", key=f"resume-{key}", on_click=_resume, args=(key,), icon=":material/play_arrow:")
    if run.measured is not None and (run.num_done or run.state == "cancelled"):
        _draw_deletion(key)
    if run.can_be_forgotten:
        st.button(
            texts.REMOVE_FROM_LIST, key=f"forget-{key}", on_click=forget_run, args=(store(), key),
            help=texts.REMOVE_FROM_LIST_HELP,
        )  # fmt: skip


def _draw_deletion(run_id: str) -> None:
    """Draw what would be deleted; it is counted only when opened, since that reads the scores."""
    box = st.popover(
        texts.DELETE, key=f"delete-{run_id}", icon=":material/delete:", help=texts.DELETE_HELP, on_change="rerun"
    )
    with box:
        if box.open:
            st.markdown(plain(plan_deletion(store(), run_id).text))
            confirmed = f"delete-{run_id}-confirmed"
            st.button(texts.DELETE_SCORES, key=confirmed, on_click=_delete, args=(run_id,), type="primary")


def _delete(run_id: str) -> None:
    delete_scores(store(), run_id)


def _resume(run_id: str, retry_failures: bool = False) -> None:
    resume_run(store(), run_id, retry_failures)


def _draw_dataset(dataset: DatasetOverview) -> None:
    item, choice = dataset.index, dataset.choice
    lines = [
        _facts(item) if item.fraction < 1 else [],
        [item.message] if item.is_active else [],
        [texts.cancelled(item.message)] if item.state == "cancelled" else [],
        [describe_dataset(choice), item.passed_over] if choice.has_index else [],
        [dataset.source],
    ]
    error = item.message if item.state == "failed" else item.error
    card = task_card(
        f"dataset-{choice.dataset_id}", item.state, item.short_title, item.state_text, _fraction(item), lines,
        partial(_draw_dataset_actions, dataset, bool(dataset.runs)), error, WIDTHS,
    )  # fmt: skip
    with card:
        draw_unreadable(choice)


def _draw_dataset_actions(dataset: DatasetOverview, is_busy: bool) -> None:
    item, dataset_id = dataset.index, dataset.choice.dataset_id
    arguments = (store(), dataset_id)
    if item.is_active:
        key = f"cancel-{dataset_id}"
        st.button("Cancel", key=key, on_click=cancel_dataset, args=arguments, disabled=item.is_stopping)
        return
    is_ready = item.state == "ready"
    st.button(
        texts.RESCAN if is_ready else "Resume",
        key=f"index-{dataset_id}",
        on_click=discard_result(resume_dataset),
        args=arguments,
        icon=":material/sync:",
        help=plain(texts.rescan_help(item.message)) if is_ready else None,
    )
    with st.popover(
        texts.MOVE, icon=":material/drive_file_move:", disabled=is_busy, help=texts.BUSY if is_busy else None
    ):
        _draw_move(dataset_id)
    with st.popover(texts.REMOVE, icon=":material/delete:", disabled=is_busy, help=texts.BUSY if is_busy else None):
        st.markdown(texts.REMOVE_ABOUT)
        st.button(
            texts.REMOVE_DATASET, key=f"remove-{dataset_id}", on_click=_remove, args=(dataset_id,), type="primary"
        )


def _draw_move(dataset_id: str) -> None:
    """Draw a form for the new path; a form, so that nothing is requested while typing."""
    with st.form(f"move-form-{dataset_id}", border=False):
        st.markdown(texts.MOVE_ABOUT)
        source = st.text_input(texts.NEW_PATH, key=f"move-path-{dataset_id}").strip()
        anyway = st.checkbox(texts.MOVE_ANYWAY, key=f"move-anyway-{dataset_id}")
        pressed = st.form_submit_button(texts.MOVE, type="primary")
        asked = (dataset_id, source, anyway)
        do = partial(move_dataset, store(), dataset_id, source, anyway=anyway) if pressed else None
        do_asked(f"move-{dataset_id}", asked, do)


def _remove(dataset_id: str) -> None:
    store().remove_dataset(store().catalogue.dataset(dataset_id))
    state.write(state.DATASET, None)
