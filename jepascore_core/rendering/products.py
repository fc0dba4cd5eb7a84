"""The products of the rendered pictures: kinds, frequencies, and how much each varies. NumPy only.

A picture is drawn from D = 7 latents. Their distribution is a mixture with independent latents, one component per
product, so that the density of the latents is known in closed form. Within a product a latent is generalised normal,
its density proportional to exp(-|u|^6): it is nearly uniform over a range, and nearly 0 outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: D = 7 latents, in this order everywhere.
LATENTS = ("across", "down", "size", "shape", "stripes", "hue", "background")
#: How far each latent of a product varies, relative to the product's own `spread`.
RELATIVE_SPREAD = (1.2, 1.2, 1.2, 0.8, 0.8, 0.6, 0.9)

#: 2 would be a Gaussian, infinity the uniform distribution.
EXPONENT = 6.0
#: Width of the generalised normal distribution whose variance is one.
_WIDTH = math.sqrt(math.gamma(1 / EXPONENT) / math.gamma(3 / EXPONENT))

_DIAMOND, _BALL, _BOX = -1.0, 0.0, 1.0
_PLAIN, _STRIPED = -0.9, 0.9
_RED, _GREEN, _BLUE = 0.0, 1.3, -1.3
_DARK, _LIGHT = -0.9, 0.8


@dataclass(frozen=True, slots=True)
class Product:
    """One component of the mixture: its share of all pictures, the mean of its latents [D], and how far they vary."""

    name: str
    weight: float
    mean: tuple[float, ...]
    spread: float

    @property
    def deviations(self) -> tuple[float, ...]:
        """Standard deviation of each latent [D]."""
        return tuple(self.spread * relative for relative in RELATIVE_SPREAD)


#: From 30 % down to 0.1 %. The rarer a product, the more it varies, like handmade objects: rare pictures are unlikely
#: for both reasons.
PRODUCTS = (
    Product("red ball on dark", 0.300, (0.0, 0.1, 0.0, _BALL, _PLAIN, _RED, _DARK), 0.11),
    Product("green box on light", 0.200, (0.1, 0.2, 0.3, _BOX, _PLAIN, _GREEN, _LIGHT), 0.20),
    Product("striped blue ball on light", 0.150, (-0.1, -0.2, 0.2, _BALL, _STRIPED, _BLUE, _LIGHT), 0.15),
    Product("striped red box on dark", 0.110, (0.1, 0.0, 0.2, _BOX, _STRIPED, _RED, _DARK), 0.30),
    Product("green diamond on dark", 0.080, (0.0, 0.2, 0.1, _DIAMOND, _PLAIN, _GREEN, _DARK), 0.25),
    Product("striped blue diamond on dark", 0.060, (-0.1, -0.1, -0.2, _DIAMOND, _STRIPED, _BLUE, _DARK), 0.40),
    Product("blue ball on dark", 0.040, (0.2, 0.1, 0.1, _BALL, _PLAIN, _BLUE, _DARK), 0.35),
    Product("red box on light", 0.025, (-0.2, 0.3, 0.0, _BOX, _PLAIN, _RED, _LIGHT), 0.45),
    Product("red diamond on light", 0.018, (0.2, -0.1, 0.1, _DIAMOND, _PLAIN, _RED, _LIGHT), 0.40),
    Product("striped green ball on light", 0.010, (0.1, -0.2, -0.1, _BALL, _STRIPED, _GREEN, _LIGHT), 0.50),
    Product("striped blue box on light", 0.005, (-0.2, 0.1, 0.2, _BOX, _STRIPED, _BLUE, _LIGHT), 0.55),
    Product("striped green diamond on light", 0.001, (0.0, 0.0, 0.0, _DIAMOND, _STRIPED, _GREEN, _LIGHT), 0.60),
)


def mixture() -> tuple[Floats, Floats, Floats]:
    """Return weights [P], which sum to one, means [P, D] and standard deviations [P, D] of all products."""
    weights = np.array([product.weight for product in PRODUCTS])
    means = np.array([product.mean for product in PRODUCTS])
    return weights / weights.sum(), means, np.array([product.deviations for product in PRODUCTS])


def draw_latents(count: int, seed: int | list[int]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Draw latents [N, D] of `count` pictures, and the index of each one's product [N]."""
    weights, means, deviations = mixture()
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(weights), size=count, p=weights)
    shape = (count, len(LATENTS))
    lengths = _WIDTH * generator.gamma(1 / EXPONENT, size=shape) ** (1 / EXPONENT)
    return means[chosen] + deviations[chosen] * generator.choice((-1.0, 1.0), size=shape) * lengths, chosen


def log_density(latents: Floats) -> Floats:
    """Compute the log density in nats of latents [N, D] -> [N]."""
    weights, means, deviations = mixture()
    distances = (np.abs((latents[:, None, :] - means) / (_WIDTH * deviations)) ** EXPONENT).sum(axis=2)  # [N, P]
    logs = np.log(weights) - distances - np.log(deviations).sum(axis=1)
    scale = EXPONENT / (2 * _WIDTH * math.gamma(1 / EXPONENT))
    densities: Floats = np.logaddexp.reduce(logs, axis=1) + len(LATENTS) * math.log(scale)
    return densities
