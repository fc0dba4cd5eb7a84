"""Plotly figures of scores, for light and dark ground alike: nothing here sets a colour of text or background.

Plotly interprets some HTML in texts, and outside names are hostile: everything shown goes through `shown`. What a page
needs to find a sample again is in `customdata`, unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from jepascore_core.curation import ClassBalance
from jepascore_core.figures.style import DASHES, HIGHER, NEUTRAL, PALETTE, quiet_figure, shown
from jepascore_core.formatting import percent_text, plural, score_text
from jepascore_core.views.bins import axis_labels, span_text
from jepascore_core.views.detail import PlaceView, SpectrumView
from jepascore_core.views.distribution import Histograms, HistogramSeries, percentile_range
from jepascore_core.views.extremes import ClassSummary
from jepascore_core.views.shapes import density, ecdf

#: Drawn under dashes that cross bars and both grounds, so that one of the two is always visible.
HALO = "#FFFFFF"


Shape = Literal["histogram", "density", "ecdf"]

#: Filled bars of more series than this hide each other: they become lines.
MAX_BARS = 3

#: Height of a legend's row, width of a character in it and of what precedes a name, in pixels; and the minimum width
#: of a figure, two of which fit side by side on a laptop.
LEGEND_ROW, LEGEND_LETTER, LEGEND_LINE = 19, 5.3, 45
LEAST_WIDTH = 480
#: Legend rows included in the height of every figure; a legend of more than the second number scrolls.
FREE_LEGEND_ROWS, MAX_LEGEND_ROWS = 3, 26
#: Characters of a series' name, before and after the colon.
DATASET_LETTERS, GROUP_LETTERS = 24, 34


def histogram_figure(
    view: Histograms,
    share: bool = True,
    mark: float | None = None,
    shape: Shape = "histogram",
    half_widths: Sequence[float | None] = (),
) -> go.Figure:
    """Draw overlaid histograms, densities or cumulative shares with a line at each median, and at the score `mark`.

    `share` shows percentages of each series, so that datasets of different sizes are comparable. The customdata of a
    bar or point is [series position, bin position]. `half_widths` are those of the prediction interval of one score,
    for each series and on the scale of the figure, None where scores are exact: a bar across the median shows it.
    """
    figure, shapes = quiet_figure(), []
    for position, series in enumerate(view.series):
        colour = PALETTE[position % len(PALETTE)]
        dash = DASHES[position // len(PALETTE) % len(DASHES)]
        figure.add_trace(_histogram_trace(view, position, colour, dash, share, shape))
        if len(view.series) <= len(PALETTE):
            shapes += _median(series, colour)
    for position, half_width in enumerate(half_widths):
        if half_width is not None:
            figure.data[position].name += f", each ± {half_width:.2g}"
            shapes.append(_interval(view, position, half_width))
    if mark is not None:
        shapes.append(_upright(mark, {"color": NEUTRAL, "width": 2}) | {"name": "this sample", "showlegend": True})
    title = f"JEPA-SCORE ({view.unit}), {HIGHER}"
    figure.update_layout(barmode="overlay", bargap=0, showlegend=True, shapes=shapes, **room_for_legend(figure))
    labels = axis_labels(view) if shape == "histogram" else {}
    ticks = {"tickvals": list(labels), "ticktext": list(labels.values())} if labels else {}
    figure.update_xaxes(title=title, **ticks)
    heights = {
        "histogram": "Share of samples (%)" if share else "Samples",
        "density": f"Density (% of samples per {'nat' if view.reference is None else 'unit'})",
        "ecdf": "Samples with at most this score (%)",
    }
    figure.update_yaxes(title=heights[shape], rangemode="tozero")
    return figure


def before_after_figure(view: Histograms) -> go.Figure:
    """Draw kept and dropped samples stacked, in the colours of the class balance, under the outline of all.

    `view` is the result of `curation.before_after`: all samples first.
    """
    before, *parts = view.series
    edges = np.array(view.edges)
    figure = quiet_figure()
    colours = {"Kept": PALETTE[0], "Dropped": PALETTE[1]}
    for position, series in enumerate(parts, start=1):
        colour = colours[series.title]
        trace = _histogram_trace(view, position, colour, "solid", share=False, shape="histogram")
        pattern = "/" if series.title == "Dropped" else ""
        figure.add_trace(trace.update(marker={"color": colour, "pattern": {"shape": pattern}}))
    outline = {"color": NEUTRAL, "width": 1.5, "shape": "hv"}
    # The last bin, too, ends where it ends.
    heights = np.array([*before.counts, before.counts[-1]])
    name = _legend_text(view, before)
    figure.add_trace(go.Scatter(x=edges, y=heights, name=name, mode="lines", line=outline, hoverinfo="skip"))
    medians = [(before, NEUTRAL), *((series, colours[series.title]) for series in parts)]
    shapes = [shape for series, colour in medians for shape in _median(series, colour)]
    figure.update_layout(barmode="stack", bargap=0, showlegend=True, shapes=shapes, legend={"traceorder": "normal"})
    figure.update_xaxes(title=f"JEPA-SCORE ({view.unit}), {HIGHER}")
    figure.update_yaxes(title="Samples", rangemode="tozero")
    return figure


def room_for_legend(figure: go.Figure) -> dict[str, Any]:
    """Return a layout that leaves the plot its height.

    Plotly takes the height of a legend from the plot, up to half of it, and cuts off the rest.
    """
    letters = [len(trace.name) for trace in figure.data] or [0]
    columns = max(1, int(LEAST_WIDTH // (LEGEND_LINE + LEGEND_LETTER * max(letters))))
    rows = math.ceil(len(letters) / columns)
    if rows <= FREE_LEGEND_ROWS:
        return {}
    taken = LEGEND_ROW * min(rows, MAX_LEGEND_ROWS)
    return {"height": figure.layout.height + taken, "legend_maxheight": taken + LEGEND_ROW}


def _upright(x: float, line: dict[str, Any]) -> dict[str, Any]:
    """Return a line from bottom to top. Plotly's own `add_vline` takes 10 ms for each."""
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "y domain", "line": line}


