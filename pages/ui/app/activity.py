"""Show running work in the sidebar, one line each, and rerun the page when it changes."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.curation.precompute.requests import PrecomputeRequest, precompute_requests
from jepascore_core.jobs.process import WorkerWatch
from jepascore_core.jobs.trainings import Training, trainings
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.runs import Run
from jepascore_core.views.progress import Progress, describe_run, export_progress, index_progress
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.app.texts import IN_PROGRESS

POLL_SECONDS = 2.0
#: While nothing is running: another tab, or a command in a terminal, may start something.
IDLE_SECONDS = 5.0

#: Identifier and state of each task, running or not: a short run may begin and end between two polls.
Snapshot = tuple[tuple[str, str], ...]
#: Progress of a task, 0 to 1, and its text.
Line = tuple[float, str]


def draw_activity() -> None:
    """Draw running work, if any, and keep it up to date.

    A worker that died is replaced while the page is open; a warning says so if none can be started.
    """
    lines, snapshot = _look()
    fragment(partial(_draw, WorkerWatch(store()), snapshot), POLL_SECONDS if lines else IDLE_SECONDS)


def _draw(watch: WorkerWatch, seen: Snapshot) -> None:
    lines, snapshot = _look()
    if snapshot != seen:
        st.rerun()  # the whole page: something started or ended, which changes every page
    if not lines:
        return
    with st.container(gap="xsmall"):
        st.caption(IN_PROGRESS)
        for fraction, text in lines:
            st.progress(fraction, text=plain(text))
    watch.look()


def _look() -> tuple[list[Line], Snapshot]:
    """Return the lines of running work, and a snapshot of all work."""
    datasets, runs, exports = store().catalogue.datasets(), store().catalogue.runs(), store().catalogue.exports()
    asked = precompute_requests(store())
    snapshot = [(dataset.dataset_id, f"{dataset.state} {dataset.version}") for dataset in datasets]
    snapshot += [(run.run_id, run.state.value) for run in runs]
    snapshot += [(item.export_id, item.state.value) for item in exports]
    snapshot += [(item.identifier, item.state) for item in asked]
    trained = trainings(store())
    snapshot += [(f"training {item.name}", item.state) for item in trained]
    names = {dataset.dataset_id: dataset.name for dataset in datasets}
    lines = [_line(progress) for progress in _progress(names, datasets, runs, exports)]
    lines += [_precompute_line(names, item) for item in asked if item.is_active]
    lines += [_training_line(names, item) for item in trained if item.is_active]
    return lines, tuple(snapshot)


def _progress(
    names: dict[str, str], datasets: list[DatasetRecord], runs: list[Run], exports: list[ExportRequest]
) -> list[Progress]:
    return [
        *(index_progress(dataset) for dataset in datasets if dataset.state is DatasetState.INDEXING),
        *(describe_run(run, names.get(run.dataset_id, run.dataset_id)) for run in runs if run.state.is_active),
        *(export_progress(item, names.get(item.dataset_id, "")) for item in exports if item.state.is_active),
    ]


def _line(progress: Progress) -> Line:
    state = progress.time_left_text or progress.state_text
    return progress.fraction, f"{progress.short_title} · {state}"


def _precompute_line(names: dict[str, str], item: PrecomputeRequest) -> Line:
    return item.share, f"{names.get(item.dataset_id, '')}, {item.work.short_title} · {item.progress_text}"


def _training_line(names: dict[str, str], item: Training) -> Line:
    return item.share, f"{names.get(item.dataset_id, '')}, trained:{item.name} · {item.progress_text}"
