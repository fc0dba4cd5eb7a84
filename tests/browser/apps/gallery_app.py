"""A page with every kind of gallery, on thumbnails that the test put into its home folder. Run like app.py."""

import json

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from jepascore_core.storage.home import home_folder
from pages.ui.app import state
from pages.ui.app.routes import image_routes
from pages.ui.app.store import store
from pages.ui.widgets.components import script_routes
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, Tile, gallery, selection

HOSTILE = "<img src=x onerror=alert(1)>"


def draw() -> None:
    st.set_page_config(layout="wide")
    tiles = [Tile(**values) for values in json.loads((home_folder() / "tiles.json").read_text())]
    chosen = state.read_text(state.SAMPLE)
    st.text(f"chosen: {chosen}")
    by_class = [
        Section(tiles[start : start + 24], title=f"class {start // 24} {HOSTILE}", subtitle="24 images")
        for start in range(0, len(tiles), 24)
    ]
    dataset = store().catalogue.find_dataset("tiles")
    event = gallery(
        by_class,
        key="classes",
        label="Classes",
        size=96,
        selected=chosen,
        remember=state.SAMPLE,
        tools=SCORE_TOOLS,
        dataset_id=dataset and dataset.dataset_id,
        who="ada" if dataset else None,
        collects=True,
    )
    st.session_state.events = st.session_state.get("events", 0) + (event is not None)
    st.text(f"events: {st.session_state.events}")
    st.text(f"event: {event}")
    st.text(f"selected: {', '.join(selection('classes', [tile.sample_key for tile in tiles]))}")
    strip = gallery([Section(tiles[:24])], key="strip", label="Strip", layout="row", selected=chosen, tools=())
    st.text(f"strip: {strip}")


if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(__file__, routes=[*image_routes(lambda _dataset_id, _content_id: None), *script_routes()])
else:
    draw()
