"""Datasets and runs as cards: how far they are, and what can be done with them."""

from __future__ import annotations

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
from jepascore_core.views.overview import DatasetOverview, Overview, overview
from jepascore_core.views.progress import Progress
from pages.ui.app import state
from pages.ui.app.errors import do_asked, errors_shown
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.choose_scores import describe_dataset
from pages.ui.widgets.failures import draw_unmeasured, draw_unreadable
from pages.ui.widgets.task_card import task_card

POLL_SECONDS = 1.0
#: Up to four buttons stand beside the texts.
WIDTHS = (5, 3)
FORGET = "Takes it off this list; it measured nothing."
DELETE = "Deletes the scores of this run, and the run."
BUSY = "A run of this dataset is under way: cancel it first."


def draw_lists(shown: Overview) -> None:
    """Draw both lists, and draw them again every second while something is under way."""
    st.fragment(_draw_lists, run_every=POLL_SECONDS if shown.active else None)()


@errors_shown()
def _draw_lists() -> None:
    shown = overview(store())
    if shown.runs:
        st.subheader("Runs", anchor=False)
    for run in shown.runs:
        _draw_run(run)
    st.subheader("Datasets", anchor=False)
    busy = {run.dataset_id for run in shown.runs if run.is_active}
    for dataset in shown.datasets:
        _draw_dataset(dataset, is_busy=dataset.choice.dataset_id in busy)


def _draw_run(run: Progress) -> None:
    card = task_card(
        f"run-{run.identifier}", run.state, run.short_title, run.state_text, _fraction(run),
        [_facts(run), [run.backbone, run.message if _is_telling(run) else ""]],
        partial(_draw_run_actions, run), run.message if run.state == "failed" else "", WIDTHS,
    )  # fmt: skip
    with card:
        draw_unmeasured(run)


def _fraction(item: Progress) -> float | None:
    """How far it is, where that is worth a bar."""
    return item.fraction if item.fraction < 1 else None


def _facts(item: Progress) -> list[str]:
    elapsed = item.elapsed_text
    if elapsed:
        elapsed = f"{elapsed} so far" if item.is_active else f"took {elapsed}"
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
        st.button("Retry failures", key=f"retry-{key}", on_click=_resume, args=(key, True), icon=":material/replay:")
    if run.state != "finished":
        st.button("Resume", key=f"resume-{key}", on_click=_resume, args=(key,), icon=":material/play_arrow:")
    if run.measured is not None and (run.num_done or run.state == "cancelled"):
        _draw_deletion(key)
    if run.can_be_forgotten:
        st.button("Forget", key=f"forget-{key}", on_click=forget_run, args=(store(), key), help=FORGET)


def _draw_deletion(run_id: str) -> None:
    """What goes with the scores is counted when somebody asks, since that reads them."""
    box = st.popover("Delete", key=f"delete-{run_id}", icon=":material/delete:", help=DELETE, on_change="rerun")
    with box:
        if box.open:
            st.markdown(plain(plan_deletion(store(), run_id).text))
            confirmed = f"delete-{run_id}-confirmed"
            st.button("Delete these scores", key=confirmed, on_click=_delete, args=(run_id,), type="primary")


def _delete(run_id: str) -> None:
    delete_scores(store(), run_id)


def _resume(run_id: str, retry_failures: bool = False) -> None:
    resume_run(store(), run_id, retry_failures)


def _draw_dataset(dataset: DatasetOverview, is_busy: bool) -> None:
    item, choice = dataset.index, dataset.choice
    lines = [
        _facts(item) if item.fraction < 1 else [],
        [item.message] if item.is_active else [],
        [f"{item.message}. Resume goes on from there."] if item.state == "cancelled" else [],
        [describe_dataset(choice), item.passed_over] if choice.has_index else [],
        [dataset.source],
    ]
    error = item.message if item.state == "failed" else item.error
    card = task_card(
        f"dataset-{choice.dataset_id}", item.state, item.short_title, item.state_text, _fraction(item), lines,
        partial(_draw_dataset_actions, dataset, is_busy), error, WIDTHS,
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
        "Look for changes" if is_ready else "Resume",
        key=f"index-{dataset_id}",
        on_click=discard_result(resume_dataset),
        args=arguments,
        icon=":material/sync:",
        help=plain(f"Reads only what is new or changed. Last time: {item.message}") if is_ready else None,
    )
    with st.popover("Move", icon=":material/drive_file_move:", disabled=is_busy, help=BUSY if is_busy else None):
        _draw_move(dataset_id)
    with st.popover("Remove", icon=":material/delete:", disabled=is_busy, help=BUSY if is_busy else None):
        st.markdown("Forget this dataset and its runs? The images stay where they are, and measurements are kept.")
        st.button("Forget it", key=f"remove-{dataset_id}", on_click=_remove, args=(dataset_id,), type="primary")


def _draw_move(dataset_id: str) -> None:
    """A form for where the images are now; a form, so that nothing is asked for while somebody types."""
    with st.form(f"move-form-{dataset_id}", border=False):
        st.markdown(
            "The images lie elsewhere now? Keys, decisions, recipes and scores stay. Every image is compared before "
            "the new path takes over."
        )
        source = st.text_input("New path", key=f"move-path-{dataset_id}").strip()
        anyway = st.checkbox("Also if most images are not there", key=f"move-anyway-{dataset_id}")
        pressed = st.form_submit_button("Move", type="primary")
        asked = (dataset_id, source, anyway)
        do = partial(move_dataset, store(), dataset_id, source, anyway=anyway) if pressed else None
        do_asked(f"move-{dataset_id}", asked, do)


def _remove(dataset_id: str) -> None:
    store().remove_dataset(store().catalogue.dataset(dataset_id))
    state.write(state.DATASET, None)
