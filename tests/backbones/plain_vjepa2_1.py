"""V-JEPA 2.1's encoder on single images, written out plainly from its description, with the project's names of weights.

An image is a clip of one frame with a patch embedding of its own; a learned vector tells the tokens of images. A head's
channels are in thirds for time, rows and columns (the rest is not turned), pairs of neighbours turn by position times
10000^(-2i/n), and rows and columns are stretched so that the last has the position 256 / patch - 1.
"""

import torch
from torch import nn

from tests.backbones.plain_vit import Block


def turned(values, positions):
    """[..., tokens, n] with the pairs (0, 1), (2, 3), ... turned as complex numbers."""
    count = values.shape[-1] // 2
    angles = positions[:, None] * 10000.0 ** (-torch.arange(count) / count)
    pairs = torch.view_as_complex(values.unflatten(-1, (count, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


class Encoder(nn.Module):
    """Images [B, 3, size, size] -> average of the normalised tokens [B, width]."""

    def __init__(self, width=192, depth=12, heads=3, patch=16):
        super().__init__()
        self.heads, self.patch = heads, patch
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, width, (2, patch, patch), (2, patch, patch))})
        self.patch_embed_img = nn.ModuleDict({"proj": nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch))})
        self.img_mod_embed = nn.Parameter(torch.zeros(1, 1, width))
        self.video_mod_embed = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norms_block = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(4))

    def attention(self, attention, tokens, rows, columns):
        count, number, width = tokens.shape
        size = width // self.heads
        third = 2 * (size // 3 // 2)
        query, key, value = attention.qkv(tokens).reshape(count, number, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        query, key = (
            torch.cat(
                [
                    part[..., :third],  # time 0
                    turned(part[..., third : 2 * third], rows),
                    turned(part[..., 2 * third : 3 * third], columns),
                    part[..., 3 * third :],
                ],
                dim=-1,
            )
            for part in (query, key)
        )
        weights = (query @ key.mT / size**0.5).softmax(-1)
        return attention.proj((weights @ value).transpose(1, 2).reshape(count, number, width))

    def forward(self, images):
        tokens = self.patch_embed_img["proj"](images[:, :, None]).flatten(2).mT + self.img_mod_embed
        side = images.shape[-1] // self.patch
        stretched = torch.arange(side) * (256 // self.patch - 1) / (side - 1)
        rows, columns = (positions.flatten() for positions in torch.meshgrid(stretched, stretched, indexing="ij"))
        for block in self.blocks:
            tokens = tokens + self.attention(block.attn, block.norm1(tokens), rows, columns)
            tokens = tokens + block.mlp["fc2"](nn.functional.gelu(block.mlp["fc1"](block.norm2(tokens))))
        return self.norms_block[3](tokens).mean(1)
