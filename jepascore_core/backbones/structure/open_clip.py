"""open_clip's image towers (OpenAI CLIP, MetaCLIP, SigLIP, ...) -> architectures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jepascore_core.backbones.structure.parts import (
    dead_directions,
    full_name,
    rank_of,
    read_activation,
    read_layer_scale,
    read_linear,
    read_norm,
    read_optional_norm,
    read_patch,
    require,
    require_inert,
)
from jepascore_core.backbones.structure.timm import TIMM_EVA, TIMM_VIT, timm_eva, timm_vit
from jepascore_core.jacobian.architecture import Architecture, Attention, Block, Linear, Mlp, Rotation


def first_output(encoder: Any) -> Architecture:
    """Our wrapper of a tower that also returns its tokens."""
    tower = encoder.tower
    require(isinstance(tower, nn.Module) and full_name(tower) == "open_clip.transformer.VisionTransformer", "its tower")
    return open_clip_vit(tower)


def open_clip_vit(vit: Any) -> Architecture:
    """open_clip's VisionTransformer."""
    patch = read_patch(vit.conv1)
    require_inert(vit.patch_dropout)
    require(full_name(vit.transformer) == "open_clip.transformer.Transformer", "an unsupported kind of transformer")
    blocks = tuple(_read_block(block) for block in vit.transformer.resblocks)

    def embed(images: Tensor) -> tuple[Tensor, Sequence[Rotation | None]]:
        patches = vit.conv1(images).flatten(2).mT
        first = vit.class_embedding.to(patches).expand(len(images), 1, -1)
        tokens = torch.cat([first, patches], dim=1) + vit.positional_embedding.to(patches)
        return tokens, [None] * len(blocks)

    def head(tokens: Tensor) -> Tensor:
        pooled: Tensor = vit._pool(tokens)[0]
        return pooled if vit.proj is None else pooled @ vit.proj

    has_plain_pool = vit.attn_pool is None and vit.pool_type in ("tok", "avg")
    num_null = None
    if has_plain_pool:
        norms = (None, read_norm(vit.ln_post)) if vit.final_ln_after_pool else (read_norm(vit.ln_post), None)
        num_null = dead_directions(*norms, is_average=vit.pool_type == "avg")
    dimension = patch.shape[0] if vit.proj is None else vit.proj.shape[1]
    num_tokens = vit.positional_embedding.shape[0]
    return Architecture(
        embed=embed,
        patch=patch,
        num_prefix=1,
        norm_pre=read_optional_norm(vit.ln_pre),
        blocks=blocks,
        head=head,
        class_token_only=has_plain_pool and vit.pool_type == "tok",
        rank=rank_of(int(dimension), patch.shape[0], num_null, (int(num_tokens) - 1) * patch.shape[1]),
        num_tokens=int(num_tokens),
    )


def _read_block(block: Any) -> Block:
    kinds = {
        "open_clip.transformer.ResidualAttentionBlock": _read_torch_attention,
        "open_clip.transformer.CustomResidualAttentionBlock": _read_custom_attention,
    }
    require(full_name(block) in kinds, f"the block {type(block).__name__}")
    require(not hasattr(block, "ln_1_kv"), "cross attention")
    require_inert(getattr(block, "ln_attn", None), getattr(block.mlp, "ln", None))
    return Block(
        read_norm(block.ln_1),
        kinds[full_name(block)](block.attn),
        read_layer_scale(block.ls_1),
        read_norm(block.ln_2),
        Mlp(read_linear(block.mlp.c_fc), read_linear(block.mlp.c_proj), read_activation(block.mlp.gelu)),
        read_layer_scale(block.ls_2),
    )


def _read_torch_attention(attention: Any) -> Attention:
    require(type(attention) is nn.MultiheadAttention, f"the attention {type(attention).__name__}")
    is_plain = attention.in_proj_weight is not None and attention.bias_k is None and not attention.add_zero_attn
    require(is_plain, "attention with separate keys")
    qkv = Linear(attention.in_proj_weight, attention.in_proj_bias)
    return Attention(qkv, read_linear(attention.out_proj), attention.num_heads, attention.head_dim**-0.5)


def _read_custom_attention(attention: Any) -> Attention:
    require(full_name(attention) == "open_clip.transformer.Attention", f"the attention {type(attention).__name__}")
    is_plain = attention.logit_scale is None and attention.head_scale is None
    require(is_plain, "cosine attention or scaled heads")
    require_inert(attention.attn_drop, attention.ln_inner, attention.out_drop)
    return Attention(
        Linear(attention.in_proj_weight, attention.in_proj_bias),
        read_linear(attention.out_proj),
        attention.num_heads,
        attention.scale,
        read_optional_norm(attention.ln_q),
        read_optional_norm(attention.ln_k),
    )


def open_clip_with_timm(encoder: Any) -> Architecture:
    """Return the architecture of a timm tower with open_clip's projection; its rank is found numerically."""
    readers = {TIMM_VIT: timm_vit, TIMM_EVA: timm_eva}
    trunk = full_name(encoder.trunk)
    require(trunk in readers, f"the trunk {type(encoder.trunk).__name__}")
    inner = readers[trunk](encoder.trunk)

    def head(tokens: Tensor) -> Tensor:
        embedding: Tensor = encoder.head(inner.head(tokens))
        return embedding

    return Architecture(**{**vars(inner), "head": head, "rank": None})
