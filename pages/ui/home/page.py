"""Draw Home: the datasets, and where to go."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.jobs.demos import DEFAULT_DEMO, DIGITS_DEMO, Demo
from jepascore_core.jobs.requests import request_demo
from jepascore_core.trust.known_defects import result_to_show
from jepascore_core.views.overview import Overview, overview
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.frame import MENU, ROOT
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.app.texts import INTRO, PURPOSES
from pages.ui.home import texts
from pages.ui.home.result import draw_result
from pages.ui.runs.add_data import OPENED
from pages.ui.widgets.dataset_table import Badges, badges_of, draw_dataset_table
from pages.ui.widgets.navigate import navigate

HOME_PAGE, RUNS_PAGE = "app.py", "pages/runs.py"
POLL_SECONDS = 1.0


def draw_home(shown: Overview) -> None:
    """Draw the introduction, the table of datasets, what is known of them, and links to all pages."""
    st.markdown(INTRO)
    if shown.is_empty:
        _draw_nothing_yet()
    else:
        _draw_add_images()
        badges = badges_of(shown.datasets)
        if shown.active:
            fragment(partial(_draw_table, badges), POLL_SECONDS)
        else:
            draw_dataset_table(shown.datasets, badges)
        _draw_results(shown)
    _draw_pages()


def _draw_nothing_yet() -> None:
    with st.container(border=True):
        st.subheader(texts.EMPTY_TITLE, anchor=False)
        st.markdown(texts.EMPTY)
        with st.container(horizontal=True):
            _draw_add_images()
            if st.button(texts.ADD_DEMO, icon=":material/play_circle:"):
                _add(DEFAULT_DEMO)
            if st.button(texts.ADD_DIGITS, type="tertiary"):
                _add(DIGITS_DEMO)


def _draw_add_images() -> None:
    if st.button(texts.ADD_IMAGES, type="primary", icon=":material/add_photo_alternate:"):
        navigate(RUNS_PAGE, {**state.carried(), state.OPENED: OPENED})


def _add(demo: Demo) -> None:
    with st.spinner(texts.ADDING_DEMO):
        request_demo(store(), demo)
    st.rerun()


def _draw_results(shown: Overview) -> None:
    """Draw what the score finds of known defects, dataset by dataset."""
    for dataset in shown.datasets:
        choice = dataset.choice
        result = result_to_show(store(), choice.dataset_id) if choice.has_index else None
        if result is not None:
            with st.container(border=True, key=f"home-{choice.dataset_id}"):
                st.subheader(plain(choice.name), anchor=False)
                draw_result(*result, choice.dataset_id, choice.name)


def _draw_table(badges: Badges) -> None:
    """Draw the datasets as they are now; the sidebar draws the page again when anything starts or ends."""
    draw_dataset_table(overview(store()).datasets, badges)


def _draw_pages() -> None:
    for path, label, icon in MENU:
        if path != HOME_PAGE and (ROOT / path).is_file():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(path, label=label, icon=icon, query_params=state.carried(), width=150)
                st.caption(PURPOSES[label])
