"""Review alone, by a server that takes its time: the file `delay` of its home says how many seconds."""

import time

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from jepascore_core.storage.home import home_folder
from jepascore_core.views.choices import shown_first
from pages.ui.app.routes import image_routes
from pages.ui.app.store import store
from pages.ui.review.page import draw_review
from pages.ui.widgets.components import script_routes


def draw() -> None:
    st.set_page_config(layout="wide")
    time.sleep(float((home_folder() / "delay").read_text()))
    scores = shown_first(store())
    if scores is not None:
        draw_review(scores)


if get_script_run_ctx(suppress_warning=True) is None:
    routes = image_routes(lambda dataset_id, content_id: store().uri_of(dataset_id, content_id))
    app = st.App(__file__, routes=[*routes, *script_routes()])
else:
    draw()
