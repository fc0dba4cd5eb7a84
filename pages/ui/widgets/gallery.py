"""Galleries: one keyed component for any number of labelled blocks of thumbnails, on every page."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, get_args

import streamlit as st

from pages.ui.app import state
from pages.ui.widgets.components import component
from pages.ui.widgets.decisions import Desk, act, desk_data

Tone = Literal["least", "random", "most"]
Layout = Literal["grid", "row", "flow"]
#: What can be switched on and off below each picture, and the slider of the size.
Tool = Literal["size", "score", "percentile", "label", "bar"]

SCORE_TOOLS: tuple[Tool, ...] = get_args(Tool)
#: What is shown until somebody switches it.
SHOWN_AT_FIRST: tuple[Tool, ...] = ("score", "percentile", "bar")
SMALLEST, LARGEST = 48, 256

_mount = component("gallery", "tile")


@dataclass(frozen=True, slots=True)
class Tile:
    """One thumbnail. `caption` stands below on the left, `badge` on the right, `note` and `label` under them,
    `percentile` (0 to 100) as a bar.

    Neighbours of one tone form a group under its name: least likely, random, most likely.
    """

    sample_key: str
    content_id: str
    caption: str = ""
    badge: str = ""
    percentile: float | None = None
    tone: Tone | None = None
    tooltip: str = ""
    label: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A box plot beside a heading: places in percent of an axis that all boxes share, and its words."""

    low: float
    lower: float
    median: float
    upper: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A block of tiles with an optional heading, for instance one class.

    `row` names one of several blocks under one title; those after the first have no `title`.
    """

    tiles: Sequence[Tile]
    title: str = ""
    subtitle: str = ""
    row: str = ""
    box: Box | None = None


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
    fits: bool = False,
    layout: Layout = "grid",
    selected: str | None = None,
    remember: str | None = None,
    tools: Sequence[Tool] = ("size",),
    dataset_id: str | None = None,
    who: str | None = None,
    collects: bool = False,
    inspect: str | None = None,
    on_open: Callable[[int], None] | None = None,
) -> GalleryEvent | None:
    """Draw the sections and return the tile that was chosen since the last run, if any.

    Args:
        sections: what is drawn.
        key: of this gallery, unlike any other of the page.
        label: its name for a screen reader.
        size: side of a tile in pixels, unless the URL says another.
        fits: unless the URL says a size, tiles are as large as lets the least, or the most, likely of a section stand
            in one row; where they would be too small to see, they stand in as few even rows as possible.
        layout: "grid" wraps tiles; "row" keeps a group on one line that scrolls sideways, and sets groups side by side
            where they are short; "flow" does so with sections.
        selected: every tile of this sample is marked.
        remember: query parameter that a chosen sample key is put into before the page runs, so that the page reads it
            at its top and needs no second run.
        tools: switches above the tiles. Size and switches are in the URL, shared by all galleries of a page.
        dataset_id: of all tiles: Space then shows the image itself instead of its thumbnail, and what people decided
            is marked.
        who: whose decisions the keys make and undo; without a name there are none.
        collects: `selection(key)` tells which tiles are selected.
        inspect: query parameter that a sample key is put into by a button on its tile, or O, where a click means
            something else than to look at it.
        on_open: called with the position of the section whose title was clicked; without it titles are only text.
    """
    keys = {tile.sample_key: tile.content_id for section in sections for tile in section.tiles}
    desk = Desk(key, dataset_id, who, keys) if dataset_id else None
    data = {
        "label": label,
        "size": _size(size, fits) if "size" in tools else size,
        "can_fit": fits,
        "layout": layout,
        "selected": selected,
        "tools": tools,
        "show": _shown() if "score" in tools else SHOWN_AT_FIRST,
        "collects": collects,
        "inspects": inspect is not None,
        **desk_data(desk),
        "opens": on_open is not None,
        "sections": [asdict(section) for section in sections],
    }
    result = _mount(
        key=key,
        data=data,
        on_picked_change=partial(_remember, key, remember),
        on_viewed_change=partial(_remember_view, key),
        on_acted_change=partial(_act, key, desk),
        on_opened_change=partial(_open, key, len(sections), on_open),
        on_inspected_change=partial(_inspect, key, inspect, keys),
        on_chosen_change=_nothing,
    )
    return _event(result.picked, sections)


def selection(key: str, among: Iterable[str]) -> tuple[str, ...]:
    """Sample keys that are selected in a gallery, as far as they are `among` those that it shows."""
    value = st.session_state.get(key)
    chosen = value.get("chosen") if value else None
    wanted = {item for item in chosen if isinstance(item, str)} if isinstance(chosen, list) else set()
    return tuple(dict.fromkeys(item for item in among if item in wanted))


def _nothing() -> None:
    """A component only reports what somebody listens for."""


def _reported(key: str, name: str) -> Any:
    return st.session_state[key].get(name)


def _remember(key: str, parameter: str | None) -> None:
    picked = _reported(key, "picked")
    if parameter is not None and isinstance(picked, dict):
        state.write(parameter, str(picked.get("sample_key")))


def _inspect(key: str, parameter: str | None, known: Container[str]) -> None:
    inspected = _reported(key, "inspected")
    if parameter is not None and isinstance(inspected, str) and inspected in known:
        state.write(parameter, inspected)


def _remember_view(key: str) -> None:
    match _reported(key, "viewed"):
        case {"size": int() | None as size, "show": [*names]}:
            state.write(state.SIZE, None if size is None else min(max(size, SMALLEST), LARGEST))
            shown = [name for name in SCORE_TOOLS if name in names]
            state.write(state.SHOW, ",".join(shown) or "nothing")


def _size(default: int, fits: bool) -> int | None:
    """What the URL says, else the default; None where tiles are to fit."""
    chosen = state.read_int(state.SIZE, 0, 0, LARGEST)
    return max(chosen, SMALLEST) if chosen else None if fits else default


def _shown() -> tuple[Tool, ...]:
    text = state.read_text(state.SHOW)
    names = () if text is None else text.split(",")
    return SHOWN_AT_FIRST if text is None else tuple(name for name in SCORE_TOOLS if name in names)


def _act(key: str, desk: Desk | None) -> None:
    if desk is not None:
        report = _reported(key, "acted")
        act(desk, report.get("actions") if isinstance(report, dict) else None)


def _open(key: str, num_sections: int, on_open: Callable[[int], None] | None) -> None:
    position = _reported(key, "opened")
    if on_open is not None and isinstance(position, int) and 0 <= position < num_sections:
        on_open(position)


def _event(picked: Any, sections: Sequence[Section]) -> GalleryEvent | None:
    """What the browser reported, if it names a tile that is on the page: anything could come in over the socket."""
    match picked:
        case {"section": int(position), "sample_key": str(sample_key)} if 0 <= position < len(sections):
            if any(tile.sample_key == sample_key for tile in sections[position].tiles):
                return GalleryEvent(sample_key, position)
    return None
