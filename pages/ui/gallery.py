"""Galleries: one keyed component for any number of labelled blocks of thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from pages.ui import state

Tone = Literal["least", "random", "most"]
Layout = Literal["grid", "row"]

_FOLDER = Path(__file__).parent / "gallery_component"
_mount = st.components.v2.component(
    "jepascore_gallery",
    html=(_FOLDER / "gallery.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "gallery.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One thumbnail. `caption` stands below on the left, `badge` on the right, `percentile` (0 to 100) as a bar.

    Neighbours of one tone form a group under its name: least likely, random, most likely.
    """

    sample_key: str
    content_id: str
    caption: str = ""
    badge: str = ""
    percentile: float | None = None
    tone: Tone | None = None
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A block of tiles with an optional heading, for instance one class."""

    tiles: Sequence[Tile]
    title: str = ""
    subtitle: str = ""


@dataclass(frozen=True, slots=True)
class GalleryEvent:
    """A tile was clicked, or chosen with Enter: its sample key, and the position of its section."""

    sample_key: str
    section: int


def gallery(
    sections: Sequence[Section],
    key: str,
    *,
    label: str = "Images",
    size: int = 112,
    layout: Layout = "grid",
    selected: str | None = None,
    remember: str | None = None,
) -> GalleryEvent | None:
    """Draw the sections and return the tile that was chosen since the last run, if any.

    `size` is the side of a tile in pixels. "grid" wraps tiles; "row" keeps a group on one line that scrolls sideways.
    Every tile of the sample `selected` is marked. With `remember`, a chosen sample key is put into that query parameter
    before the page runs, so that the page reads it at its top and needs no second run.
    """
    data = {
        "label": label,
        "size": size,
        "layout": layout,
        "selected": selected,
        "sections": [asdict(section) for section in sections],
    }
    result = _mount(key=key, data=data, on_picked_change=partial(_remember, key, remember))
    return _event(result.picked, sections)


def _remember(key: str, parameter: str | None) -> None:
    picked = st.session_state[key].get("picked")
    if parameter is not None and isinstance(picked, dict):
        state.write(parameter, str(picked.get("sample_key")))


def _event(picked: Any, sections: Sequence[Section]) -> GalleryEvent | None:
    """What the browser reported, if it names a tile that is on the page: anything could come in over the socket."""
    match picked:
        case {"section": int(position), "sample_key": str(sample_key)} if 0 <= position < len(sections):
            if any(tile.sample_key == sample_key for tile in sections[position].tiles):
                return GalleryEvent(sample_key, position)
    return None
