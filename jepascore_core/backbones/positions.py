"""Resample position embeddings to another image size, as the encoder's authors do."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from jepascore_core.backbones.specs import Resampling

#: DINO's authors add this to the number of patches per side against rounding down; it shifts every sample slightly.
_OFFSET = 0.1


def resampled(positions: Tensor, grid: tuple[int, int], prefix: int, way: Resampling) -> Tensor:
    """Resample positions [1, prefix + n * n, width] to a grid of patches: [1, prefix + rows * columns, width].

    "dino": bicubic at a scale of (rows + 0.1) / n; "plain": bicubic to the grid; "timm": the same, smoothed where the
    grid is coarser (antialiasing). Positions that fit, or whose grid is not square, are unchanged.
    """
    side = math.isqrt(positions.shape[1] - prefix)
    if side**2 != positions.shape[1] - prefix or (side, side) == tuple(grid):
        return positions
    width = positions.shape[2]
    square = positions[:, prefix:].float().reshape(1, side, side, width).permute(0, 3, 1, 2)
    if way == "dino":
        scale = tuple((count + _OFFSET) / side for count in grid)
        square = F.interpolate(square, scale_factor=scale, mode="bicubic")
    else:
        square = F.interpolate(square, size=tuple(grid), mode="bicubic", antialias=way == "timm")
    patches = square.permute(0, 2, 3, 1).reshape(1, -1, width).to(positions.dtype)
    return torch.cat([positions[:, :prefix], patches], dim=1) if prefix else patches
