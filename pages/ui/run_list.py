"""Datasets and runs as cards: how far they are, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.runs import cancel_dataset, cancel_run, resume_dataset, resume_run
from jepascore_core.views.failures import failures_csv
from jepascore_core.views.overview import DatasetOverview, Overview, overview
from jepascore_core.views.progress import FailureGroup, Progress, failure_groups, index_failures
from pages.ui import state
from pages.ui.cached import store
from pages.ui.choose import describe_dataset
from pages.ui.errors import errors_shown
from pages.ui.text import plain

POLL_SECONDS = 1.0
ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/progress_activity:",
    "indexing": ":material/progress_activity:",
    "finished": ":material/check_circle:",
    "ready": ":material/check_circle:",
    "cancelled": ":material/cancel:",
    "failed": ":material/error:",
}


def draw_lists(shown: Overview) -> None:
    """Draw both lists, and draw them again every second while something is under way."""
    st.fragment(_draw_lists, run_every=POLL_SECONDS if shown.active else None)(bool(shown.active))


@errors_shown()
def _draw_lists(was_active: bool) -> None:
    shown = overview(store())
    if was_active and not shown.active:
        st.rerun()  # the poll ends, and the choices above know the new dataset
    if shown.runs:
        st.subheader("Runs", anchor=False)
    for run in shown.runs:
        _draw_run(run)
    st.subheader("Datasets", anchor=False)
    for dataset in shown.datasets:
        _draw_dataset(dataset)


def _draw_run(run: Progress) -> None:
    with st.container(border=True, key=f"run-{run.identifier}"):
        text, actions = st.columns([5, 2], vertical_alignment="center")
        with text:
            _draw_progress(run)
        with actions, st.container(horizontal=True, horizontal_alignment="right"):
            _draw_run_actions(run)
        if run.num_failed:
            groups = store().catalogue.run_failures(run.identifier)
            _draw_failures(failure_groups(groups), lambda: failures_csv(groups), f"run-{run.identifier}")


def _draw_progress(item: Progress) -> None:
    st.markdown(f"{ICONS[item.state]} **{plain(item.title)}** · {plain(item.state_text)}")
    if item.is_active or item.state in ("cancelled", "failed"):
        st.progress(item.fraction)
    facts = [item.counts_text, item.rate_text, item.time_left_text, item.elapsed_text and f"{item.elapsed_text} so far"]
    if not item.is_active:
        facts[-1] = item.elapsed_text and f"took {item.elapsed_text}"
    st.caption(plain(" · ".join(fact for fact in facts if fact)))
    if item.state == "failed":
        st.error(plain(item.message), icon=":material/error:")
    elif item.message and item.state != "finished":
        st.caption(plain(item.message))


def _draw_run_actions(run: Progress) -> None:
    key = run.identifier
    if run.is_active:
        st.button("Cancel", key=f"cancel-{key}", on_click=cancel_run, args=(store(), key), disabled=run.is_stopping)
        return
    if run.state != "finished":
        st.button("Resume", key=f"resume-{key}", on_click=_resume, args=(key,), icon=":material/play_arrow:")
    if run.num_failed:
        st.button("Retry failures", key=f"retry-{key}", on_click=_resume, args=(key, True), icon=":material/replay:")
    if run.num_done:
        link = {state.DATASET: run.dataset_id}
        st.page_link("pages/explore.py", label="Explore", icon=":material/grid_view:", query_params=link)


def _resume(run_id: str, retry_failures: bool = False) -> None:
    resume_run(store(), run_id, retry_failures)


def _draw_dataset(dataset: DatasetOverview) -> None:
    item, dataset_id = dataset.index, dataset.choice.dataset_id
    with st.container(border=True, key=f"dataset-{dataset_id}"):
        text, actions = st.columns([5, 2], vertical_alignment="center")
        with text:
            _draw_progress(item)
            st.caption(plain(f"{describe_dataset(dataset.choice)} · {dataset.source}"))
        with actions, st.container(horizontal=True, horizontal_alignment="right"):
            _draw_dataset_actions(dataset)
        if item.num_failed and dataset.choice.has_index:
            failures = index_failures(store(), store().catalogue.dataset(dataset_id))
            _draw_failures(failure_groups(failures), lambda: failures_csv(failures), f"dataset-{dataset_id}")


def _draw_dataset_actions(dataset: DatasetOverview) -> None:
    item, dataset_id = dataset.index, dataset.choice.dataset_id
    if item.is_active:
        st.button(
            "Cancel",
            key=f"cancel-{dataset_id}",
            on_click=cancel_dataset,
            args=(store(), dataset_id),
            disabled=item.is_stopping,
        )
        return
    label = "Look for changes" if item.state == "ready" else "Resume"
    st.button(
        label, key=f"index-{dataset_id}", on_click=resume_dataset, args=(store(), dataset_id), icon=":material/sync:"
    )
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown("Forget this dataset and its runs? The images stay where they are, and measurements are kept.")
        st.button("Forget it", key=f"remove-{dataset_id}", on_click=_remove, args=(dataset_id,), type="primary")


def _remove(dataset_id: str) -> None:
    store().remove_dataset(store().catalogue.dataset(dataset_id))
    state.write(state.DATASET, None)


def _draw_failures(groups: tuple[FailureGroup, ...], to_csv: Callable[[], str], key: str) -> None:
    total = sum(group.count for group in groups)
    with st.expander(f"{total:,} failed", icon=":material/warning:", key=f"failures-{key}"):
        for group in groups:
            st.markdown(
                f"**{group.count:,}** while {STAGES.get(group.stage, group.stage)} ({plain(group.error_class)})"
            )
            for example in group.examples:
                st.caption(plain(f"{example.sample_key}: {example.message}"))
        st.download_button(
            "All failures as CSV", to_csv, f"failures-{key}.csv", "text/csv", key=f"csv-{key}", on_click="ignore"
        )


STAGES = {
    "scan": "looking for images",
    "read": "reading",
    "decode": "decoding",
    "preprocess": "preprocessing",
    "measure": "measuring",
}
