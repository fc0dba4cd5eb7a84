"""Colours, fonts and axes that all figures share."""

from __future__ import annotations

import html
import re
from typing import Any

import plotly.graph_objects as go

#: Okabe and Ito's colours, which colour-blind readers can distinguish, at least 3:1 on light and on dark ground: orange
#: and sky blue are darker than theirs, and black, invisible on dark ground, is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A87000", "#3A96D6", "#7A6FAC", "#7F8790")


NEUTRAL = "#7F8790"


#: The palette's blue is dim on dark ground in small marks or thin layers: this one is equally visible on both.
FINE_BLUE = "#1A84C4"


DASHES = ("solid", "dash", "dot", "dashdot")


HIGHER = "higher = more likely"


_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


_PLAIN = re.compile(r"[^\x00-\x1f\x7f\u2028\u2029&<>]*")


def shown(text: str, length: int = 60, keeps_end: int = 0) -> str:
    """Return outside text as Plotly shows it safely: on one line, without markup, and shortened.

    What is left out is before the last `keeps_end` characters.
    """
    if len(text) <= length and _PLAIN.fullmatch(text):  # true of nearly all texts; some figures have thousands
        return text
    plain = _CONTROL.sub(" ", text)
    if len(plain) > length:
        plain = f"{plain[: length - 1 - keeps_end]}…{plain[len(plain) - keeps_end :]}"
    return html.escape(plain, quote=False)


def quiet_figure(height: int = 340) -> go.Figure:
    """Return an empty figure without a legend, unless the caller turns it on."""
    return empty_figure(height, showlegend=False, hoverlabel={"align": "left"})


def empty_figure(height: int, **layout: Any) -> go.Figure:
    """Return an empty figure on transparent ground, with its legend above the plot."""
    # In one call: Plotly takes 2 ms for it, and 2 ms for every later change.
    return go.Figure(
        layout={
            "height": height,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
            # On a transparent ground Plotly would put its buttons on a dark bar.
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": PALETTE[0]},
            "xaxis": {"automargin": True},
            "yaxis": {"automargin": True},
            **layout,
        }
    )
