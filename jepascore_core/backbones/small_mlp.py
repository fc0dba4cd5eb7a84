"""The encoder of the rendered pictures: average pooling, a GELU network, projection to a sphere. Smooth everywhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn


class OntoSphere(nn.Module):
    """Scale rows to length sqrt(K): [N, K] -> [N, K]."""

    def forward(self, values: Tensor) -> Tensor:
        """[N, K] -> [N, K]."""
        scaled: Tensor = values * (math.sqrt(values.shape[-1]) / values.norm(dim=-1, keepdim=True))
        return scaled


class PooledMlp(nn.Sequential):
    """Images [B, C, S, S] -> embeddings [B, K] of length sqrt(K).

    Blocks of `pool` x `pool` pixels are averaged first: finer detail does not affect the embedding.
    """

    def __init__(self, img_size: int, in_chans: int, pool: int, hidden: Sequence[int], num_classes: int) -> None:
        sizes = [in_chans * (img_size // pool) ** 2, *hidden, num_classes]
        layers = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.GELU())]
        super().__init__(nn.AvgPool2d(pool), nn.Flatten(), *layers[:-1], OntoSphere())
