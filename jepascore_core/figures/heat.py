"""Colours of heat maps from one extreme to the other."""

from __future__ import annotations

from jepascore_core.figures.style import FINE_BLUE, PALETTE

#: From strictly opposite to equal order. The luminance of each colour is such that black has more contrast than white,
#: at least 4.5:1.
DIVERGING = [[0, PALETTE[1]], [0.5, "#E9EDF0"], [1, FINE_BLUE]]
#: Plotly's own choice, a grey, is faint on blue and orange. Without a size it fits the cell.
CELL_FONT = {"color": "#000000"}