def _median(series: HistogramSeries, colour: str) -> list[dict[str, Any]]:
    return [
        _upright(series.median, {"color": HALO, "width": 3.5}),
        _upright(series.median, {"color": colour, "width": 2, "dash": "dash"}),
    ]


def _interval(view: Histograms, position: int, half_width: float) -> dict[str, Any]:
    """Return a bar across the median, below the top."""
    median, colour, height = view.series[position].median, PALETTE[position % len(PALETTE)], 0.97 - 0.04 * position
    ends = {"x0": median - half_width, "x1": median + half_width, "y0": height, "y1": height, "yref": "y domain"}
    return {"type": "line", **ends, "line": {"color": colour, "width": 5}, "opacity": 0.85}


def _histogram_trace(
    view: Histograms, position: int, colour: str, dash: str, share: bool, shape: Shape
) -> go.Bar | go.Scatter:
    series = view.series[position]
    counts = np.array(series.counts)
    heights: dict[Shape, Callable[[], npt.NDArray[Any]]] = {
        "histogram": lambda: 100 * counts / series.num_scored if share else counts,
        "density": lambda: density(view, series),
        "ecdf": lambda: ecdf(series),
    }
    middles = (np.array(view.edges[:-1]) + np.array(view.edges[1:])) / 2
    common: dict[str, Any] = {
        "x": np.array(view.edges[1:]) if shape == "ecdf" else middles,
        "y": heights[shape](),
        "name": _legend_text(view, series),
        "customdata": [[position, place] for place in range(len(counts))],
        "hovertext": [_bin_text(view, series, place) for place in range(len(counts))],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    if shape != "histogram":
        return go.Scatter(**common, mode="lines", line={"color": colour, "width": 2.25, "dash": dash})
    if len(view.series) <= MAX_BARS:
        width = view.edges[1] - view.edges[0]
        return go.Bar(**common, width=width, marker=bar_marker(colour, alone=len(view.series) == 1))
    return go.Scatter(**common, mode="lines", line={"color": colour, "width": 1.75, "dash": dash})


def bar_marker(colour: str, alone: bool) -> dict[str, Any]:
    """Return the style of bars: opaque, or translucent with an opaque outline where they overlap others."""
    if alone:
        return {"color": colour, "line": {"width": 0}}
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return {"color": f"rgba({red},{green},{blue},0.4)", "line": {"color": colour, "width": 1.25}}


def _legend_text(view: Histograms, series: HistogramSeries) -> str:
    return f"{_series_name(view, series)} (n = {series.num_scored:,}, median {score_text(series.median)})"


def _series_name(view: Histograms, series: HistogramSeries) -> str:
    """Return the name of a series; a dataset's name, however long, leaves room for the class."""
    if view.group_by == "none":
        return shown(series.title)
    dataset, group = _title_parts(series)
    parts = shown(dataset, DATASET_LETTERS, DATASET_LETTERS // 2), shown(group, GROUP_LETTERS)
    return ": ".join(part for part in parts if part)


def _title_parts(series: HistogramSeries) -> tuple[str, str]:
    group = series.group or series.title.rpartition(": ")[2]
    return series.title.removesuffix(group).removesuffix(": "), group


def _bin_text(view: Histograms, series: HistogramSeries, place: int) -> str:
    span = span_text(view, series, place)
    first, last = percentile_range(series, place)
    count = series.counts[place]
    counted = f"{plural(count, 'sample')} ({percent_text(count / series.num_scored)})"
    name = "<br>".join(shown(part) for part in _title_parts(series) if part) if series.group else shown(series.title)
    return f"{name}<br>score {span}<br>{counted}<br>percentile {first:.1f} to {last:.1f}"


def place_figure(place: PlaceView) -> go.Figure:
    """Show the position of one sample in its dataset and in its class."""
    return histogram_figure(place.histograms, mark=place.score)


def spectrum_figure(spectrum: SpectrumView) -> go.Figure:
    """Plot the singular values of one image over the band of its class, on a logarithmic scale.

    Null directions, beyond the numerical rank, are initially out of view: a double click shows them.
    """
    index = np.arange(1, len(spectrum.singular_values) + 1)
    figure = quiet_figure()
    band = f"5 to 95 % of its class ({spectrum.num_reference:,} images)"
    faint = {"color": NEUTRAL, "width": 0}
    upper = "95 % of its class"
    figure.add_trace(
        go.Scatter(x=index, y=spectrum.class_high, name=upper, line=faint, hoverinfo="skip", showlegend=False)
    )
    figure.add_trace(
        go.Scatter(
            x=index, y=spectrum.class_low, name=band, fill="tonexty", fillcolor="rgba(127,135,144,0.3)",
            line=faint, hoverinfo="skip",
        )
    )  # fmt: skip
    lines = (
        (spectrum.class_median, "median of the class", {"color": NEUTRAL, "width": 1.5, "dash": "dash"}),
        (spectrum.singular_values, "this image", {"color": PALETTE[0], "width": 2.5}),
    )
    for values, name, line in lines:
        template = "%{x}: %{y:.3g}<extra>" + name + "</extra>"
        figure.add_trace(go.Scatter(x=index, y=values, name=name, line=line, mode="lines", hovertemplate=template))
    if spectrum.rank < len(index):
        figure.add_vline(
            spectrum.rank + 0.5,
            line={"color": NEUTRAL, "width": 1, "dash": "dot"},
            annotation={"text": f"rank {spectrum.rank}", "xanchor": "right", "yanchor": "top"},
        )
    counted = slice(0, max(1, spectrum.rank))
    inside = np.concatenate(
        [spectrum.singular_values[counted], spectrum.class_low[counted], spectrum.class_high[counted]]
    )
    ends = np.log10([inside.min(), inside.max()])
    margin = 0.05 * (ends[1] - ends[0]) + 0.05
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title="Index of the singular value")
    figure.update_yaxes(title="Singular value", type="log", tickformat="~g", dtick=1 if np.ptp(ends) > 1 else None)
    figure.update_yaxes(range=[ends[0] - margin, ends[1] + margin])
    return figure


def class_overview_figure(summaries: Sequence[ClassSummary]) -> go.Figure:
    """Draw a box for each class, the first on top: quartiles, and whiskers to its least and most likely sample.

    Classes without scores keep an empty line. The customdata of a box is the label.
    """
    scored = [(place, summary) for place, summary in enumerate(summaries) if summary.num_scored]
    figure = quiet_figure(height=110 + 24 * max(3, len(summaries)))
    figure.add_trace(
        go.Box(
            y=[place for place, _ in scored],
            q1=[summary.lower_quartile for _, summary in scored],
            median=[summary.median for _, summary in scored],
            q3=[summary.upper_quartile for _, summary in scored],
            lowerfence=[summary.minimum for _, summary in scored],
            upperfence=[summary.maximum for _, summary in scored],
            customdata=[summary.label for _, summary in scored],
            orientation="h",
            width=0.6,
            marker={"color": PALETTE[0]},
            line={"width": 2},
            hoverinfo="x",
        )
    )
    names = [f"{shown(summary.title, 30)} ({summary.num_scored:,})" for summary in summaries]
    figure.update_xaxes(title=f"JEPA-SCORE (nats), {HIGHER}")
    figure.update_yaxes(
        title="Class (its scored samples)",
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        zeroline=False,
        showgrid=False,
    )
    return figure


def class_balance_figure(balance: Sequence[ClassBalance]) -> go.Figure:
    """Draw a bar for each class, the first on top: kept, unscored and dropped samples."""
    names = [shown(item.title, 30) for item in balance]
    figure = quiet_figure(height=120 + 24 * max(3, len(balance)))
    parts = (
        ("kept", [item.kept for item in balance], PALETTE[0], ""),
        ("not measured", [item.unscored for item in balance], NEUTRAL, "."),
        ("dropped", [item.dropped for item in balance], PALETTE[1], "/"),
    )
    shares = [
        f"share of the class: {percent_text(item.share_before)} before, {percent_text(item.share_after)} after"
        for item in balance
    ]
    for name, counts, colour, pattern in parts:
        figure.add_trace(
            go.Bar(
                x=counts,
                y=list(range(len(names))),
                name=name,
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern}},
                customdata=[item.label for item in balance],
                hovertext=[
                    f"{title}<br>{n:,} {name}<br>{share}" for title, n, share in zip(names, counts, shares, strict=True)
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack", bargap=0.25, showlegend=True, legend={"traceorder": "normal"})
    figure.update_xaxes(title="Samples")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5], showgrid=False
    )
    return figure
