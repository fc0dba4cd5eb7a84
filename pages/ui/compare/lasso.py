"""Store the selected areas of a scatter plot in the URL, so that a copied link selects them, too."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.ui.app import state

#: Corners that are kept of a lasso: two decimals and a URL of reasonable length.
MAX_CORNERS = 40
#: A point that was clicked is the square around it, in percentile points.
CLICK = 0.02

Corners = Sequence[tuple[float, float]]

_NUMBER = r"-?[0-9]{1,3}(?:\.[0-9]{1,2})?"
_POLYGON = re.compile(rf"{_NUMBER}:{_NUMBER}(?:_{_NUMBER}:{_NUMBER}){{2,{MAX_CORNERS}}}")


def keep_area(key: str) -> None:
    """Write the selection of the scatter plot `key` to the URL; for a callback, which runs before the page."""
    found = st.session_state[key].selection
    polygons: list[Corners] = [list(zip(lasso["x"], lasso["y"], strict=True)) for lasso in found.lasso]
    polygons += [_square(box["x"], box["y"]) for box in found.box]
    if not polygons:
        clicked = [point for point in found.points if point.get("customdata")]
        polygons = [_square((p["x"] - CLICK, p["x"] + CLICK), (p["y"] - CLICK, p["y"] + CLICK)) for p in clicked[:8]]
    state.write(state.AREA, "!".join(map(_to_text, polygons)) or None)


def _square(across: Sequence[float], up: Sequence[float]) -> Corners:
    (left, right), (low, high) = across, up
    return [(left, low), (right, low), (right, high), (left, high)]


def _to_text(corners: Corners) -> str:
    step = -(-len(corners) // MAX_CORNERS)
    return "_".join(f"{x:.2f}:{y:.2f}" for x, y in corners[::step])


def is_in_area(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which of the points [N, 2] lie in the areas of the URL, [N]."""
    inside = np.zeros(len(points), dtype=bool)
    for text in (state.read_text(state.AREA) or "").split("!"):
        if _POLYGON.fullmatch(text):
            corners = np.array([[float(number) for number in corner.split(":")] for corner in text.split("_")])
            inside |= _is_inside(points, corners)
    return inside


def _is_inside(points: npt.NDArray[np.float64], corners: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which points see an odd number of crossings of the outline to their right."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points.T
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside
