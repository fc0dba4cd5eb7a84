"""Operations of the backward pass as GPU kernels.

They keep attention logits on chip, and read and write each other value once: less than half of the memory traffic of
the plain operations between two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
import triton
from torch import Tensor

from jepascore_core.jacobian import triton_kernels
from jepascore_core.jacobian.trace import AttentionTrace, NormTrace
from jepascore_core.jacobian.vit import FoldedBlock, Operations, project_back

#: Allow fused multiply-add explicitly, since compiler defaults have changed.
_FUSING = {"enable_fp_fusion": True}

#: Values per program of an elementwise kernel.
_ELEMENTS = 2048

#: Cotangents that share one load of the slopes.
_GROUP = 16


@dataclass(frozen=True)
class Tile:
    """Rows (queries of one or all cotangents) and keys that a program has at once, its warps and pipeline stages."""

    rows: int
    keys: int
    warps: int
    stages: int

    def __str__(self) -> str:
        return f"{self.rows} x {self.keys}"


@dataclass(frozen=True)
class Tiles:
    """Tiles of the kernel that finds queries' cotangents, and of the one for keys' and values'."""

    queries: Tile
    keys: Tile


#: Tiles to choose from on a GPU (kernel_choice.py). With 257 or 197 tokens small tiles waste less, larger ones read
#: less. The resident dimension is at least 64, as tensor cores of newer GPUs require; the streamed one may be 32.
TILES = (
    Tiles(Tile(64, 64, 4, 2), Tile(64, 64, 4, 2)),
    Tiles(Tile(64, 32, 4, 3), Tile(32, 64, 4, 3)),
    Tiles(Tile(128, 32, 8, 3), Tile(32, 64, 4, 2)),
    Tiles(Tile(128, 64, 8, 2), Tile(64, 64, 4, 2)),
)


def fused_operations(tiles: Tiles) -> Operations:
    """Return the operations of the backward pass as kernels with these tiles."""
    name = f"fused, {tiles.queries} and {tiles.keys}"
    return Operations(name, partial(_heads_pull_back, tiles), _scale_hidden, _add_norm_pull_back)


def _heads_pull_back(tiles: Tiles, block: FoldedBlock, kept: AttentionTrace, heads: Tensor) -> Tensor:
    """Map cotangents of the heads' outputs [B, R, N, A] to those of queries, keys and values [B, R, N, 3 A]."""
    batch, count, length, width = heads.shape
    num_heads = block.num_heads
    size = width // num_heads
    cotangents = heads.contiguous()
    gradients = heads.new_empty(batch, count, length, 3, num_heads, size)
    deltas = torch.empty(batch * num_heads, count, length, dtype=torch.float32, device=heads.device)
    # Whole tiles of the attention are read, along rows that are aligned for fast loads.
    by_query = F.pad(kept.attention, (0, -length % tiles.queries.keys)).contiguous()
    by_key = F.pad(kept.attention.mT, (0, -length % tiles.keys.rows)).contiguous()
    sizes, channels = (count, length, num_heads, size), max(16, triton.next_power_of_2(size))
    triton_kernels.pull_back_queries[(triton.cdiv(count * length, tiles.queries.rows), batch * num_heads)](
        *(cotangents, by_query, kept.keys, kept.values, kept.outputs, gradients, deltas, *sizes, by_query.shape[-1]),
        **_launch(tiles.queries, channels),
    )
    triton_kernels.pull_back_keys_and_values[(triton.cdiv(length, tiles.keys.keys), count, batch * num_heads)](
        *(cotangents, by_key, kept.queries, kept.values, deltas, gradients, *sizes, by_key.shape[-1]),
        **_launch(tiles.keys, channels),
    )
    if kept.rotation is not None or kept.q_norm is not None or kept.k_norm is not None:
        queries, keys, _ = gradients[:, None].unbind(4)
        queries.copy_(project_back(queries, kept, kept.q_norm, block.q_gain))
        keys.copy_(project_back(keys, kept, kept.k_norm, block.k_gain))
    return gradients.view(batch, count, length, 3 * width)


def _launch(tile: Tile, channels: int) -> dict[str, Any]:
    """Return a tile as keyword arguments of its kernel and launch."""
    return {
        "rows_at_once": tile.rows,
        "keys_at_once": tile.keys,
        "channels": channels,
        "num_warps": tile.warps,
        "num_stages": tile.stages,
        **_FUSING,
    }


def _scale_hidden(slopes: Tensor, hidden: Tensor) -> Tensor:
    batch, count, live, hidden_width = hidden.shape
    hidden, slopes = hidden.contiguous(), slopes[:, :live].contiguous()
    width = slopes.shape[-1]
    scaled = hidden if width == hidden_width else hidden.new_empty(batch, count, live, width)
    grid = triton.cdiv(live * width, _ELEMENTS), triton.cdiv(count, _GROUP), batch
    triton_kernels.scale_hidden[grid](
        hidden, slopes, scaled, count, live, width, hidden_width, at_once=_ELEMENTS, group=_GROUP, **_FUSING
    )
    return scaled


def _add_norm_pull_back(cotangents: Tensor, gradients: Tensor, norm: NormTrace) -> Tensor:
    batch, count, live, width = gradients.shape
    gradients = gradients.contiguous()
    channels = triton.next_power_of_2(width)
    rows = max(1, _ELEMENTS // channels)
    triton_kernels.add_norm[(triton.cdiv(count * live, rows), batch)](
        cotangents.contiguous(),
        gradients,
        norm.values[:, :live].contiguous(),
        norm.scale[:, :live].contiguous(),
        count,
        live,
        width,
        rows_at_once=rows,
        channels=channels,
        **_FUSING,
    )
    return gradients
