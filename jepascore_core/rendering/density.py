"""The density of a rendered picture: that of its latents over the volume of the renderer. NumPy only."""

from __future__ import annotations

import numpy as np

from jepascore_core.rendering.draw import render
from jepascore_core.rendering.products import Floats, log_density

#: Pictures per batch of Jacobians: 7 MB.
BLOCK = 64
#: Step of central differences in float64: truncation error about STEP^2, rounding error 1e-16 / STEP.
STEP = 1e-5


def renderer_jacobians(latents: Floats) -> Floats:
    """Compute derivatives of the pictures by their latents, by central differences: [N, D] -> [N, D, 3 * S * S]."""
    moves = STEP * np.eye(latents.shape[1])
    ends = [render((latents[:, None, :] + sign * moves).reshape(-1, latents.shape[1])) for sign in (1, -1)]
    differences: Floats = (ends[0] - ends[1]).reshape(*latents.shape, -1) / (2 * STEP)
    return differences


def log_density_of_pictures(latents: Floats) -> Floats:
    """Compute the log density in nats of the pictures of latents [N, D], by the area of the pictures' manifold: [N].

    The renderer g is one to one, so it is log p(z) - 1/2 log det(J^T J), where J = dg/dz.
    """
    volumes = np.empty(len(latents))
    for first in range(0, len(latents), BLOCK):
        rows = renderer_jacobians(latents[first : first + BLOCK])
        volumes[first : first + BLOCK] = 0.5 * np.linalg.slogdet(rows @ rows.transpose(0, 2, 1))[1]
    return log_density(latents) - volumes
