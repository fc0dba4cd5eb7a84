"""Figures as files: a self-contained HTML page, the data as CSV, and the browser's picture settings."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any, Literal

import plotly.graph_objects as go

from jepascore_core.storage.spreadsheets import neutralised

PictureKind = Literal["png", "svg"]

#: Pixels of a saved PNG per pixel on the screen: sharp in print.
PICTURE_SCALE = 2
_MAX_NAME = 80
#: Properties of a trace that hold data, one value for each of its points.
_POINTWISE = ("x", "y", "width", "q1", "median", "q3", "lowerfence", "upperfence", "hovertext")


def file_name(*parts: str) -> str:
    """Join parts to a file name that is valid on every system: letters, digits, dots and dashes."""
    words = (re.sub(r"[^\w.]+", "-", part).strip("-._") for part in parts)
    return "-".join(word for word in words if word)[:_MAX_NAME] or "figure"


def picture_config(name: str, kind: PictureKind = "png") -> dict[str, Any]:
    """Return Plotly's settings with which the camera button saves a picture of this name and kind."""
    options: dict[str, Any] = {"format": kind, "filename": name, "scale": PICTURE_SCALE if kind == "png" else 1}
    return {"displaylogo": False, "toImageButtonOptions": options, "responsive": True}


def figure_html(figure: go.Figure, title: str) -> str:
    """Return a page that shows the figure in any browser, with Plotly's script included."""
    page: str = figure.to_html(include_plotlyjs=True, full_html=True, config=picture_config(file_name(title)))
    return page.replace("<head>", f"<head><title>{html.escape(title)}</title>", 1)


def figure_csv(figure: go.Figure) -> str:
    """Return the data behind a figure, one row per point under a header; a heat map has one row per cell."""
    rows = [row for trace in figure.data for row in _rows(trace, figure)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns, lineterminator="\n", restval="")
    writer.writerow({name: neutralised(name) for name in columns})
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return sink.getvalue()


def _rows(trace: Any, figure: go.Figure) -> list[dict[str, Any]]:
    if trace.type == "heatmap":
        return _cells(trace, figure)
    found: dict[str, Any] = {name: getattr(trace, name, None) for name in _POINTWISE}
    named = {name: values for name, values in found.items() if _is_list(values)}
    length = max((len(values) for values in named.values()), default=0)
    keys: Any = trace.customdata if _is_list(trace.customdata) and len(trace.customdata) == length else None
    rows = []
    for place in range(length):
        row: dict[str, Any] = {"series": trace.name} if trace.name else {}
        for name, values in named.items():
            if len(values) == length:
                row[_title(figure, name)] = values[place]
        if keys is not None:
            key = keys[place][0] if _is_list(keys[place]) else keys[place]
            # Positions are useful to the page only.
            row |= {"id": key} if isinstance(key, str) else {}
        rows.append(row)
    return rows


def _cells(trace: Any, figure: go.Figure) -> list[dict[str, Any]]:
    # Where the axes have no room for names, a square map has them in `meta`.
    names = trace.meta or ()
    down, across = names or figure.layout.yaxis.ticktext or (), names or figure.layout.xaxis.ticktext or ()
    return [
        {"row": _tick(down, i), "column": _tick(across, j), "value": value}
        for i, line in enumerate(trace.z)
        for j, value in enumerate(line)
    ]


def _tick(texts: Any, place: int) -> Any:
    return texts[place] if place < len(texts) else place


def _title(figure: go.Figure, name: str) -> str:
    """Return the name of a column: the title of its axis, which has the unit."""
    if name == "hovertext":
        return "description"
    axis = figure.layout.xaxis if name == "x" else figure.layout.yaxis if name == "y" else None
    return (axis.title.text if axis is not None else None) or name


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def _cell(value: Any) -> Any:
    """Convert a value of a figure, which holds HTML, to plain text without spreadsheet formulas."""
    if isinstance(value, str):
        return neutralised(html.unescape(value.replace("<br>", "; ")))
    return value
