"""Sketched isotropic Gaussian regularisation (SIGReg, arXiv 2511.08544): how far embeddings are from N(0, I).

A distribution on R^K is N(0, I) exactly when each of its one-dimensional projections is N(0, 1) (Cramer-Wold). A batch
is projected on a few random directions, and each projection compared with N(0, 1) by the Epps-Pulley statistic

    T = N * integral of |phi_N(t) - exp(-t^2 / 2)|^2 * exp(-t^2 / 2) dt,    phi_N(t) = mean of exp(i t x_n)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

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


def orthogonal_directions(dimension: int, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw `count` unit vectors [K, S] as columns of random rotations, so that any K in a row are orthogonal.

    Their mean statistic varies less from draw to draw than that of independent directions.
    """
    needed = range(0, count, dimension)
    squares = [torch.randn(dimension, dimension, generator=generator) for _ in needed]
    return torch.cat([torch.linalg.qr(square)[0] for square in squares], dim=1)[:, :count]


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
    real, imaginary = _CharacteristicFunction.apply(samples, frequency * LAST_KNOT / (knots - 1), knots)  # [T, S]
    distance = (real - normal[:, None]).square() + imaginary.square()
    statistic: Tensor = samples.shape[0] * ((steps * weight) @ distance)
    return statistic


class _CharacteristicFunction(torch.autograd.Function):
    """Mean of exp(i t x_n) at t = 0, step, 2 step, ...: [N, S] -> real and imaginary part [T, S].

    Each knot's sine and cosine are those of the knot before, turned by the same angle: a few products instead of two
    transcendental functions, and nothing of size [N, S, T] in memory.
    """

    @staticmethod
    def forward(ctx: Any, samples: Tensor, step: float, knots: int) -> tuple[Tensor, Tensor]:
        angles = step * samples
        turn_cosine, turn_sine = angles.cos(), angles.sin()
        ctx.save_for_backward(turn_cosine, turn_sine)
        ctx.step = step
        points = [(cosine.mean(dim=0), sine.mean(dim=0)) for cosine, sine in _turned(turn_cosine, turn_sine, knots)]
        real, imaginary = zip(*points, strict=True)
        return torch.stack(real), torch.stack(imaginary)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        by_real, by_imaginary = grads
        turn_cosine, turn_sine = ctx.saved_tensors
        total = torch.zeros_like(turn_cosine)
        scale = ctx.step / len(total)
        for knot, (cosine, sine) in enumerate(_turned(turn_cosine, turn_sine, len(by_real))):
            total.addcmul_(cosine, by_imaginary[knot], value=knot * scale)
            total.addcmul_(sine, by_real[knot], value=-knot * scale)
        return total, None, None


def _turned(cosine: Tensor, sine: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield cosine and sine of 0, 1, 2, ... times an angle, given those of the angle."""
    real, imaginary = torch.ones_like(cosine), torch.zeros_like(sine)
    for number in range(count):
        yield real, imaginary
        if number + 1 < count:
            real, imaginary = (
                (real * cosine).addcmul_(imaginary, sine, value=-1),
                (imaginary * cosine).addcmul_(real, sine),
            )


def sigreg(embeddings: Tensor, directions: Tensor, knots: int = KNOTS, frequency: float = 1.0) -> Tensor:
    """Compute the mean Epps-Pulley statistic of `embeddings` [N, K] over unit `directions` [K, S]: the loss."""
    return epps_pulley(embeddings @ directions, knots, frequency).mean()
