"""One forward pass of a vision transformer that stores what every cotangent needs, computed once per image.

Softmax, norms and activations are computed in the images' own precision; what is kept for the backward pass is then
rounded to the precision of its matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jepascore_core.jacobian.architecture import Architecture, Attention, Block, Linear, Mlp, Norm, Rotation


@dataclass(frozen=True, eq=False)
class NormTrace:
    """Normalised values before the gain, [..., N, d], and the reciprocal standard deviation, [..., N, 1]."""

    values: Tensor
    scale: Tensor


@dataclass(frozen=True, eq=False)
class AttentionTrace:
    """Attention of each head [B, H, N, N], with values and outputs [B, H, N, head size].

    Queries and keys are each scaled like the logits, as the derivative by the other one needs them.
    """

    attention: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor
    outputs: Tensor
    q_norm: NormTrace | None
    k_norm: NormTrace | None
    rotation: Rotation | None


@dataclass(frozen=True, eq=False)
class BlockTrace:
    """`slopes` [B, N, M]: derivative of the hidden units by their inputs; of a gated MLP [B, N, 2 M], gate first."""

    norm1: NormTrace
    attention: AttentionTrace
    norm2: NormTrace
    slopes: Tensor


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything of a forward pass that the backward pass needs; `tokens` [B, N, d] enter the head.

    `log_scales` [B, number of norms] are, for each norm, the mean log reciprocal standard deviation of the tokens:
    by-products that predict the score.
    """

    norm_pre: NormTrace | None
    blocks: tuple[BlockTrace, ...]
    tokens: Tensor
    log_scales: Tensor


def run_forward(architecture: Architecture, images: Tensor, dtype: torch.dtype) -> Trace:
    """Run the encoder up to its head; traces in `dtype`, tokens in the images' precision."""
    with torch.no_grad():
        tokens, rotations = architecture.embed(images)
        log_scales = []
        norm_pre = None
        if architecture.norm_pre is not None:
            norm_pre = normalise(tokens, architecture.norm_pre)
            tokens = _affine(norm_pre.values, architecture.norm_pre)
            log_scales.append(norm_pre.scale)
            norm_pre = _norm_to(norm_pre, dtype)
        traces = []
        for block, rotation in zip(architecture.blocks, rotations, strict=True):
            tokens, trace = _run_block(block, tokens, rotation, dtype)
            log_scales += [trace.norm1.scale, trace.norm2.scale]
            traces.append(trace)
        logs = torch.stack([scale.float().log().mean(dim=(1, 2)) for scale in log_scales], dim=1)
    return Trace(norm_pre, tuple(traces), tokens, logs)


def normalise(values: Tensor, norm: Norm) -> NormTrace:
    """Compute LayerNorm up to, but without, its gain and bias."""
    variance, mean = torch.var_mean(values, dim=-1, keepdim=True, correction=0)
    scale = (variance + norm.eps).rsqrt()
    return NormTrace((values - mean) * scale, scale)


def turn(values: Tensor, half: bool) -> Tensor:
    """Rotate rotary embeddings by a quarter turn; its transpose is its negative."""
    if half:
        first, second = values.chunk(2, dim=-1)
        return torch.cat([-second, first], dim=-1)
    return torch.stack([-values[..., 1::2], values[..., ::2]], dim=-1).flatten(-2)


def _affine(values: Tensor, norm: Norm) -> Tensor:
    scaled = values if norm.weight is None else values * norm.weight
    return scaled if norm.bias is None else scaled + norm.bias


def _apply(linear: Linear, values: Tensor) -> Tensor:
    return F.linear(values, linear.weight, linear.bias)


def _norm_to(trace: NormTrace, dtype: torch.dtype) -> NormTrace:
    return NormTrace(trace.values.to(dtype), trace.scale.to(dtype))


def _run_block(
    block: Block, tokens: Tensor, rotation: Rotation | None, dtype: torch.dtype
) -> tuple[Tensor, BlockTrace]:
    norm1 = normalise(tokens, block.norm1)
    branch, attention = _run_attention(block.attention, _affine(norm1.values, block.norm1), rotation, dtype)
    tokens = tokens + (branch if block.scale1 is None else branch * block.scale1)
    norm2 = normalise(tokens, block.norm2)
    branch, slopes = _run_mlp(block.mlp, _affine(norm2.values, block.norm2))
    tokens = tokens + (branch if block.scale2 is None else branch * block.scale2)
    return tokens, BlockTrace(_norm_to(norm1, dtype), attention, _norm_to(norm2, dtype), slopes.to(dtype))


def _run_attention(
    attention: Attention, values: Tensor, rotation: Rotation | None, dtype: torch.dtype
) -> tuple[Tensor, AttentionTrace]:
    batch, length, _ = values.shape
    heads = _apply(attention.qkv, values).reshape(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    queries, keys, content = heads.unbind(0)
    queries, q_norm = _maybe_normalise(queries, attention.q_norm)
    keys, k_norm = _maybe_normalise(keys, attention.k_norm)
    if rotation is not None:
        queries, keys = (item * rotation.cos + turn(item, rotation.half) * rotation.sin for item in (queries, keys))
    queries = queries * attention.scale
    probabilities = (queries @ keys.mT).softmax(dim=-1)
    keys = keys * attention.scale
    outputs = probabilities @ content
    branch = _apply(attention.out, outputs.transpose(1, 2).flatten(2))
    probabilities, queries, keys, content, outputs = (
        item.to(dtype).contiguous() for item in (probabilities, queries, keys, content, outputs)
    )
    if rotation is not None:
        rotation = Rotation(rotation.sin.to(dtype), rotation.cos.to(dtype), rotation.half)
    q_kept, k_kept = (None if item is None else _norm_to(item, dtype) for item in (q_norm, k_norm))
    trace = AttentionTrace(probabilities, queries, keys, content, outputs, q_kept, k_kept, rotation)
    return branch, trace


def _maybe_normalise(values: Tensor, norm: Norm | None) -> tuple[Tensor, NormTrace | None]:
    if norm is None:
        return values, None
    trace = normalise(values, norm)
    return _affine(trace.values, norm), trace


def _run_mlp(mlp: Mlp, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of the branch, and the slopes of its hidden units."""
    up = _apply(mlp.up, values)
    if mlp.gate is None:
        hidden, slopes = value_and_slope(mlp.activation, up)
    else:
        gate, slope = value_and_slope(mlp.activation, _apply(mlp.gate, values))
        hidden, slopes = gate * up, torch.cat([slope * up, gate], dim=-1)
    return _apply(mlp.down, hidden), slopes


def value_and_slope(activation: Callable[[Tensor], Tensor], values: Tensor) -> tuple[Tensor, Tensor]:
    """Return an elementwise function's value and derivative, for any function."""
    with torch.enable_grad():
        inputs = values.detach().requires_grad_(True)
        outputs = activation(inputs)
        (slopes,) = torch.autograd.grad(outputs.sum(), inputs)
    return outputs.detach(), slopes
