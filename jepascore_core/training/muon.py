"""Muon (K. Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose singular values are all about one.

torch has it too, but multiplies in bfloat16, which takes five times as long as float32 on CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

MOMENTUM = 0.95
#: Coefficients and number of Newton-Schulz iterations, both from the source.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Optimiser that steps along the orthogonalised Nesterov momentum of matrices; others need another optimiser."""

    def __init__(self, matrices: Iterable[Tensor], lr: float) -> None:
        super().__init__(list(matrices), {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient; closures are not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure.")
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._update(matrix, matrix.grad, group["lr"])

    def _update(self, matrix: Tensor, gradient: Tensor, rate: float) -> None:
        momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        direction = orthogonalised(gradient.lerp(momentum, MOMENTUM))
        # A tall matrix is updated more, so that a step changes outputs equally for every shape.
        matrix.add_(direction, alpha=-rate * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return a matrix with singular values of 0.7 to 1.2 instead of its own: [M, N] -> [M, N]."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    wide: Tensor = matrix.mT if is_tall else matrix
    wide = wide / (wide.norm() + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = wide @ wide.mT
        wide = first * wide + (second * gram + third * gram @ gram) @ wide
    return wide.mT if is_tall else wide
