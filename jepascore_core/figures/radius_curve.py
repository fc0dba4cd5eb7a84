"""Figure of what a radius of near duplicates does: samples dropped, and the largest group."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from jepascore_core.curation.columns.radius_curve import RadiusCurve
from jepascore_core.figures.style import DASHES, NEUTRAL, PALETTE, empty_figure

HEIGHT = 260
#: Radii that are drawn, over the range from 0 to this many times the chosen one.
NUM_RADII, RANGE = 200, 4.0


def radius_curve_figure(curve: RadiusCurve, radius: float) -> go.Figure:
    """Plot samples dropped and samples of the largest group against the radius, and mark the chosen one."""
    radii = np.linspace(0.0, RANGE * max(radius, curve.default_radius), NUM_RADII)
    lines = {"dropped": curve.num_dropped, "largest group": curve.largest_group}
    figure = empty_figure(HEIGHT)
    for number, (name, count) in enumerate(lines.items()):
        line = {"color": PALETTE[number], "dash": DASHES[number], "width": 2, "shape": "hv"}
        figure.add_trace(
            go.Scatter(
                x=radii,
                y=[count(float(at)) for at in radii],
                name=name,
                mode="lines",
                line=line,
                hovertemplate="radius %{x:.4f}: %{y:,} samples, %{fullData.name}<extra></extra>",
            )
        )
    figure.add_vline(x=radius, line={"color": NEUTRAL, "dash": "dot"})
    figure.update_xaxes(title="Radius (cosine distance)")
    figure.update_yaxes(title="Samples", rangemode="tozero")
    return figure
