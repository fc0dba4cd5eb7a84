"""Figures of how much backbones agree: percentiles against each other, rank correlations, shared extremes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from jepascore_core.figures.scores import room_for_legend
from jepascore_core.figures.style import FINE_BLUE, HIGHER, NEUTRAL, PALETTE, quiet_figure, shown
from jepascore_core.formatting import rho_text
from jepascore_core.views.agreement import Agreement, PercentilePair, PercentileScatter
from jepascore_core.views.overlaps import OverlapCurve


def percentile_scatter_figure(
    scatter: PercentileScatter, errors: tuple[float | None, float | None] = (None, None)
) -> go.Figure:
    """Plot percentiles under two backbones; on the diagonal they agree. The customdata is [sample key, content id].

    `errors` are half widths of the median prediction interval, across and up, in percentile points; None where scores
    are exact. A cross in a corner shows them.
    """
    figure = quiet_figure(height=440)
    figure.add_shape(type="line", x0=0, y0=0, x1=100, y1=100, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    figure.add_trace(
        go.Scattergl(
            x=np.array([point.first for point in scatter.points]),
            y=np.array([point.second for point in scatter.points]),
            # Plotly inspects every item of a list, and takes an array as it is.
            customdata=np.array([[point.sample_key, point.content_id] for point in scatter.points], dtype=object),
            hovertext=np.array([_pair_text(point) for point in scatter.points], dtype=object),
            hovertemplate="%{hovertext}<extra></extra>",
            mode="markers",
            name="samples",
            marker={"color": FINE_BLUE, "size": 6, "opacity": 0.85},
        )
    )
    if any(errors):
        figure.add_trace(_usual_error(*errors))
        figure.update_layout(showlegend=True)
    axis = {"range": [-1, 101], "dtick": 25, "constrain": "domain", "zeroline": False}
    figure.update_xaxes(title=f"Percentile under {shown(scatter.first_title)} (%), {HIGHER}", **axis)
    figure.update_yaxes(title=f"Percentile under {shown(scatter.second_title)} (%)", scaleanchor="x", **axis)
    figure.update_layout(dragmode="lasso")
    return figure


def _usual_error(across: float | None, up: float | None) -> go.Scatter:
    """Draw the error cross in the upper left corner, where backbones that agree at all have few points."""
    bars = [{"type": "constant", "value": value or 0.0, "thickness": 2, "width": 6} for value in (across, up)]
    return go.Scatter(
        x=[max(12.0, 2 + (across or 0.0))],
        y=[min(88.0, 98 - (up or 0.0))],
        error_x=bars[0],
        error_y=bars[1],
        mode="markers",
        marker={"color": PALETTE[1], "size": 7, "symbol": "cross"},
        name="median interval of an estimate",
        hovertemplate="exact percentiles are expected within these bars, around a point<extra></extra>",
    )


def _pair_text(point: PercentilePair) -> str:
    return (
        f"{shown(point.sample_key)}<br>class {shown(point.label or '(no label)', 30)}"
        f"<br>{point.first:.1f} % and {point.second:.1f} %"
    )


def agreement_figure(agreement: Agreement, measure: Literal["spearman", "kendall"] = "spearman") -> go.Figure:
    """Draw a heat map of the rank correlations, with their values.

    Long titles are replaced by their numbers along the horizontal axis; `meta` has them in full.
    """
    matrix = agreement.spearman if measure == "spearman" else agreement.kendall
    names = [shown(title, 36) for title in agreement.titles]
    ticks = {"tickvals": list(range(len(names))), "showgrid": False, "zeroline": False}
    figure = quiet_figure(height=210 + 56 * len(names))
    figure.add_trace(
        go.Heatmap(
            z=matrix,
            zmin=-1,
            zmax=1,
            colorscale=[[0, PALETTE[1]], [0.5, "#E9EDF0"], [1, PALETTE[0]]],
            text=[[rho_text(value) for value in row] for row in matrix],
            texttemplate="%{text}",
            textfont={"size": 12},
            xgap=2,
            ygap=2,
            meta=names,
            hovertemplate="%{text}<extra></extra>",
            # Below: beside it the names leave little width to the numbers.
            colorbar={
                "title": {"text": "Spearman's ρ" if measure == "spearman" else "Kendall's τ"},
                "thickness": 12,
                "orientation": "h",
                "y": 0,
                "yanchor": "top",
            },
        )
    )
    figure.update_xaxes(**ticks, ticktext=[str(place) for place in range(1, len(names) + 1)], side="top")
    numbered = [f"{name} · {place}" for place, name in enumerate(names, start=1)]
    figure.update_yaxes(**ticks, ticktext=numbered, autorange="reversed")
    return figure


def overlap_figure(curves: Sequence[OverlapCurve]) -> go.Figure:
    """Plot the mean share of each class's n extremes that backbones have in common over n, on a logarithmic scale.

    Solid are the least likely, dashed the most likely, dotted what unrelated scores would share.
    """
    figure = quiet_figure(height=380)
    alone = len(curves) == 1  # the page names the two
    for position, curve in enumerate(curves):
        colour = PALETTE[position % len(PALETTE)]
        sides = (("least likely", curve.least, "solid", "circle"), ("most likely", curve.most, "dash", "diamond"))
        for side, shares, dash, symbol in sides:
            name = side if alone else f"{shown(curve.title, 60)}: {side}"
            figure.add_trace(
                go.Scatter(
                    x=curve.sizes,
                    y=[100 * share for share in shares],
                    name=name,
                    mode="lines+markers",
                    line={"color": colour, "width": 2, "dash": dash},
                    marker={"symbol": symbol, "size": 7},
                    hovertext=[
                        f"{name}<br>{100 * share:.0f} % of the {n} have both in common"
                        f"<br>mean of {classes:,} classes; by chance {100 * chance:.0f} %"
                        for n, share, classes, chance in zip(
                            curve.sizes, shares, curve.num_classes, curve.by_chance, strict=True
                        )
                    ],
                    hovertemplate="%{hovertext}<extra></extra>",
                )
            )
    if curves:
        figure.add_trace(
            go.Scatter(
                x=curves[0].sizes,
                y=[100 * chance for chance in curves[0].by_chance],
                name="by chance",
                mode="lines",
                line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
                hovertemplate="by chance %{y:.0f} %<extra></extra>",
            )
        )
        figure.update_xaxes(tickvals=curves[0].sizes)
    figure.update_xaxes(title="n, extremes of each class", type="log")
    figure.update_yaxes(title="In common, mean of the classes (%)", range=[-3, 103], zeroline=False)
    return figure.update_layout(showlegend=True, **room_for_legend(figure))
