"""Describe the bins of a histogram: the outer ones collect all that lies beyond."""

from __future__ import annotations

import math
from collections.abc import Callable

from jepascore_core.formatting import number_text, plural, score_text, z_text
from jepascore_core.views.distribution import Histograms, HistogramSeries, bin_range


def span_text(view: Histograms, series: HistogramSeries, first: int, last: int | None = None) -> str:
    """Describe the scores of the bins from `first` to `last`: "1.0 to 2.0".

    For an outer bin, say where it starts, and the range of the samples beyond the axis: "≤ −79.0 (3 samples below the
    axis, from −88.7)".
    """
    last = first if last is None else last
    low, high = bin_range(view, first)[0], bin_range(view, last)[1]
    text = _shown(view)
    beyond = []
    if low is None and series.num_below:
        beyond.append(f"{plural(series.num_below, 'sample')} below the axis, from {text(series.minimum)}")
    if high is None and series.num_above:
        beyond.append(f"{plural(series.num_above, 'sample')} above the axis, up to {text(series.maximum)}")
    more = f" ({'; '.join(beyond)})" if beyond else ""
    if low is not None and high is not None:
        return f"{text(low)} to {text(high)}"
    if low is None and high is None:
        return f"{text(series.minimum)} to {text(series.maximum)}{more}"
    return f"≤ {text(high)}{more}" if high is not None else f"> {text(low or 0.0)}{more}"


def axis_labels(view: Histograms) -> dict[float, str]:
    """Return the tick labels of the axis by position, if outer bins hold samples beyond it; otherwise nothing.

    They are round numbers, and at such an outer bin its inner edge.
    """
    outer: dict[float, str] = {}
    edges, text = view.edges, _shown(view)
    if any(series.num_below for series in view.series):
        outer[(edges[0] + edges[1]) / 2] = f"≤ {text(edges[1])}"
    if any(series.num_above for series in view.series):
        outer[(edges[-2] + edges[-1]) / 2] = f"> {text(edges[-2])}"
    if not outer:
        return {}
    span = edges[-1] - edges[0]
    step = _round_step(span / 6)
    places = [number * step for number in range(math.ceil(edges[0] / step), math.floor(edges[-1] / step) + 1)]
    # Far enough from the outer ones not to overlap them.
    free = [place for place in places if all(abs(place - other) > 0.09 * span for other in outer)]
    return dict(sorted({**{place: number_text(place, "g") for place in free}, **outer}.items()))


def _shown(view: Histograms) -> Callable[[float], str]:
    return score_text if view.reference is None and not view.per_dimension else z_text


def _round_step(step: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
