"""Parts of a page that fill while a run goes on."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui.cached import store
from pages.ui.errors import errors_shown

REFRESH_SECONDS = 4.0


def live(draw: Callable[[], None], *dataset_ids: str) -> None:
    """Draw, and draw again every few seconds while one of the datasets is being measured."""
    active = {run.dataset_id for run in store().catalogue.runs(active_only=True)}
    is_filling = bool(active & set(dataset_ids))
    st.fragment(errors_shown()(draw), run_every=REFRESH_SECONDS if is_filling else None)()
