"""V-JEPA 2's and 2.1's video encoders for single images: timm's rotary transformer with their positions.

V-JEPA 2 gets an image as two equal frames, which is one time step. The three-dimensional patch embedding then reduces
to a two-dimensional one, the sum of its kernel's two slices. V-JEPA 2.1 has a patch embedding for images, and adds a
vector to their tokens, which is a bias. All tokens have time 0, where the rotation is the identity.
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
from jepascore_core.backbones.unused_weights import VJEPA2_1, is_listed, listed
from jepascore_core.backbones.weight_tracker import mark_unneeded
from jepascore_core.errors import CheckpointError
from jepascore_core.records.backbones import Preprocessing

_BASE = 10_000.0
#: Image size of V-JEPA 2.1's first training phase, to which positions are always stretched.
_TRAINED_PIXELS = 256
_IMAGES, _NORMS = "patch_embed_img.proj", "norms_block.3"


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
    is_2_1: bool = False


_SIZES = {
    "tiny": (12, 192, 3, 4.0),
    "small": (12, 384, 6, 4.0),
    "base": (12, 768, 12, 4.0),
    "large": (24, 1024, 16, 4.0),
    "huge": (32, 1280, 16, 4.0),
    "giant": (40, 1408, 22, 48 / 11),
    "gigantic": (48, 1664, 26, 64 / 13),
}


def vjepa2_size(library: str, architecture: str) -> VideoSize | None:
    """Return the sizes of names like "vit_large_patch16_256" under "vjepa2" or "vjepa2_1"; None for other names."""
    if library not in ("vjepa2", "vjepa2_1"):
        return None
    found = re.fullmatch(r"vit_([a-z]+)_patch(\d+)_(\d+)", architecture)
    if found is None or found[1] not in _SIZES:
        return None
    return VideoSize(architecture, *_SIZES[found[1]], patch=int(found[2]), is_2_1=library == "vjepa2_1")


class PlaneRope(nn.Module):
    """Rotary angles of V-JEPA 2 for one frame: a third of each head's channels for time, height and width each.

    The frequencies of a third are repeated as a whole, not channel by channel, so that the two channels of a pair turn
    by different angles. The authors keep this mistake because the weights were trained with it, and so does this
    module.

    V-JEPA 2.1 does not have it. It also stretches rows and columns to the `trained` grid, so that the first and the
    last have the same angles at every image size.
    """

    def __init__(self, head_dim: int, feat_shape: tuple[int, int], trained: int | None = None) -> None:
        super().__init__()
        self.head_dim, self.trained = head_dim, trained
        self.update_feat_shape(feat_shape)

    def update_feat_shape(self, feat_shape: tuple[int, int]) -> None:
        """Set the angles for another grid of tokens (height, width)."""
        self.feat_shape = feat_shape
        angles = self._angles(*feat_shape)
        self.register_buffer("embed", torch.cat([angles.sin(), angles.cos()], dim=-1), persistent=False)

    def _angles(self, height: int, width: int) -> Tensor:
        """Return the angles [height * width, head_dim]; 0 (no rotation) for time and for the remaining channels."""
        size = 2 * (self.head_dim // 3 // 2)
        frequencies = _BASE ** -(torch.arange(size // 2) / (size / 2))
        rows, columns = torch.meshgrid(self._positions(height), self._positions(width), indexing="ij")
        angles = torch.zeros(height * width, self.head_dim)
        for start, positions in ((size, rows), (2 * size, columns)):
            turned = positions.reshape(-1, 1) * frequencies
            angles[:, start : start + size] = turned.repeat(1, 2) if self.trained is None else _each_twice(turned)
        return angles

    def _positions(self, count: int) -> Tensor:
        positions = torch.arange(count).float()
        return positions if self.trained is None else positions * (self.trained - 1) / max(count - 1, 1)

    def get_embed(self, shape: tuple[int, int] | None = None) -> Tensor:
        """Return sines, then cosines, [height * width, 2 * head_dim]."""
        if shape is not None and tuple(shape) != tuple(self.feat_shape):
            self.update_feat_shape(shape)
        return self.get_buffer("embed")


def _each_twice(values: Tensor) -> Tensor:
    return values.repeat_interleave(2, dim=-1)


def build_vjepa2(size: VideoSize, preprocessing: Preprocessing) -> Eva:
    """Build the encoder for single images [B, 3, H, W] -> [B, width], the average of the normalised tokens.

    Raises:
        PreprocessingError: for an image size that is not a multiple of the patch.
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
    trained = _TRAINED_PIXELS // size.patch if size.is_2_1 else None
    encoder.rope = PlaneRope(size.width // size.heads, encoder.patch_embed.grid_size, trained)
    return encoder


def fold_frames(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sum the kernel over time: the weights for one image repeated as the frames of a tubelet.

    Raises:
        CheckpointError: if the patch embedding has no time axis.
    """
    name = "patch_embed.proj.weight"
    kernel = state.get(name)
    if kernel is None or kernel.ndim != 5:
        found = "missing" if kernel is None else f"{list(kernel.shape)}"
        raise CheckpointError(
            f"{name} of a V-JEPA 2 encoder is [width, channels, frames, patch, patch], here it is {found}."
        )
    return {**state, name: kernel.sum(2)}


def image_branch(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename V-JEPA 2.1's weights for images to the names of the encoder; those for clips keep theirs.

    Raises:
        CheckpointError: if the layers for images are missing.
    """
    rest = dict(state)
    needed = (f"{_IMAGES}.weight", f"{_IMAGES}.bias", "img_mod_embed", f"{_NORMS}.weight", f"{_NORMS}.bias")
    if missing := [name for name in needed if name not in rest]:
        raise CheckpointError(f"A V-JEPA 2.1 encoder needs {', '.join(missing)}, which are missing.")
    kernel, bias, added, weight, shift = (rest.pop(name) for name in needed)
    if kernel.ndim != 5 or kernel.shape[2] != 1:
        raise CheckpointError(
            f"{_IMAGES}.weight of a V-JEPA 2.1 encoder is [width, channels, 1, patch, patch], not {list(kernel.shape)}."
        )
    clips = {name: value for name, value in rest.items() if is_listed(name, listed(VJEPA2_1))}
    mark_unneeded(clips.values())
    return {
        **{name: value for name, value in rest.items() if name not in clips},
        "patch_embed.proj.weight": kernel.squeeze(2),
        "patch_embed.proj.bias": bias + added.flatten(),
        "norm.weight": weight,
        "norm.bias": shift,
    }
