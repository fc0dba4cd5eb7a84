"""What only the figures of Trust decide: nothing that they show is cut or turned on its side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jepascore_core.density_check.results import load_langevin
from jepascore_core.figures.trust import baselines_figure, langevin_figure
from jepascore_core.trust.agreement import BaselineAgreement


def test_every_walker_is_within_the_axes_in_every_frame(tmp_path: Path) -> None:
    walk = load_langevin(tmp_path)
    assert walk is not None, "one is shipped"
    figure = langevin_figure(walk)
    low, high = figure.layout.xaxis.range
    assert (low, high) == tuple(figure.layout.yaxis.range)
    shown = np.concatenate([[frame.data[0].x, frame.data[0].y] for frame in figure.frames], axis=1)
    margin = 0.02 * (high - low)
    assert low + margin / 2 < shown.min()
    assert shown.max() < high - margin / 2
    assert high >= walk.axis[-1]


def test_numbers_of_baselines_stand_beside_their_bars() -> None:
    rows = [BaselineAgreement("k-NN", rho, 0.1) for rho in (-1.0, -0.05, 0.0, 1.0)]
    figure = baselines_figure(rows)
    (bars,) = figure.data
    assert bars.textposition == "outside"
    assert list(bars.text) == ["−1.00", "−0.05", "0.00", "1.00"]
    low, high = figure.layout.xaxis.range
    assert low < -1.1
    assert high > 1.1
