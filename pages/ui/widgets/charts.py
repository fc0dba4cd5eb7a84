"""Draw a figure of the app, with downloads as PNG, SVG, HTML and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from jepascore_core.figures.files import PictureKind, figure_csv, figure_html, file_name, picture_config
from pages.ui.app import state
from pages.ui.app.text import plain
from pages.ui.widgets import texts
from pages.ui.widgets.hold import hold_key

_KINDS: tuple[PictureKind, ...] = ("png", "svg")


def chart(
    figure: go.Figure,
    key: str,
    title: str,
    *,
    selects: Iterable[Literal["points", "box", "lasso"]] = (),
    on_select: Callable[[], None] | None = None,
    is_wide: bool = False,
) -> Any:
    """Draw a figure with its downloads below it, and return plotly's event where something can be selected.

    `title` says what it shows; files are named after it. HTML and CSV are made once the downloads are opened, as data:
    what a function returns is lost when the figure is redrawn between the click and its request. `on_select` is called
    before the page runs, when the selection has changed. A figure that `is_wide` scrolls sideways where there is less
    room than its numbers need.
    """
    name = file_name("jepascore", title)
    modes = tuple(selects)
    config = picture_config(name, _kind())
    # The same element whatever the camera saves, so that a selection survives the choice.
    more: dict[str, Any] = {"on_select": on_select or "rerun", "selection_mode": modes} if modes else {}
    with st.container(gap="xxsmall"):
        with st.container(key=f"wide-{key}" if is_wide else None):
            event = st.plotly_chart(figure, key=key, config=config, alt=title, **more)
        _draw_downloads(figure, key, title, name)
    return event


def _kind() -> PictureKind:
    found = st.session_state.get(state.PICTURE_KIND)
    return "svg" if found == "svg" else "png"


def _draw_downloads(figure: go.Figure, key: str, title: str, name: str) -> None:
    opened = st.popover(
        texts.DOWNLOAD, icon=":material/download:", type="tertiary", key=f"{key}-downloads", on_change="rerun"
    )
    if not opened.open:
        return
    with opened:
        st.markdown(plain(title))
        picked = st.segmented_control(
            texts.CAMERA_FORMAT,
            _KINDS,
            format_func=str.upper,
            key=hold_key(f"{key}-kind", _kind()),
            required=True,
            on_change=_keep_kind,
            args=(f"{key}-kind",),
        )
        st.caption(texts.camera_hint(f"{name}.{picked or _kind()}"))
        with st.container(horizontal=True):
            files = (
                (texts.FIGURE_AS_HTML, "html", "text/html", figure_html(figure, title)),
                (texts.DATA_AS_CSV, "csv", "text/csv", figure_csv(figure)),
            )
            for label, suffix, kind, data in files:
                st.download_button(
                    label,
                    data,
                    f"{name}.{suffix}",
                    kind,
                    key=f"{key}-{suffix}",
                    on_click="ignore",
                )


def _keep_kind(key: str) -> None:
    st.session_state[state.PICTURE_KIND] = st.session_state[key]
