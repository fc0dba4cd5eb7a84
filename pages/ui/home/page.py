"""What the home page shows."""

from __future__ import annotations

import streamlit as st

from jepascore_core.jobs.requests import request_demo
from jepascore_core.views.overview import DatasetOverview, Overview
from pages.ui.app import state
from pages.ui.app.frame import MENU, ROOT
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.choose_scores import describe_dataset, plain_title
from pages.ui.widgets.failures import draw_unreadable

PURPOSES = {
    "pages/runs.py": "Add images, pick backbones, start measuring and watch it.",
    "pages/explore.py": "The least and most likely images of every class.",
    "pages/compare.py": "The same class under two or more backbones.",
    "pages/distributions.py": "Score histograms across datasets.",
    "pages/trust.py": "May the score be read as a density on your data? And cheaper scores beside it.",
    "pages/curate.py": "Choose what to keep, preview what is dropped, export the list.",
    "pages/review.py": "Decide sample by sample, with the keyboard.",
    "pages/duplicates.py": "Exact and near duplicates, group by group.",
}

RUNS_PAGE = "pages/runs.py"
#: Where the card of a dataset with scores leads.
RESULT_PAGES = ("pages/explore.py", "pages/curate.py")
MAX_TITLES = 3


def draw_home(overview: Overview) -> None:
    """One line of what this is, what is here, and where to go."""
    st.markdown(
        "How likely is each image of a dataset under a vision backbone? "
        "The higher its JEPA-SCORE, the more typical it is."
    )
    if overview.is_empty:
        _draw_nothing_yet()
    for dataset in overview.datasets:
        _draw_dataset(dataset)
    _draw_pages()


def _draw_nothing_yet() -> None:
    with st.container(border=True):
        st.subheader("Nothing here yet", anchor=False)
        st.markdown("Add images of your own on the Runs page, or look around with 1,797 handwritten digits first.")
        if st.button("Add the demo", type="primary", icon=":material/add_photo_alternate:"):
            with st.spinner("Making the demo's images"):
                request_demo(store())
            st.rerun()


def _draw_dataset(dataset: DatasetOverview) -> None:
    choice = dataset.choice
    with st.container(border=True, key=f"home-{choice.dataset_id}"):
        text, links = st.columns([3, 2], vertical_alignment="center")
        with text, st.container(gap="xxsmall"):
            st.markdown(f"**{plain(choice.name)}**")
            st.caption(plain(describe_dataset(choice) if choice.has_index else dataset.index.state_text))
            st.caption(plain(_scores_text(dataset)))
            if dataset.index.error:
                st.caption(plain(dataset.index.error))
        with links, st.container(horizontal=True, horizontal_alignment="right"):
            for path, label, icon in MENU:
                if path in (RESULT_PAGES if dataset.measured else (RUNS_PAGE,)):
                    st.page_link(path, label=label, icon=icon, query_params={state.DATASET: choice.dataset_id})
        draw_unreadable(choice)


def _scores_text(dataset: DatasetOverview) -> str:
    """What it was measured with, or why it has no index."""
    if dataset.measured:
        titles = [plain_title(choice) for choice in dataset.measured[:MAX_TITLES]]
        more = len(dataset.measured) - len(titles)
        return f"Scores: {', '.join(titles)}{f' and {more} more' if more else ''}"
    return "No scores yet" if dataset.choice.has_index else dataset.index.message


def _draw_pages() -> None:
    for path, label, icon in MENU:
        if path in PURPOSES and (ROOT / path).is_file():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(path, label=label, icon=icon, query_params=state.carried(), width=150)
                st.caption(PURPOSES[path])
