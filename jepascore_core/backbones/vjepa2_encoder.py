"""V-JEPA 2's video encoder on single images: timm's rotary transformer with V-JEPA 2's positions.

An image is shown as two equal frames, which is one step in time. The three-dimensional patch embedding then is a plane
one, the sum of its kernel's two slices, and all tokens have time 0, where the rotation is the identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from timm.models.eva import Eva
from torch import Tensor, nn

from jepascore_core.backbones.timm_encoder import require_whole_patches
from jepascore_core.errors import CheckpointError
from jepascore_core.records import Preprocessing

_BASE = 10_000.0


@dataclass(frozen=True)
class VideoSize:
    """Depth, width, heads, MLP ratio and patch size of an encoder; `name` for messages."""

    name: str
    depth: int
    width: int
    heads: int
    mlp_ratio: float
    patch: int
    epsilon: float = 1e-6


_SIZES = {
    "tiny": (12, 192, 3, 4.0),
    "small": (12, 384, 6, 4.0),
    "base": (12, 768, 12, 4.0),
    "large": (24, 1024, 16, 4.0),
    "huge": (32, 1280, 16, 4.0),
    "giant": (40, 1408, 22, 48 / 11),
    "gigantic": (48, 1664, 26, 64 / 13),
}


def vjepa2_size(architecture: str) -> VideoSize | None:
    """The sizes of "vit_large_patch16_256" and its like; None for another name."""
    found = re.fullmatch(r"vit_([a-z]+)_patch(\d+)_(\d+)", architecture)
    if found is None or found[1] not in _SIZES:
        return None
    return VideoSize(architecture, *_SIZES[found[1]], patch=int(found[2]))


class PlaneRope(nn.Module):
    """Rotary angles of V-JEPA 2 for one frame: a third of each head's channels for time, height and width each.

    The frequencies of a third are repeated as a whole, not channel by channel, so that the two channels of a pair turn
    by different angles. Upstream keeps this slip because its weights were trained with it, and so do we.
    """

    def __init__(self, head_dim: int, feat_shape: tuple[int, int]) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.update_feat_shape(feat_shape)

    def update_feat_shape(self, feat_shape: tuple[int, int]) -> None:
        """Angles for another grid of tokens (height, width)."""
        self.feat_shape = feat_shape
        angles = self._angles(*feat_shape)
        self.register_buffer("embed", torch.cat([angles.sin(), angles.cos()], dim=-1), persistent=False)

    def _angles(self, height: int, width: int) -> Tensor:
        """[height * width, head_dim]; 0, which turns nothing, for time and for channels left over."""
        size = 2 * (self.head_dim // 3 // 2)
        frequencies = _BASE ** -(torch.arange(size // 2) / (size / 2))
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        angles = torch.zeros(height * width, self.head_dim)
        for start, positions in ((size, rows), (2 * size, columns)):
            angles[:, start : start + size] = (positions.reshape(-1, 1) * frequencies).repeat(1, 2)
        return angles

    def get_embed(self, shape: tuple[int, int] | None = None) -> Tensor:
        """Sines, then cosines. -> [height * width, 2 * head_dim]."""
        if shape is not None and tuple(shape) != tuple(self.feat_shape):
            self.update_feat_shape(shape)
        return self.get_buffer("embed")


def build_vjepa2(size: VideoSize, preprocessing: Preprocessing) -> Eva:
    """The encoder for single images [B, 3, H, W] -> [B, width], the average of the normalised tokens.

    Raises:
        PreprocessingError: for an image size that is no multiple of the patch.
    """
    require_whole_patches(size.name, (size.patch, size.patch), preprocessing)
    encoder = Eva(
        img_size=(preprocessing.height, preprocessing.width),
        patch_size=size.patch,
        in_chans=preprocessing.channels,
        num_classes=0,
        global_pool="avg",
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.heads,
        mlp_ratio=size.mlp_ratio,
        attn_type="rope",
        norm_layer=partial(nn.LayerNorm, eps=size.epsilon),
        class_token=False,
        use_abs_pos_emb=False,
        use_rot_pos_emb=True,
        use_fc_norm=False,
    )
    encoder.rope = PlaneRope(size.width // size.heads, encoder.patch_embed.grid_size)
    return encoder


def fold_frames(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights for one image shown as a whole tubelet of equal frames: the kernel summed over time.

    Raises:
        CheckpointError: if the patch embedding has no time.
    """
    name = "patch_embed.proj.weight"
    kernel = state.get(name)
    if kernel is None or kernel.ndim != 5:
        found = "missing" if kernel is None else f"{list(kernel.shape)}"
        raise CheckpointError(
            f"{name} of a V-JEPA 2 encoder is [width, channels, frames, patch, patch], here it is {found}."
        )
    return {**state, name: kernel.sum(2)}
