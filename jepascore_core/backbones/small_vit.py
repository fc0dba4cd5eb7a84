"""Encoders that a JSON file can describe: timm vision transformers built from keyword arguments."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer

#: Standard deviation of the initial position embedding. with timm's 0.02 the mean token of an untrained encoder hardly
#: depends on the positions of its patches.
POSITION_STD = 0.5


def build_vit(kwargs: dict[str, Any]) -> VisionTransformer:
    """Build a timm `VisionTransformer` [B, C, H, W] -> [B, num_classes] with arbitrary initial weights."""
    with torch.random.fork_rng():
        return VisionTransformer(**kwargs)


def initialise(encoder: VisionTransformer, seed: int) -> VisionTransformer:
    """Initialise all weights at random, at the scale that preserves the variance of a layer's output.

    timm's 0.02 is smaller. Biases and norms keep timm's values. Return the same encoder.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if name == "pos_embed":
                value.copy_(POSITION_STD * torch.randn(value.shape, generator=generator))
            elif value.ndim > 1:
                value.copy_(torch.randn(value.shape, generator=generator) / math.sqrt(value[0].numel()))
    return encoder
