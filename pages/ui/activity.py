"""What is under way, a line each in the sidebar: the only fragment that polls, and only while something is."""

from __future__ import annotations

import streamlit as st

from jepascore_core.records import DatasetState
from jepascore_core.runs import WorkerWatch
from jepascore_core.views.progress import Progress, describe_run, index_progress
from pages.ui.cached import store
from pages.ui.errors import errors_shown
from pages.ui.text import plain

POLL_SECONDS = 2.0


def draw_activity() -> None:
    """Draw the active indexes and runs, if any, and keep them up to date until the last one ends.

    A worker that died is replaced while somebody looks; if none can be started, that is said.
    """
    if _active():
        st.fragment(_draw, run_every=POLL_SECONDS)(WorkerWatch(store()))


@errors_shown()
def _draw(watch: WorkerWatch) -> None:
    active = _active()
    if not active:
        st.rerun()  # of the whole page: it shows the results, and polls no longer
    st.caption("Under way")
    for progress in active:
        st.progress(progress.fraction, text=plain(_line(progress)))
    watch.look()


def _active() -> list[Progress]:
    catalogue = store().catalogue
    datasets = catalogue.datasets()
    names = {dataset.dataset_id: dataset.name for dataset in datasets}
    indexes = [index_progress(dataset) for dataset in datasets if dataset.state is DatasetState.INDEXING]
    runs = [describe_run(run, names.get(run.dataset_id, run.dataset_id)) for run in catalogue.runs(active_only=True)]
    return indexes + runs


def _line(progress: Progress) -> str:
    state = progress.time_left_text or progress.state_text
    return f"{progress.title} · {state}"
