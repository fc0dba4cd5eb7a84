"""Draw a few images of a dataset, to recognise it by."""

from __future__ import annotations

import streamlit as st

from jepascore_core.views.examples import examples
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.widgets import texts
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.navigate import navigate

#: Side of an image in pixels, and how many there are.
SIDE, NUM_EXAMPLES = 56, 4


def draw_examples(dataset_id: str, name: str) -> None:
    """Draw some images of a dataset that has an index; a click on one opens it on Explore."""
    tiles = [
        Tile(item.sample_key, item.content_id, tooltip=item.label or item.sample_key)
        for item in examples(store(), dataset_id, NUM_EXAMPLES)
    ]
    if not tiles:
        return
    with st.container(key=f"examples-of-{dataset_id}"):
        picked = gallery(
            [Section(tiles)], f"examples-{dataset_id}", label=texts.images_of(name), size=SIDE, tools=(), layout="row"
        )
    if picked is not None:
        navigate("pages/explore.py", {state.DATASET: dataset_id, state.SAMPLE: picked.sample_key})
