"""Parts of a page that fill while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store

REFRESH_SECONDS = 4.0
WAIT_SECONDS = 2.0


def live(draw: Callable[[], None], *dataset_ids: str) -> None:
    """Draw, and draw again every few seconds while one of the datasets is being measured."""
    st.fragment(errors_shown()(draw), run_every=REFRESH_SECONDS if is_filling(*dataset_ids) else None)()


def await_change(look: Callable[[], Hashable]) -> None:
    """For a page that has nothing to show yet: while runs go on, run it again as soon as `look` sees something else."""
    if store().catalogue.runs(active_only=True):
        st.fragment(_await_change, run_every=WAIT_SECONDS)(look, look())


@errors_shown()
def _await_change(look: Callable[[], Hashable], seen: Hashable) -> None:
    if look() != seen:
        st.rerun()


def is_filling(*dataset_ids: str) -> bool:
    """Whether one of these datasets is being measured, or waits for it."""
    return any(run.dataset_id in dataset_ids for run in store().catalogue.runs(active_only=True))
