"""Sketched isotropic Gaussian regularisation (SIGReg, arXiv 2511.08544): how far embeddings are from N(0, I).

A distribution on R^K is N(0, I) exactly when each of its one-dimensional projections is N(0, 1) (Cramer-Wold). A batch
is projected on a few random directions, and each projection compared with N(0, 1) by the Epps-Pulley statistic

    T = N * integral of |phi_N(t) - exp(-t^2 / 2)|^2 * exp(-t^2 / 2) dt,    phi_N(t) = mean of exp(i t x_n)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Mean of T over samples of N(0, 1), whatever N: the integral of (1 - exp(-t^2)) * exp(-t^2 / 2).
EXPECTED_STATISTIC = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / 3)
#: The integrand is even and below 4e-6 beyond 5: half the axis, by the trapezoid rule. 17 knots as in the paper.
LAST_KNOT = 5.0
KNOTS = 17


def random_directions(dimension: int, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw `count` unit vectors uniformly from the sphere in R^dimension: [K, S]."""
    directions = torch.randn(dimension, count, generator=generator)
    units: Tensor = directions / directions.norm(dim=0, keepdim=True)
    return units


def epps_pulley(samples: Tensor, knots: int = KNOTS, frequency: float = 1.0) -> Tensor:
    """Compute the Epps-Pulley statistic T of each column of `samples` [N, S] against N(0, 1): [S], differentiable.

    About `EXPECTED_STATISTIC` (1.06) for a standard normal sample of any size; grows with N for anything else. A
    `frequency` above 1 multiplies t, with the weight stretched accordingly: finer differences then count more, and the
    statistic has a different mean.
    """
    t = torch.linspace(0.0, LAST_KNOT, knots, dtype=samples.dtype, device=samples.device)
    weight, normal = torch.exp(-0.5 * t.square()), torch.exp(-0.5 * (frequency * t).square())
    steps = torch.full_like(t, 2 * LAST_KNOT / (knots - 1))
    steps[0] = steps[-1] = LAST_KNOT / (knots - 1)
    angles = samples.unsqueeze(-1) * (frequency * t)  # [N, S, T]
    real, imaginary = angles.cos().mean(dim=0), angles.sin().mean(dim=0)  # [S, T]
    distance = (real - normal).square() + imaginary.square()
    return samples.shape[0] * (distance @ (steps * weight))


def sigreg(embeddings: Tensor, directions: Tensor, knots: int = KNOTS, frequency: float = 1.0) -> Tensor:
    """Compute the mean Epps-Pulley statistic of `embeddings` [N, K] over unit `directions` [K, S]: the loss."""
    return epps_pulley(embeddings @ directions, knots, frequency).mean()
