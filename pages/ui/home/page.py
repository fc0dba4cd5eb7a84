"""Draw Home: the datasets, and where to go."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.jobs.demos import DEFAULT_DEMO, DIGITS_DEMO, Demo
from jepascore_core.jobs.requests import request_demo
from jepascore_core.trust.known_defects import result_to_show
from jepascore_core.views.overview import DatasetOverview, Overview, active_work
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.frame import MENU, ROOT
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.app.texts import INTRO, PURPOSES
from pages.ui.home import texts
from pages.ui.home.result import draw_result
from pages.ui.runs.add_data import OPENED
from pages.ui.widgets.choose_scores import describe_dataset, plain_title
from pages.ui.widgets.examples import draw_examples
from pages.ui.widgets.failures import draw_unreadable
from pages.ui.widgets.navigate import navigate
from pages.ui.widgets.verdict_badge import draw_badges

HOME_PAGE, RUNS_PAGE = "app.py", "pages/runs.py"
#: Links on the card of a dataset with scores.
RESULT_PAGES = ("pages/explore.py", "pages/curate.py", RUNS_PAGE)
UNMEASURED_PAGES = ("pages/explore.py", RUNS_PAGE)
#: Shares of the width: images, texts, links.
COLUMNS = (3, 5, 4)
MAX_TITLES = 3
POLL_SECONDS = 1.0


def draw_home(overview: Overview) -> None:
    """Draw the introduction, a card for each dataset, and links to all pages."""
    st.markdown(INTRO)
    if overview.is_empty:
        _draw_nothing_yet()
    else:
        _draw_add_images()
    for dataset in overview.datasets:
        _draw_dataset(dataset)
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


def _draw_dataset(dataset: DatasetOverview) -> None:
    choice = dataset.choice
    with st.container(border=True, key=f"home-{choice.dataset_id}"):
        images, text, links = st.columns(COLUMNS, vertical_alignment="center")
        if choice.has_index:
            with images:
                draw_examples(choice.dataset_id, choice.name)
        with text, st.container(gap="xxsmall"):
            st.markdown(f"**{plain(choice.name)}**")
            st.caption(plain(describe_dataset(choice) if choice.has_index else dataset.index.state_text))
            st.caption(plain(_scores_text(dataset)))
            if dataset.index.error:
                st.caption(plain(dataset.index.error))
            if dataset.measured:
                shown = [item.scores(choice.dataset_id) for item in dataset.measured[:MAX_TITLES]]
                draw_badges(shown, f"verdict-{choice.dataset_id}")
        with links, st.container(horizontal=True, horizontal_alignment="right"):
            for path, label, icon in MENU:
                if path in _pages_of(dataset):
                    st.page_link(path, label=label, icon=icon, query_params={state.DATASET: choice.dataset_id})
        if choice.has_index and (result := result_to_show(store(), choice.dataset_id)) is not None:
            draw_result(*result, choice.dataset_id, choice.name)
        elif active_work(store(), choice.dataset_id):
            fragment(partial(_draw_progress, choice.dataset_id), POLL_SECONDS)
        draw_unreadable(choice)


def _pages_of(dataset: DatasetOverview) -> tuple[str, ...]:
    """Where to go with a dataset."""
    if dataset.measured:
        return RESULT_PAGES
    return UNMEASURED_PAGES if dataset.choice.has_index else (RUNS_PAGE,)


def _draw_progress(dataset_id: str) -> None:
    """Draw what is being done; the sidebar draws the page again when any of it ends."""
    for item in active_work(store(), dataset_id):
        state_text = item.time_left_text or item.state_text
        st.progress(item.fraction, text=plain(texts.progress(item.short_title, item.counts_text, state_text)))


def _scores_text(dataset: DatasetOverview) -> str:
    """Say which backbones measured it, or why it has no index."""
    if dataset.measured:
        titles = [plain_title(choice) for choice in dataset.measured[:MAX_TITLES]]
        more = len(dataset.measured) - len(titles)
        return texts.scores(titles, more)
    return texts.NO_SCORES if dataset.choice.has_index else dataset.index.message


def _draw_pages() -> None:
    for path, label, icon in MENU:
        if path != HOME_PAGE and (ROOT / path).is_file():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(path, label=label, icon=icon, query_params=state.carried(), width=150)
                st.caption(PURPOSES[label])
