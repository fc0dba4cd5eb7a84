"""List unreadable files and images that could not be measured: how many, and once opened, which and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from jepascore_core.formatting import plural
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.scores.measured import DatasetChoice
from jepascore_core.views.failures import failures_csv
from jepascore_core.views.progress import Progress, failure_groups, index_failures
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts
from pages.ui.widgets.url_widgets import pick_open


def draw_unreadable(choice: DatasetChoice) -> None:
    """Draw the files of a dataset that could not be read, if any."""
    if not choice.has_index or not choice.num_failed:
        return
    read = partial(_read_index, choice.dataset_id)
    _draw(plural(choice.num_failed, texts.UNREADABLE_FILE), read, unreadable_part(choice.dataset_id))


def unreadable_part(dataset_id: str) -> str:
    """Return what the URL calls the list of unreadable files when it is open."""
    return f"failures-dataset-{dataset_id}"


def draw_unmeasured(run: Progress) -> None:
    """Draw the images that a run could not measure, if any."""
    if run.num_failed:
        read = partial(store().catalogue.run_failures, run.identifier)
        _draw(texts.num_failed(run.num_failed), read, f"failures-run-{run.identifier}")


def _read_index(dataset_id: str) -> list[SampleFailure]:
    return index_failures(store(), store().catalogue.dataset(dataset_id))


def _draw(title: str, read: Callable[[], list[SampleFailure]], key: str) -> None:
    box = pick_open(title, key, ":material/warning:")
    if box is None:
        return
    failures = read()
    with box:
        for group in failure_groups(failures):
            stage = texts.STAGES.get(group.stage, group.stage)
            st.markdown(f"**{group.count:,}** while {plain(stage)} ({plain(group.error_class)})")
            with st.container(gap="xxsmall"):
                for example in group.examples:
                    st.caption(plain(f"{example.sample_key}: {example.message}"))
                if group.count > len(group.examples):
                    st.caption(texts.and_more(group.count - len(group.examples)))
        # As data: what a function returns is lost when the list is redrawn between the click and its request.
        st.download_button(
            texts.ALL_FAILURES,
            failures_csv(failures),
            f"{key}.csv",
            "text/csv",
            key=f"csv-{key}",
            on_click="ignore",
        )
