"""timm's VisionTransformer (DINO, DINOv2, I-JEPA, MAE, DeiT, AugReg, ...) and Eva (DINOv3, EVA-02) -> architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from jepascore_core.jacobian.architecture import Architecture, Attention, Block, Linear, Mlp, Rotation

TIMM_VIT = "timm.models.vision_transformer.VisionTransformer"
TIMM_EVA = "timm.models.eva.Eva"


def timm_vit(vit: Any) -> Architecture:
    """timm's VisionTransformer."""
    patch = _read_patch_embedding(vit.patch_embed)
    require_inert(vit.pos_drop, vit.patch_drop, vit.head_drop)
    blocks = tuple(_read_block(block) for block in vit.blocks)

    def embed(images: Tensor) -> tuple[Tensor, Sequence[Rotation | None]]:
        return vit._pos_embed(vit.patch_embed(images)), [None] * len(blocks)

    return _finish(vit, patch, embed, blocks)


def _finish(
    vit: Any,
    patch: Tensor,
    embed: Callable[[Tensor], tuple[Tensor, Sequence[Rotation | None]]],
    blocks: tuple[Block, ...],
) -> Architecture:
    """Add what VisionTransformer and Eva share: norms, pooling and head."""

    def head(tokens: Tensor) -> Tensor:
        embedding: Tensor = vit.forward_head(vit.norm(tokens))
        return embedding

    pool = vit.global_pool
    has_plain_pool = vit.attn_pool is None and pool in ("token", "avg")
    num_null = None
    if has_plain_pool:
        norm, fc_norm = read_optional_norm(vit.norm), read_optional_norm(vit.fc_norm)
        num_null = dead_directions(norm, fc_norm, is_average=pool == "avg")
    num_patches = int(vit.patch_embed.num_patches)
    dimension = patch.shape[0] if isinstance(vit.head, nn.Identity) else read_linear(vit.head).weight.shape[0]
    return Architecture(
        embed=embed,
        patch=patch,
        num_prefix=int(vit.num_prefix_tokens),
        norm_pre=read_optional_norm(vit.norm_pre),
        blocks=blocks,
        head=head,
        class_token_only=has_plain_pool and pool == "token",
        rank=rank_of(dimension, patch.shape[0], num_null, num_patches * patch.shape[1]),
        num_tokens=num_patches + int(vit.num_prefix_tokens),
    )


def _read_block(block: Any) -> Block:
    require(full_name(block) == "timm.models.vision_transformer.Block", f"the block {type(block).__name__}")
    require_inert(block.drop_path1, block.drop_path2)
    attention = block.attn
    require(full_name(attention) == "timm.layers.attention.Attention", f"the attention {type(attention).__name__}")
    return Block(
        read_norm(block.norm1),
        _read_attention(attention, read_linear(attention.qkv)),
        read_layer_scale(block.ls1),
        read_norm(block.norm2),
        _read_mlp(block.mlp),
        read_layer_scale(block.ls2),
    )


def _read_attention(attention: Any, qkv: Linear) -> Attention:
    parts = attention
    require_inert(parts.attn_drop, parts.norm, parts.proj_drop)
    require(getattr(parts, "gate", None) is None, "gated attention")
    return Attention(
        qkv,
        read_linear(parts.proj),
        parts.num_heads,
        parts.scale,
        read_optional_norm(parts.q_norm),
        read_optional_norm(parts.k_norm),
    )


def timm_eva(eva: Any) -> Architecture:
    """timm's Eva."""
    patch = _read_patch_embedding(eva.patch_embed)
    require_inert(eva.pos_drop, eva.head_drop)
    require(eva.patch_drop is None, "patch dropout")
    blocks = tuple(_read_eva_block(block) for block in eva.blocks)
    half = bool(getattr(eva.blocks[0].attn, "rotate_half", False))
    num_prefix, is_mixed = int(eva.num_prefix_tokens), bool(eva.rope_mixed)

    def embed(images: Tensor) -> tuple[Tensor, Sequence[Rotation | None]]:
        tokens, table = eva._pos_embed(eva.patch_embed(images))
        if table is None:
            return tokens, [None] * len(blocks)
        tables = list(table) if is_mixed else [table] * len(blocks)
        return tokens, [_rotation(item.to(tokens), num_prefix, half) for item in tables]

    return _finish(eva, patch, embed, blocks)


