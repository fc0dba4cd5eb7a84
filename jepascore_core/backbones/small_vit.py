"""Encoders that a JSON file can describe: timm vision transformers, built from keyword arguments."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer

#: A small greyscale ViT: the head maps the mean token to the K values on which the Gaussianity acts. Without LayerNorm
#: between the mean and the head (the norm acts on each token) the Jacobian has full rank K.
TINY_GREY_VIT: dict[str, Any] = {
    "img_size": 32,
    "patch_size": 16,
    "in_chans": 1,
    "num_classes": 32,
    "global_pool": "avg",
    "embed_dim": 96,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 2.0,
    "class_token": False,
    "fc_norm": False,
}
#: Standard deviation of the initial position embedding. timm's 0.02 makes the mean token of an untrained encoder forget
#: where its patches were.
POSITION_STD = 0.5


def build_vit(kwargs: dict[str, Any]) -> VisionTransformer:
    """A timm `VisionTransformer` [B, C, H, W] -> [B, num_classes]; its weights are arbitrary until they are set."""
    with torch.random.fork_rng():
        return VisionTransformer(**kwargs)


def initialise(encoder: VisionTransformer, seed: int) -> VisionTransformer:
    """Set all weights at random, at the scale that keeps the variance of a layer's output (timm's 0.02 is smaller).

    Biases and norms keep timm's values. Returns the same encoder.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if name == "pos_embed":
                value.copy_(POSITION_STD * torch.randn(value.shape, generator=generator))
            elif value.ndim > 1:
                value.copy_(torch.randn(value.shape, generator=generator) / math.sqrt(value[0].numel()))
    return encoder
