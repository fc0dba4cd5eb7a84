"""Other shapes of a histogram: a smooth density, and the share of samples up to each score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jepascore_core.views.distribution import NORMAL_IQR, Histograms, HistogramSeries

Floats = npt.NDArray[np.float64]

#: Bins from which smooth shapes are drawn: finer than what is visible.
FINE_BINS = 240


def ecdf(series: HistogramSeries) -> Floats:
    """Return the percentage of the series that scores at most each upper edge, [bins]; the last is 100."""
    counts = np.array(series.counts, dtype=np.float64)
    shares: Floats = 100 * np.cumsum(counts) / series.num_scored
    # Samples beyond the last edge are in the last bin; the curve ends there nevertheless.
    return shares


def density(view: Histograms, series: HistogramSeries) -> Floats:
    """Return the percentage of the series per unit of the score at the middle of each bin, [bins].

    A Gaussian kernel on the bins, with Silverman's (1986) bandwidth, 0.9 min(deviation, IQR / 1.35) n^(-1/5), and no
    less than a bin. What lies beyond the edges is left out.
    """
    edges = np.array(view.edges)
    middles, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    counts = np.array(series.counts, dtype=np.float64)
    counts[0] -= series.num_below
    counts[-1] -= series.num_above
    bandwidth = max(_bandwidth(series, middles, counts), width)
    kernel = np.exp(-0.5 * ((middles[:, None] - middles[None, :]) / bandwidth) ** 2)
    # What the kernel would spread beyond the edges stays inside, so the area equals the count.
    kernel /= kernel.sum(axis=0, keepdims=True)
    smooth: Floats = 100 * (kernel @ counts) / (series.num_scored * width)
    return smooth


def _bandwidth(series: HistogramSeries, middles: Floats, counts: Floats) -> float:
    total = max(counts.sum(), 1.0)
    mean = float(middles @ counts) / total
    deviation = float(np.sqrt(((middles - mean) ** 2) @ counts / total))
    quartiles = (series.upper_quartile - series.lower_quartile) / NORMAL_IQR
    spread = min(deviation, quartiles) if quartiles > 0 else deviation
    return float(0.9 * spread * total**-0.2)
