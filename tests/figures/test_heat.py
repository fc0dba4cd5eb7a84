"""Numbers in heat maps are readable on every colour of the scale."""

from __future__ import annotations

import numpy as np
import plotly.colors
import pytest

from jepascore_core.figures.heat import CELL_FONT, DIVERGING
from jepascore_core.figures.trust import density_figure

Colour = tuple[float, float, float]


def luminance(colour: Colour) -> float:
    """Relative luminance of sRGB from 0 to 255, as WCAG 2 defines it."""
    channels = (c / 255 for c in colour)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("share", np.linspace(0, 1, 41).tolist())
def test_text_is_readable_on_every_colour(share: float) -> None:
    scale = [[position, f"rgb{plotly.colors.hex_to_rgb(colour)}"] for position, colour in DIVERGING]
    ground = plotly.colors.unlabel_rgb(plotly.colors.sample_colorscale(scale, [share])[0])
    ink = plotly.colors.hex_to_rgb(CELL_FONT["color"])
    assert contrast(ink, ground) >= 4.5  # AA
    assert contrast(ink, ground) > contrast((255, 255, 255), ground)


def test_cells_leave_the_size_to_plotly_which_fits_it() -> None:
    font = density_figure([], "pearson").data[0].textfont
    assert (font.color, font.size) == (CELL_FONT["color"], None)
