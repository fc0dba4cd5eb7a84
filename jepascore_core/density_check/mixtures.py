"""Mixtures of Gaussians: data in any dimension whose log density is known in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Eight isotropic components of equal weight, the widest three times as wide as the narrowest: that is where most of
#: the log density's variance comes from in high dimension.
COMPONENTS = 8
NARROWEST, WIDEST = 0.5, 1.5
#: Centres are about this far from the origin per root of the dimension, up to 4 dimensions: components overlap in two
#: dimensions and are well separated in many.
SPREAD = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Equally likely isotropic components: centres [C, D] and standard deviations [C]."""

    centres: Tensor
    widths: Tensor

    def sample(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw points [N, D] and the component of each [N]."""
        generator = torch.Generator().manual_seed(seed)
        component = torch.randint(len(self.widths), (count,), generator=generator)
        noise = torch.randn(count, self.centres.shape[1], generator=generator)
        return self.centres[component] + self.widths[component, None] * noise, component

    def log_density(self, points: Tensor) -> Tensor:
        """Compute the log density in nats of points [N, D] -> [N] float64."""
        points, centres, widths = points.double(), self.centres.double(), self.widths.double()
        dimension = points.shape[1]
        distances = (points[:, None, :] - centres).square().sum(dim=2)  # [N, C]
        logs = -0.5 * distances / widths.square() - dimension * widths.log()
        return logs.logsumexp(dim=1) - math.log(len(widths)) - 0.5 * dimension * math.log(2 * math.pi)


def make_mixture(dimension: int, seed: int = 0) -> Mixture:
    """Return the mixture of this dimension and seed."""
    generator = torch.Generator().manual_seed(seed)
    scale = SPREAD * math.sqrt(min(dimension, 4) / dimension)
    centres = scale * torch.randn(COMPONENTS, dimension, generator=generator)
    widths = torch.linspace(math.log(NARROWEST), math.log(WIDEST), COMPONENTS).exp()
    return Mixture(centres, widths)
