"""The renderer: latents to small colour pictures, smooth in every latent, with NumPy or torch.

One formula serves both, since `array_module` may be either: the demo's pictures are drawn without torch, and the
volume of the renderer's Jacobian uses torch's derivatives.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.rendering.products import Floats

#: Side of a picture in pixels; coordinates run over -1..1.
SIDE = 24
#: Centres of the pixels.
_AXIS = [(2 * number + 1) / SIDE - 1 for number in range(SIDE)]
#: Steepness of edges: from 27 % to 73 % within two elevenths of half a side, two pixels. Sharper ones would make the
#: manifold of pictures too curved for a smooth encoder.
EDGE = 12.0
#: Hues at which red, green and blue peak, in radians.
_PEAKS = (0.0, 2 * math.pi / 3, -2 * math.pi / 3)
_DARK, _LIGHT = (0.12, 0.16, 0.28), (0.86, 0.82, 0.74)


def render(latents: Any, array_module: Any = np) -> Any:
    """Draw pictures of latents: [N, D] -> [N, 3, S, S], values within 0..1.

    Across and down move the object by up to 0.35; size scales it; shape goes from a diamond over a ball to a box (the
    exponent of a superellipse); stripes is their contrast; hue goes from blue over red to green; background from dark
    to light. All but the size are limited by a tanh, which keeps the map from latents to pictures one to one.
    """
    xp = array_module
    columns = [latents[:, number, None, None] for number in range(latents.shape[1])]
    across, down, size, shape, stripes, hue, background = columns
    axis = xp.asarray(_AXIS, dtype=latents.dtype)
    radius = 0.52 * xp.exp(0.25 * size)
    u = (axis[None, None, :] - 0.35 * xp.tanh(across)) / radius  # [N, S, S], from here on
    v = (axis[None, :, None] - 0.35 * xp.tanh(down)) / radius
    exponent = xp.exp(0.75 + 0.75 * xp.tanh(shape))
    distance = ((u * u + 1e-4) ** (exponent / 2) + (v * v + 1e-4) ** (exponent / 2)) ** (1 / exponent)
    cover = (0.5 + 0.5 * xp.tanh(0.5 * EDGE * radius * (1 - distance)))[:, None]  # [N, 1, S, S]
    contrast = 0.35 * (1 + xp.tanh(stripes))
    paint = (1 - contrast * (0.5 + 0.5 * xp.sin(1.7 * math.pi / math.sqrt(2) * (u + v))))[:, None]
    angle = 2.6 * xp.tanh(hue / 1.2)
    tone = 0.5 + 0.5 * xp.tanh(background)
    thing = xp.stack([0.52 + 0.40 * xp.cos(angle - peak) for peak in _PEAKS], 1)  # [N, 3, 1, 1]
    behind = xp.stack([dark + (light - dark) * tone for dark, light in zip(_DARK, _LIGHT, strict=True)], 1)
    return behind * (1 - cover) + thing * paint * cover


def render_pixels(latents: Floats) -> npt.NDArray[np.uint8]:
    """Draw pictures as they are stored: [N, D] -> bytes [N, S, S, 3], rounded to 8 bits."""
    pixels: npt.NDArray[np.uint8] = (255 * render(latents)).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels
