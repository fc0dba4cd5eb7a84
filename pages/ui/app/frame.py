"""Draw the frame around every page: page settings, menu, running work, and the error boundary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import streamlit as st

from jepascore_core.errors import JepaScoreError
from pages.ui.app import state
from pages.ui.app.activity import draw_activity
from pages.ui.app.address import begin_page
from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store
from pages.ui.app.texts import ABOUT, APP_NAME, PURPOSES

SIDEBAR_PIXELS = 244
#: Streamlit leaves 5rem to both sides and 7rem above the title, a sixth of what a laptop has for pictures. A name too
#: long for its list ends in an ellipsis; headings and numbers of a table stay on one line.
#: What the cross of a rule does is said to a screen reader.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 2.75rem 2.5rem 4rem; }
[data-testid="stHeader"], [data-testid="stSidebarHeader"] { height: 2.5rem; min-height: 2.5rem; }
[data-testid="stSidebarHeader"] { margin-bottom: 0; }
[data-testid="stMainBlockContainer"] h1 { padding: 0 0 0.75rem; }
[data-testid="stSelectbox"] input:not(:focus) { text-overflow: ellipsis; }
[data-testid="stTable"] :is(th, td + td) p { white-space: nowrap; }
[data-testid="stTable"] td > div { max-width: 44rem; }
[data-testid="stTable"] { overflow-x: auto; }
[class*="st-key-wide-"] { overflow-x: auto; }
[class*="st-key-wide-"] > * { min-width: 42rem; }
.st-key-chips [class*="st-key-remove-"] p { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%); }
[data-testid="stSidebar"] [data-testid="stAlert"] p { overflow-wrap: break-word; word-break: normal; }
</style>"""
ROOT = Path(__file__).resolve().parents[3]
ICON = Path(__file__).with_name("icon.svg")
MENU = (
    ("app.py", "Home", ":material/home:"),
    ("pages/runs.py", "Runs", ":material/play_circle:"),
    ("pages/explore.py", "Explore", ":material/grid_view:"),
    ("pages/map.py", "Map", ":material/scatter_plot:"),
    ("pages/compare.py", "Compare", ":material/compare:"),
    ("pages/distributions.py", "Distributions", ":material/bar_chart:"),
    ("pages/trust.py", "Trust", ":material/verified:"),
    ("pages/curate.py", "Curate", ":material/checklist:"),
    ("pages/review.py", "Review", ":material/rate_review:"),
    ("pages/duplicates.py", "Duplicates", ":material/content_copy:"),
    ("pages/labels.py", "Labels", ":material/label_off:"),
)


@contextmanager
def frame(title: str) -> Iterator[None]:
    """Draw what all pages share; the first statement of every page, around all the rest of it.

    A page that a visitor opens first runs without app.py, so nothing that a page needs may be left to be done there.
    """
    begin_page(title)
    # An own file as the icon: for a Material symbol the browser would ask a foreign server.
    st.set_page_config(f"{title} · {APP_NAME}", ICON, "wide", SIDEBAR_PIXELS, menu_items={"About": ABOUT})
    with st.sidebar, errors_shown():
        st.subheader(APP_NAME, anchor=False)
        draw_menu()
        draw_activity()
    st.html(STYLE)
    with st.container(horizontal=True, vertical_alignment="center", key="page-title"):
        st.title(title, anchor=False, width="content")
        if title in PURPOSES:
            st.caption(PURPOSES[title], width="content")
    with errors_shown(), ExitStack() as stack:
        with suppress(JepaScoreError):  # a catalogue that does not open is reported where the page reads it
            stack.enter_context(store().catalogue.connected())
        yield


def draw_menu() -> None:
    """Draw links to the pages that exist; they carry along what the visitor is looking at."""
    for path, label, icon in MENU:
        if (ROOT / path).is_file():
            st.page_link(path, label=label, icon=icon, query_params=state.carried())