def _rotation(table: Tensor, num_prefix: int, half: bool) -> Rotation:
    """Extend timm's table [..., patches, 2 x head size] with rows for the tokens that are not rotated."""
    sin, cos = table.chunk(2, dim=-1)
    still = sin.new_zeros(*sin.shape[:-2], num_prefix, sin.shape[-1])
    return Rotation(torch.cat([still, sin], dim=-2), torch.cat([still + 1, cos], dim=-2), half)


def _read_eva_block(block: Any) -> Block:
    require(full_name(block) == "timm.models.eva.EvaBlock", f"the block {type(block).__name__}")
    require_inert(block.drop_path1, block.drop_path2)
    return Block(
        read_norm(block.norm1),
        _read_attention(block.attn, _read_eva_qkv(block.attn)),
        block.gamma_1,
        read_norm(block.norm2),
        _read_mlp(block.mlp),
        block.gamma_2,
    )


def _read_eva_qkv(attention: Any) -> Linear:
    kind, parts = full_name(attention), attention
    known = ("timm.models.eva.EvaAttention", "timm.layers.attention.AttentionRope")
    require(kind in known, f"the attention {type(attention).__name__}")
    require(getattr(parts, "num_kv_groups", 1) == 1, "grouped-query attention")
    if parts.qkv is None:
        return _side_by_side([read_linear(item) for item in (parts.q_proj, parts.k_proj, parts.v_proj)])
    fused = read_linear(parts.qkv)
    if getattr(parts, "q_bias", None) is None:
        return fused
    return Linear(fused.weight, torch.cat([parts.q_bias, parts.k_bias, parts.v_bias]))


def _side_by_side(parts: Sequence[Linear]) -> Linear:
    weight = torch.cat([part.weight for part in parts])
    if all(part.bias is None for part in parts):
        return Linear(weight, None)
    biases = [part.weight.new_zeros(len(part.weight)) if part.bias is None else part.bias for part in parts]
    return Linear(weight, torch.cat(biases))


def _read_patch_embedding(module: Any) -> Tensor:
    require(full_name(module) == "timm.layers.patch_embed.PatchEmbed", "an unsupported kind of patch embedding")
    require_inert(module.norm)
    return read_patch(module.proj, module.dynamic_img_pad)


def _read_mlp(module: Any) -> Mlp:
    kind, parts = full_name(module), module
    if kind == "timm.layers.mlp.SwiGLU":
        require_inert(parts.drop1, parts.norm, parts.drop2)
        gate, up = read_linear(parts.fc1_g), read_linear(parts.fc1_x)
        return Mlp(up, read_linear(parts.fc2), read_activation(parts.act), gate)
    require(kind in ("timm.layers.mlp.Mlp", "timm.layers.mlp.GluMlp"), f"the MLP {type(module).__name__}")
    require_inert(parts.drop1, parts.norm, parts.drop2)
    first, down, activation = read_linear(parts.fc1), read_linear(parts.fc2), read_activation(parts.act)
    if kind == "timm.layers.mlp.Mlp":
        return Mlp(first, down, activation)
    halves = _halves(first)
    gate, up = reversed(halves) if parts.gate_last else halves
    return Mlp(up, down, activation, gate)


def _halves(linear: Linear) -> tuple[Linear, Linear]:
    weights = linear.weight.chunk(2)
    biases: Sequence[Tensor | None] = (None, None) if linear.bias is None else linear.bias.chunk(2)
    return Linear(weights[0], biases[0]), Linear(weights[1], biases[1])
