"""Structured backward pass of vision transformers: all cotangents of an image through one shared forward trace.

Work that autograd would repeat for every cotangent is done once per image or once per encoder: softmax
probabilities, normalised values and activation slopes (trace.py); gains of the norms, LayerScale and the centring of
LayerNorm's derivative are folded into the weights. Above the last attention only the class token is needed if the head
reads nothing else. The pass ends at the patch tokens: they are linear in the pixels, x_n = W p_n, so

    J J^T = sum over tokens n of C_n (W W^T) C_n^T,   C_n [R, d] the cotangents of token n,

and with W W^T = L L^T the rows C_n L, side by side, have the Gram matrix of the pixel Jacobian.

Shapes: B images, R cotangents, N tokens, d width, H heads, A = H x head size, M hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jepascore_core.jacobian.architecture import Architecture, Block, Norm
from jepascore_core.jacobian.trace import AttentionTrace, BlockTrace, NormTrace, Trace, turn


@dataclass(frozen=True, eq=False)
class FoldedBlock:
    """Weights of one block as used in the backward pass, in its precision.

    `down` [d, M] (LayerScale folded in), twice side by side for a gated MLP; `up` [M, d], or [2 M, d] with the gate
    first; `out` [d, A]; `qkv` [3 A, d]. `up` and `qkv` carry the gain of the norm before them and are centred along d.
    """

    down: Tensor
    up: Tensor
    out: Tensor
    qkv: Tensor
    num_heads: int
    q_gain: Tensor | None
    k_gain: Tensor | None


def fold_block(block: Block, dtype: torch.dtype) -> FoldedBlock:
    """Fold gains, LayerScale and centring into the weights, in the weights' own precision; then round to `dtype`."""
    attention, mlp = block.attention, block.mlp
    down = mlp.down.weight if block.scale2 is None else block.scale2[:, None] * mlp.down.weight
    out = attention.out.weight if block.scale1 is None else block.scale1[:, None] * attention.out.weight
    up = mlp.up.weight if mlp.gate is None else torch.cat([mlp.gate.weight, mlp.up.weight])
    return FoldedBlock(
        down=down.to(dtype).contiguous(),
        up=_centred(up, block.norm2).to(dtype).contiguous(),
        out=out.to(dtype).contiguous(),
        qkv=_centred(attention.qkv.weight, block.norm1).to(dtype).contiguous(),
        num_heads=attention.num_heads,
        q_gain=_gain(attention.q_norm, dtype),
        k_gain=_gain(attention.k_norm, dtype),
    )


def patch_factor(patch: Tensor) -> Tensor:
    """L [d, P] with L L^T = W W^T for the patch embedding W [d, pixels]: W itself, or its smaller triangular factor."""
    if patch.shape[1] <= patch.shape[0]:
        return patch
    # On the CPU: MPS has no float64.
    triangle: Tensor = torch.linalg.qr(patch.cpu().double().T, mode="r").R
    return triangle.T.to(patch)


@dataclass(frozen=True)
class Operations:
    """Operations of the backward pass between its matrix products; hidden units and gradients may be overwritten.

    `heads_pull_back` (block, kept, [B, R, N, A]) -> [B, R, N, 3 A]: through attention, from the heads' outputs to
    queries, keys and values side by side. `scale_hidden` (slopes, [B, R, n, M]) -> the same, or [B, R, n, 2 M] for a
    gated MLP: times the slopes of the first n tokens. `add_norm_pull_back` (cotangents, gradients, norm) -> the same:
    the residual connection around a norm and its branch; all [B, R, n, d], gradients centred along d.
    """

    name: str
    heads_pull_back: Callable[[FoldedBlock, AttentionTrace, Tensor], Tensor]
    scale_hidden: Callable[[Tensor, Tensor], Tensor]
    add_norm_pull_back: Callable[[Tensor, Tensor, NormTrace], Tensor]


