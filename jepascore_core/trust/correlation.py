"""Rank correlations with an interval."""

from __future__ import annotations

import math

from jepascore_core.scores.auroc import Z95

#: Largest |rho| whose Fisher transform is finite enough to compute with.
_LIMIT = 1 - 1e-9


def rank_interval(spearman: float, num_images: int) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's correlation: Fisher's z with the variance of Bonett and Wright (2000).

    Raises:
        ValueError: for fewer than four images.
    """
    if num_images < 4:
        raise ValueError(f"A rank correlation needs four images for an interval, not {num_images}.")
    centre = math.atanh(max(-_LIMIT, min(_LIMIT, spearman)))
    reach = Z95 * math.sqrt((1 + spearman**2 / 2) / (num_images - 3))
    return math.tanh(centre - reach), math.tanh(centre + reach)
