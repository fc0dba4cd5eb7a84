"""What a report is made of, before it is a page."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with what is written below it. `content_id` says which; its bytes are fetched by who makes the page."""

    sample_key: str
    content_id: str
    caption: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures in a row under a title."""

    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their heads, [R][C]."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: sentences, then what there is of tables, pictures and figures. `colour` marks a verdict."""

    title: str
    texts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    figures: tuple[go.Figure, ...] = ()
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report of one dataset. `about` says what was measured, when and by which release."""

    title: str
    about: tuple[str, ...]
    sections: tuple[Section, ...]
