"""Description of a vision transformer for the structured passes: its weights and connections.

A pre-norm transformer on non-overlapping patches:

    x = norm_pre(embed(images))                         [B, N, d]
    x = x + scale1 * attention(norm1(x))                for every block
    x = x + scale2 * mlp(norm2(x))
    embedding = head(x)                                 [B, K]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Norm:
    """LayerNorm over the last axis; None = no gain or no bias."""

    weight: Tensor | None
    bias: Tensor | None
    eps: float


@dataclass(frozen=True, eq=False)
class Linear:
    """x -> x weight^T + bias; weight [out, in]."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rotary position embedding: x -> x cos + turn(x) sin, tables [..., N, head size].

    `half` says whether `turn` swaps halves or neighbours. Tokens that are not rotated have cos 1 and sin 0.
    """

    sin: Tensor
    cos: Tensor
    half: bool


@dataclass(frozen=True, eq=False)
class Attention:
    """Multi-head self-attention; `qkv` is [3 A, d], heads adjacent, A = heads x head size."""

    qkv: Linear
    out: Linear
    num_heads: int
    scale: float
    q_norm: Norm | None = None
    k_norm: Norm | None = None


@dataclass(frozen=True, eq=False)
class Mlp:
    """down(activation(up(x))), or down(activation(gate(x)) * up(x))."""

    up: Linear
    down: Linear
    activation: Callable[[Tensor], Tensor]
    gate: Linear | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """One transformer block; `scale1` and `scale2` are the LayerScale of its two branches."""

    norm1: Norm
    attention: Attention
    scale1: Tensor | None
    norm2: Norm
    mlp: Mlp
    scale2: Tensor | None


@dataclass(frozen=True, eq=False)
class Architecture:
    """A vision transformer.

    `embed` maps images to tokens [B, N, d], linearly in the patches, and gives each block's rotation. `patch`
    [d, C x patch height x patch width] is that linear map; the first `num_prefix` tokens do not depend on the image.
    `head` maps tokens to the embedding; if `class_token_only` it reads the first token alone. `rank` is the
    largest rank that the Jacobian can have, None if it must be found numerically; `num_tokens` is N.
    """

    embed: Callable[[Tensor], tuple[Tensor, Sequence[Rotation | None]]]
    patch: Tensor
    num_prefix: int
    norm_pre: Norm | None
    blocks: tuple[Block, ...]
    head: Callable[[Tensor], Tensor]
    class_token_only: bool
    rank: int | None
    num_tokens: int

    def bytes_per_cotangent(self, itemsize: int) -> int:
        """Return the peak bytes of one cotangent of one image in the backward pass: logits and hidden units twice."""
        block = self.blocks[0]
        hidden = block.mlp.up.weight.shape[0] * (2 if block.mlp.gate is not None else 1)
        width = self.patch.shape[0]
        per_token = block.attention.num_heads * self.num_tokens + hidden + 8 * width
        return 2 * itemsize * self.num_tokens * per_token