def pull_back_tokens(
    architecture: Architecture,
    folded: tuple[FoldedBlock, ...],
    factor: Tensor,
    trace: Trace,
    cotangents: Tensor,
    operations: Operations,
) -> Tensor:
    """Cotangents of the tokens that enter the head -> rows with the Gram matrix of the pixel Jacobian.

    Args:
        architecture: the encoder.
        folded: its blocks, folded.
        factor: L [d, P], from `patch_factor`.
        trace: of a forward pass of B images.
        cotangents: [B, R, N, d], or [B, R, 1, d] for the class token alone; overwritten.
        operations: `PLAIN_OPERATIONS`, or others that do the same.

    Returns:
        [B, R, patches x P] in the factor's precision.
    """
    values = cotangents
    for block, kept in zip(reversed(folded), reversed(trace.blocks), strict=True):
        values = _through_mlp(operations, block, kept, values)
        values = _through_attention(operations, block, kept, values)
    if trace.norm_pre is not None and architecture.norm_pre is not None:
        if architecture.norm_pre.weight is not None:
            values = values * architecture.norm_pre.weight.to(values.dtype)
        values = _norm_pull_back(values - values.mean(dim=-1, keepdim=True), trace.norm_pre)
    return (values[:, :, architecture.num_prefix :].to(factor.dtype) @ factor).flatten(2)


def _through_mlp(operations: Operations, block: FoldedBlock, kept: BlockTrace, cotangents: Tensor) -> Tensor:
    """[B, R, n, d] -> the same; n = N, or 1 for the class token."""
    hidden = operations.scale_hidden(kept.slopes, cotangents @ block.down)
    return operations.add_norm_pull_back(cotangents, hidden @ block.up, kept.norm2)


def _through_attention(operations: Operations, block: FoldedBlock, kept: BlockTrace, cotangents: Tensor) -> Tensor:
    """[B, R, N, d] -> the same; [B, R, 1, d] -> [B, R, N, d] where only the class token is live above."""
    heads = cotangents @ block.out
    if cotangents.shape[2] == kept.attention.queries.shape[2]:
        gradients = operations.heads_pull_back(block, kept.attention, heads)
        return operations.add_norm_pull_back(cotangents, gradients @ block.qkv, kept.norm1)
    gradients = _class_token_pull_back(block, kept.attention, heads[:, :, 0])
    below = _norm_pull_back(gradients @ block.qkv, kept.norm1)
    below[:, :, :1] += cotangents
    return below


def _scale_hidden(slopes: Tensor, hidden: Tensor) -> Tensor:
    slopes = slopes[:, None, : hidden.shape[2]]
    is_gated = slopes.shape[-1] > hidden.shape[-1]
    return torch.cat([hidden, hidden], dim=-1).mul_(slopes) if is_gated else hidden.mul_(slopes)


def _heads_pull_back(block: FoldedBlock, kept: AttentionTrace, heads: Tensor) -> Tensor:
    """Cotangents of the heads' outputs [B, R, N, A] -> of queries, keys and values side by side [B, R, N, 3 A]."""
    batch, count, length, width = heads.shape
    num_heads = block.num_heads
    size = width // num_heads
    groups = _groups(batch * num_heads, count, heads.device)
    each = count // groups
    # [B H G, N, R / G, size]: then one product serves all cotangents of a group.
    moved = heads.view(batch, groups, each, length, num_heads, size).permute(0, 4, 1, 3, 2, 5).contiguous()
    moved = moved.view(-1, length, each, size)
    attention, value, key, query, output = (
        _by_group(item, groups) for item in (kept.attention, kept.values, kept.keys, kept.queries, kept.outputs)
    )
    values = torch.bmm(attention.mT, moved.view(-1, length, each * size)).view_as(moved)
    logits = torch.bmm(moved.view(-1, length * each, size), value.mT).view(-1, length, each, length)
    logits -= (moved * output[:, :, None]).sum(dim=-1, keepdim=True)
    logits *= attention[:, :, None]
    queries = torch.bmm(logits.view(-1, length * each, length), key).view_as(moved)
    keys = torch.bmm(logits.view(-1, length, each * length).mT, query).view(-1, each, length, size)
    gradients = heads.new_empty(batch, groups, each, length, 3, num_heads, size)
    query_part, key_part, value_part = gradients.unbind(4)
    by_row, by_cotangent = ((batch, num_heads, groups, *shape, size) for shape in ((length, each), (each, length)))
    # All to [B, G, R / G, N, H, size].
    queries, values = (item.view(by_row).permute(0, 2, 4, 3, 1, 5) for item in (queries, values))
    keys = keys.view(by_cotangent).permute(0, 2, 3, 4, 1, 5)
    query_part.copy_(project_back(queries, kept, kept.q_norm, block.q_gain))
    key_part.copy_(project_back(keys, kept, kept.k_norm, block.k_gain))
    value_part.copy_(values)
    return gradients.view(batch, count, length, 3 * width)


