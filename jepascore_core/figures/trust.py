"""Figures of the Trust page: how Gaussian embeddings are, the results of the density check, and the Langevin walk.

Like the others: for light and dark ground alike, and every text from outside is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from jepascore_core.density_check.results import DensityCell, Langevin
from jepascore_core.figures.heat import CELL_FONT, DIVERGING
from jepascore_core.figures.scores import HALO, bar_marker
from jepascore_core.figures.style import NEUTRAL, PALETTE, empty_figure, shown
from jepascore_core.formatting import rho_text
from jepascore_core.trust.agreement import BaselineAgreement
from jepascore_core.trust.confounds import PROPERTY_TITLES, WARN_FROM, Confound
from jepascore_core.trust.gaussianity import Gaussianity
from jepascore_core.trust.planted.result import PlantedCell, PlantedResult

#: Correlation of the score with the true log density that a heat map shows.
DensityMeasure = Literal["pearson", "spearman", "within"]

#: Log density from low to high: fading in from the ground, light or dark.
FIELD = [[0, "rgba(0,114,178,0)"], [0.5, "rgba(0,114,178,0.5)"], [1, "rgba(0,114,178,1)"]]  # PALETTE[0]
_BAND = "rgba(26,132,196,0.35)"  # FINE_BLUE


def projections_figure(view: Gaussianity) -> go.Figure:
    """Plot random one-dimensional projections (median and middle 80 %) over the standard normal density."""
    edges = np.array(view.edges)
    centres = (edges[:-1] + edges[1:]) / 2
    low, middle, high = view.densities
    figure = empty_figure(320)
    figure.add_trace(_line(centres, high, "", width=0, hover=False, showlegend=False))
    band = _line(centres, low, "80 % of the projections", width=0, hover=False)
    figure.add_trace(band.update(fill="tonexty", fillcolor=_BAND))
    figure.add_trace(_line(centres, middle, "median projection", PALETTE[0]))
    normal = np.exp(-0.5 * np.square(centres)) / math.sqrt(2 * math.pi)
    figure.add_trace(_line(centres, normal, "standard normal", PALETTE[1], dash="dash"))
    figure.update_xaxes(title="Along a random direction (standard deviations)")
    figure.update_yaxes(title="Density", rangemode="tozero")
    return figure


def lengths_figure(view: Gaussianity) -> go.Figure:
    """Plot lengths of the whitened embeddings, and those of a Gaussian sample of the same size."""
    edges = np.array(view.length_edges)
    centres = (edges[:-1] + edges[1:]) / 2
    figure = empty_figure(320)
    width = float(edges[1] - edges[0])
    bars = {"width": width, "marker": bar_marker(PALETTE[0], alone=True)}
    figure.add_trace(go.Bar(x=centres, y=view.lengths, name="embeddings", **bars))
    figure.add_trace(_line(centres, view.normal_lengths, "", HALO, width=3.5, hover=False, showlegend=False))
    figure.add_trace(_line(centres, view.normal_lengths, "true Gaussian", PALETTE[1], dash="dash"))
    figure.update_layout(bargap=0)
    figure.update_xaxes(title=f"Norm / √{view.num_directions} (1 = on the sphere)")
    figure.update_yaxes(title="Share of images (%)", rangemode="tozero")
    return figure


def planted_figure(result: PlantedResult) -> go.Figure:
    """Heat map of AUROCs, kinds of defects down, scores across; arrows say how defects rank where that is certain.

    A second line in each cell is the precision at the review budget.
    """
    cells = [[result.cell(kind.name, score.name) for score in result.scores] for kind in result.kinds]
    arrows = {"less likely": " ↓", "more likely": " ↑", "unclear": ""}
    texts = [
        [f"{cell.auroc:.2f}{arrows[cell.direction]}<br>{100 * cell.precision:.0f} %" for cell in row] for row in cells
    ]
    figure = empty_figure(height=120 + 40 * len(result.kinds))
    figure.add_trace(
        go.Heatmap(
            z=[[cell.auroc for cell in row] for row in cells],
            x=[shown(score.title) for score in result.scores],
            y=[shown(kind.title) for kind in result.kinds],
            zmin=0,
            zmax=1,
            colorscale=DIVERGING,
            text=texts,
            texttemplate="%{text}",
            textfont=CELL_FONT,
            xgap=2,
            ygap=2,
            hovertext=[[_planted_text(cell) for cell in row] for row in cells],
            hovertemplate="%{y}, %{x}<br>%{hovertext}<extra></extra>",
            colorbar={"title": {"text": "AUROC"}, "thickness": 12},
        )
    )
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _planted_text(cell: PlantedCell) -> str:
    interval = f"{cell.auroc:.2f} (95 % interval {cell.lower:.2f} to {cell.upper:.2f})"
    return f"AUROC {interval}<br>{100 * cell.precision:.0f} % defects in a budget of 5 % (chance: 5 %)"


def density_figure(cells: Sequence[DensityCell], measure: DensityMeasure) -> go.Figure:
    """Draw a heat map of a correlation of the score with the true log density: dimensions up, samples across.

    Cells that were not run are empty; those with a constant score show a dash. If several recipes have results, the one
    with the greatest key is shown.
    """
    dimensions = sorted({cell.dimension for cell in cells})
    counts = sorted({cell.num_samples for cell in cells})
    found = {(cell.dimension, cell.num_samples): cell for cell in cells}
    rows = [[found.get((dimension, count)) for count in counts] for dimension in dimensions]
    values = [[None if cell is None else getattr(cell, measure) for cell in row] for row in rows]
    texts = [["" if cell is None else rho_text(getattr(cell, measure)) for cell in row] for row in rows]
    figure = empty_figure(height=150 + 44 * max(1, len(dimensions)))
    figure.add_trace(
        go.Heatmap(
            z=values,
            zmin=-1,
            zmax=1,
            colorscale=DIVERGING,
            text=texts,
            texttemplate="%{text}",
            textfont=CELL_FONT,
            xgap=2,
            ygap=2,
            hovertext=[[_cell_text(cell) for cell in row] for row in rows],
            hovertemplate="%{hovertext}<extra></extra>",
            colorbar={"title": {"text": {"pearson": "Pearson's r"}.get(measure, "Spearman's ρ")}, "thickness": 12},
        )
    )
    plain = {"showgrid": False, "zeroline": False}
    figure.update_xaxes(
        title="Training samples", tickvals=list(range(len(counts))), ticktext=[f"{n:,}" for n in counts], **plain
    )
    figure.update_yaxes(title="Dimension D", tickvals=list(range(len(dimensions))), ticktext=dimensions, **plain)
    return figure


def langevin_figure(walk: Langevin) -> go.Figure:
    """Animate the walk from uniform points to samples of the learned score, over the true log density."""
    # Walkers that strayed beyond the field are shown whole, too: a point at the edge would be cut.
    limit = 1.04 * max(walk.axis[-1], np.abs(np.concatenate([np.asarray(frame) for frame in walk.frames])).max())
    figure = empty_figure(height=560)
    figure.add_trace(
        go.Heatmap(
            x=walk.axis,
            y=walk.axis,
            z=np.asarray(walk.log_density),
            colorscale=FIELD,
            zsmooth="best",
            hoverinfo="skip",
            colorbar={"title": {"text": "true log p (nats)"}, "thickness": 12},
        )
    )
    figure.add_trace(_walkers(walk.frames[-1]))
    figure.frames = [
        go.Frame(data=[_walkers(frame)], traces=[1], name=str(step))
        for frame, step in zip(walk.frames, walk.steps, strict=True)
    ]
    axis = {"range": [-limit, limit], "constrain": "domain", "zeroline": False, "showgrid": False}
    figure.update_xaxes(title="x", **axis)
    figure.update_yaxes(title="y", scaleanchor="x", **axis)
    figure.update_layout(sliders=[_slider(walk)], updatemenus=[_play_button()], margin={"b": 96})
    return figure


def baselines_figure(rows: Sequence[BaselineAgreement]) -> go.Figure:
    """Draw a bar for each baseline score: its rank correlation with the JEPA-SCORE."""
    return _correlation_bars([(row.title, row.spearman) for row in rows])


def confounds_figure(rows: Sequence[Confound]) -> go.Figure:
    """Draw a bar for each image property: its rank correlation with the JEPA-SCORE, and where warnings begin."""
    figure = _correlation_bars([(PROPERTY_TITLES[row.image_property], row.spearman) for row in rows])
    for limit in (-WARN_FROM, WARN_FROM):
        figure.add_vline(limit, line={"color": NEUTRAL, "width": 1, "dash": "dash"})
    return figure


def _correlation_bars(rows: Sequence[tuple[str, float | None]]) -> go.Figure:
    """Draw named rank correlations with the JEPA-SCORE; None is a dash."""
    figure = empty_figure(height=110 + 36 * max(2, len(rows)))
    values = [value or 0.0 for _, value in rows]
    figure.add_trace(
        go.Bar(
            x=values,
            y=[shown(title) for title, _ in rows],
            orientation="h",
            marker={"color": [PALETTE[0] if value >= 0 else PALETTE[1] for value in values]},
            text=[rho_text(value) for _, value in rows],
            # Within a short bar Plotly turns a number on its side.
            textposition="outside",
            hoverinfo="skip",
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title="Spearman's ρ with the JEPA-SCORE", range=[-1.2, 1.2], dtick=0.5)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _cell_text(cell: DensityCell | None) -> str:
    if cell is None:
        return "not run"
    return (
        f"D = {cell.dimension}, K = {cell.embedding_dimension}, {cell.num_samples:,} samples, {cell.steps:,} steps"
        f"<br>Pearson {rho_text(cell.pearson)}, Spearman {rho_text(cell.spearman)}"
        f"<br>within a component {rho_text(cell.within)}, slope {rho_text(cell.slope)}"
    )


def _walkers(frame: Sequence[Sequence[float]]) -> go.Scatter:
    xs, ys = np.asarray(frame).T  # Plotly inspects each number of a list
    marker = {"color": PALETTE[1], "size": 6, "line": {"width": 0.5, "color": "white"}}
    return go.Scatter(x=xs, y=ys, mode="markers", marker=marker, hoverinfo="skip")


def _slider(walk: Langevin) -> dict[str, Any]:
    show = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    steps = [{"method": "animate", "label": str(step), "args": [[str(step)], show]} for step in walk.steps]
    label = {"prefix": "step ", "xanchor": "right"}
    return {"steps": steps, "active": len(steps) - 1, "currentvalue": label, "x": 0.1, "len": 0.9, "pad": {"t": 40}}


def _play_button() -> dict[str, Any]:
    timing = {"frame": {"duration": 350, "redraw": False}, "transition": {"duration": 150}, "fromcurrent": False}
    button = {"label": "Play", "method": "animate", "args": [None, timing]}
    place = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "pad": {"t": 48}}
    # Plotly's buttons are light on any ground.
    return {"type": "buttons", "buttons": [button], "font": {"color": "#222"}, "bgcolor": "#E9EDF0", **place}


def _line(
    x: Any,
    y: Any,
    name: str,
    colour: str = NEUTRAL,
    *,
    width: float = 2,
    dash: str = "solid",
    hover: bool = True,
    showlegend: bool = True,
) -> go.Scatter:
    line = {"color": colour, "width": width, "dash": dash, "shape": "spline" if width else "linear"}
    hoverinfo = "x+y+name" if hover else "skip"
    return go.Scatter(x=x, y=y, name=name, mode="lines", line=line, hoverinfo=hoverinfo, showlegend=showlegend)
