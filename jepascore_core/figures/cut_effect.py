"""Figure of accuracy against the share kept: one line an order, beside the band of cuts at random."""

from __future__ import annotations

import plotly.graph_objects as go

from jepascore_core.curation.cut_effect.curve import SHARES, CurveLine, CutCurve
from jepascore_core.figures.style import DASHES, NEUTRAL, PALETTE, empty_figure, shown
from jepascore_core.formatting import number_text

_BAND = "rgba(127,135,144,0.3)"  # NEUTRAL
_VERDICTS = {"better": "better than random", "no better": "no better than random", "worse": "worse than random"}


def cut_curve_figure(curve: CutCurve) -> go.Figure:
    """Plot accuracy against share kept; points that differ from random cuts beyond chance are filled."""
    kept = [100.0, *(100 * share for share in SHARES)]
    at_all = 100 * curve.accuracy_all
    figure = empty_figure(420)
    lows = [at_all, *(100 * item.lower for item in curve.random)]
    highs = [at_all, *(100 * item.upper for item in curve.random)]
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=kept, y=lows, showlegend=False, **band))
    figure.add_trace(go.Scatter(x=kept, y=highs, name="95 % of random cuts", fill="tonexty", fillcolor=_BAND, **band))
    middle = [at_all, *(100 * item.value for item in curve.random)]
    dotted = {"color": NEUTRAL, "dash": "dot"}
    figure.add_trace(go.Scatter(x=kept, y=middle, name="random", mode="lines", line=dotted, hoverinfo="skip"))
    for number, line in enumerate(curve.lines):
        figure.add_trace(_line(line, at_all, PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]))
    figure.update_xaxes(title="Kept of each class (%)", autorange="reversed")
    figure.update_yaxes(title="Accuracy on held-out images (%)")
    return figure


def _line(line: CurveLine, at_all: float, colour: str, dash: str) -> go.Scatter:
    texts = ["all"]
    for point in line.points:
        value, lower, upper = (number_text(100 * part, "+.1f") for part in point.difference)
        texts.append(f"{value} points ({lower} to {upper}), {_VERDICTS[point.verdict]}")
    symbols = ["circle-open", *("circle-open" if at.verdict == "no better" else "circle" for at in line.points)]
    return go.Scatter(
        x=[100.0, *(100 * point.share for point in line.points)],
        y=[at_all, *(100 * point.accuracy for point in line.points)],
        name=shown(line.title),
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"symbol": symbols, "size": 8, "color": colour},
        text=texts,
        hovertemplate="%{fullData.name}<br>%{x:.0f} % kept: %{y:.1f} %<br>%{text}<extra></extra>",
    )
