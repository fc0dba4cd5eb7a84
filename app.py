"""The server and its home page: the server imports this file as an ASGI application, a visit runs it as a script."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from jepascore_core.views.overview import overview
from pages.ui.app.errors import show_error
from pages.ui.app.frame import frame
from pages.ui.app.lifespan import lifespan
from pages.ui.app.routes import image_routes
from pages.ui.app.store import store
from pages.ui.curate.routes import completion_routes
from pages.ui.explore.routes import list_routes
from pages.ui.home.page import draw_home
from pages.ui.map.routes import map_routes
from pages.ui.sample.routes import sample_routes
from pages.ui.widgets.components import script_routes

if get_script_run_ctx(suppress_warning=True) is None:
    routes = image_routes(lambda dataset_id, content_id: store().uri_of(dataset_id, content_id))
    routes += [*list_routes(store), *sample_routes(store), *completion_routes(store), *map_routes(store)]
    routes += script_routes()
    app = st.App(__file__, routes=routes, lifespan=lifespan, on_script_error=show_error)
else:
    with frame("Home"):
        draw_home(overview(store()))
