"""What the home page shows."""

from __future__ import annotations

import streamlit as st

from jepascore_core.runs import request_demo
from jepascore_core.views.formats import plural
from jepascore_core.views.overview import DatasetOverview, Overview
from pages.ui import state
from pages.ui.cached import store
from pages.ui.frame import MENU, ROOT
from pages.ui.text import plain

PURPOSES = {
    "pages/runs.py": "Add images, pick backbones, start measuring and watch it.",
    "pages/explore.py": "The least and most likely images of every class.",
    "pages/compare.py": "The same class under two or more backbones.",
    "pages/distributions.py": "Score histograms across datasets.",
    "pages/curate.py": "Choose what to keep, preview what is dropped, export the list.",
}


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
    facts = [dataset.index.state_text]
    if choice.has_index:
        facts = [plural(choice.num_samples, "sample"), plural(choice.num_classes, "class")]
        facts.append(f"measured with {plural(len(dataset.measured), 'backbone')}")
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f"**{plain(choice.name)}**")
        st.caption(plain(" · ".join(facts)))
        st.caption(plain(dataset.source))


def _draw_pages() -> None:
    for path, label, icon in MENU:
        if path in PURPOSES and (ROOT / path).is_file():
            link, purpose = st.columns([1, 4], vertical_alignment="center")
            link.page_link(path, label=label, icon=icon, query_params=state.carried())
            purpose.caption(PURPOSES[path])