def _groups(num_products: int, count: int, device: torch.device) -> int:
    """Return the number of groups of cotangents with which the CPU's threads share the heads evenly."""
    if device.type != "cpu":
        return 1
    threads = torch.get_num_threads()
    groups = threads // math.gcd(num_products, threads)
    return groups if count % groups == 0 else 1


def _by_group(values: Tensor, groups: int) -> Tensor:
    """Fold heads, and groups if there are any, into the first axis: [B, H, N, .] -> [B H G, N, .]."""
    if groups == 1:
        return values.flatten(0, 1)
    return values[:, :, None].expand(-1, -1, groups, -1, -1).flatten(0, 2)


def _class_token_pull_back(block: FoldedBlock, kept: AttentionTrace, heads: Tensor) -> Tensor:
    """`_heads_pull_back` where only the first query is live: [B, R, A] -> [B, R, N, 3 A]."""
    batch, count, width = heads.shape
    num_heads = block.num_heads
    moved = heads.view(batch, count, num_heads, -1).transpose(1, 2)  # [B, H, R, size]
    attention, query = kept.attention[:, :, :1], kept.queries[:, :, :1]
    logits = moved @ kept.values.mT
    logits = (logits - (moved * kept.outputs[:, :, :1]).sum(dim=-1, keepdim=True)) * attention
    length = logits.shape[-1]
    gradients = heads.new_zeros(batch, count, length, 3, num_heads, width // num_heads)
    query_part, key_part, value_part = gradients.unbind(3)
    queries = query_part.new_zeros(query_part.shape)
    queries[:, :, 0] = (logits @ kept.keys).transpose(1, 2)
    keys = (logits[..., None] * query[:, :, None]).permute(0, 2, 3, 1, 4)
    query_part.copy_(project_back(queries[:, None], kept, kept.q_norm, block.q_gain)[:, 0])
    key_part.copy_(project_back(keys[:, None], kept, kept.k_norm, block.k_gain)[:, 0])
    value_part.copy_((attention.mT[:, :, None] * moved[:, :, :, None]).permute(0, 2, 3, 1, 4))
    return gradients.view(batch, count, length, 3 * width)


def project_back(gradients: Tensor, kept: AttentionTrace, norm: NormTrace | None, gain: Tensor | None) -> Tensor:
    """Cotangents of what is multiplied into logits -> of the projection's output: rotation and norm in reverse.

    Shapes [B, G, R / G, N, H, size].
    """
    if kept.rotation is not None:
        sin, cos = (_by_token(table) for table in (kept.rotation.sin, kept.rotation.cos))
        gradients = gradients * cos - turn(gradients * sin, kept.rotation.half)
    if norm is None:
        return gradients
    if gain is not None:
        gradients = gradients * gain
    centred = gradients - gradients.mean(dim=-1, keepdim=True)
    values, scales = (item.transpose(1, 2)[:, None, None] for item in (norm.values, norm.scale))
    return (centred - values * (centred * values).mean(dim=-1, keepdim=True)) * scales


def _by_token(table: Tensor) -> Tensor:
    """Reshape a table [N, size] or [H, N, size] to broadcast with [B, G, R / G, N, H, size]."""
    return table[:, None] if table.ndim == 2 else table.transpose(0, 1)


def _norm_pull_back(gradients: Tensor, norm: NormTrace) -> Tensor:
    """Apply LayerNorm's derivative without its gain to centred cotangents: [B, R, n, d] -> same shape, in place."""
    values, scale = norm.values[:, None], norm.scale[:, None]
    along = (gradients * values).mean(dim=-1, keepdim=True)
    return gradients.addcmul_(values, along, value=-1.0).mul_(scale)


def _add_norm_pull_back(cotangents: Tensor, gradients: Tensor, norm: NormTrace) -> Tensor:
    live = gradients.shape[2]
    values, scale = norm.values[:, None, :live], norm.scale[:, None, :live]
    along = (gradients * values).mean(dim=-1, keepdim=True)
    return cotangents.addcmul(gradients.addcmul_(values, along, value=-1.0), scale)


def _centred(weight: Tensor, norm: Norm) -> Tensor:
    """weight [out, d] with the norm's gain and the centring of LayerNorm's derivative folded in."""
    scaled = weight if norm.weight is None else weight * norm.weight
    return scaled - scaled.mean(dim=1, keepdim=True)


def _gain(norm: Norm | None, dtype: torch.dtype) -> Tensor | None:
    return None if norm is None or norm.weight is None else norm.weight.to(dtype)


PLAIN_OPERATIONS = Operations("plain", _heads_pull_back, _scale_hidden, _add_norm_pull_back)
