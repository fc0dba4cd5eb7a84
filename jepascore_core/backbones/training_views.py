"""Random views of images as batched tensor operations; one generator draws all numbers, so a seed repeats them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from jepascore_core.records.augmentation import WarpViews


def random_view(images: Tensor, config: WarpViews, generator: torch.Generator) -> Tensor:
    """Draw one random view of each image: [B, C, H, W] in 0..1 -> [B, C, H, W], not clipped (noise goes both ways)."""
    views = F.grid_sample(images, _random_grid(images, config, generator), padding_mode="border", align_corners=False)
    views = views * (1 + config.contrast * _uniform(images, 1, generator).view(-1, 1, 1, 1))
    views = _random_blur(views, config.blur, generator)
    sigma = config.noise * torch.rand(len(images), generator=generator).view(-1, 1, 1, 1)
    return views + sigma * torch.randn(views.shape, generator=generator)


def _uniform(images: Tensor, columns: int, generator: torch.Generator) -> Tensor:
    """Draw uniformly from -1..1: [B, columns]."""
    return 2 * torch.rand(len(images), columns, generator=generator) - 1


def _random_grid(images: Tensor, config: WarpViews, generator: torch.Generator) -> Tensor:
    """Return sampling positions [B, H, W, 2] of a random affine map and a smooth random warp."""
    draw = _uniform(images, 6, generator).unbind(dim=1)
    angle, shear = math.radians(config.rotation) * draw[0], math.radians(config.shear) * draw[1]
    scale, stretch = 1 + config.scale * draw[2], 1 + config.stretch * draw[3]
    scale_x, scale_y = scale * stretch, scale / stretch
    # The grid covers -1..1, two units per side.
    shift_x, shift_y = 2 * config.shift * draw[4], 2 * config.shift * draw[5]
    rows = (
        torch.stack([scale_x * angle.cos(), scale_x * (shear - angle).sin(), shift_x], dim=1),
        torch.stack([scale_y * angle.sin(), scale_y * (shear - angle).cos(), shift_y], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    if not config.warp:
        return grid
    coarse = torch.randn(len(images), 2, 4, 4, generator=generator)
    field = F.interpolate(coarse, images.shape[-2:], mode="bicubic", align_corners=True)
    return grid + 2 * config.warp * field.permute(0, 2, 3, 1)


def _random_blur(images: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Apply Gaussian blur with a separate width for each image, separable, borders repeated."""
    if not largest:
        return images
    batch, channels, height, width = images.shape
    radius = max(1, math.ceil(2 * largest))
    sigma = (largest * torch.rand(batch, generator=generator)).clamp_min(1e-3)
    offsets = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma.unsqueeze(1)).square())
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)  # [B * C, taps]
    flat = F.pad(images.reshape(1, batch * channels, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=batch * channels)
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=batch * channels)
    return flat.reshape(images.shape)
