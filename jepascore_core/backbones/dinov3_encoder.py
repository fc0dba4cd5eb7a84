"""Adapt DINOv3's own files to timm's architectures: biases that timm's converter would drop, and rotary periods.

The authors' attention has one bias for queries, keys and values, times a mask that is 0 for the keys. Their published
weights have biases of 0, so timm has each architecture without (`..._dinov3`) and with (`..._dinov3_qkvb`) biases of
queries and values. The periods of the rotary embedding are saved with the weights: they follow from the base used in
training, rounded to bfloat16 in published files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import timm
import torch
from timm.layers import RotaryEmbeddingDinoV3
from torch import Tensor, nn

from jepascore_core.backbones.weight_tracker import mark_unneeded, unmarked
from jepascore_core.errors import CheckpointError

_PERIODS = "rope_embed.periods"
_JOINT_BIAS = re.compile(r"(blocks\.\d+\.attn)\.qkv\.bias")
_WITH_BIASES = "_qkvb"


@dataclass(frozen=True)
class DinoV3File:
    """A file's weights under names that timm's converter keeps, the architecture they need, and the periods."""

    state: dict[str, Tensor]
    architecture: str
    periods: Tensor | None = None
    note: str = ""


def read_dinov3(state: Mapping[str, Tensor], architecture: str, source: str) -> DinoV3File:
    """Adapt a file to one of timm's DINOv3 architectures; files of other architectures are unchanged.

    Raises:
        CheckpointError: for a bias of keys, which timm does not support.
    """
    if "_dinov3" not in architecture or not architecture.startswith("vit_"):
        return DinoV3File(dict(state), architecture)
    rest = dict(state)
    periods = rest.pop(_PERIODS, None)
    biases = {match[1]: _masked(rest, match[0]) for name in state if (match := _JOINT_BIAS.fullmatch(name))}
    for stem, bias in biases.items():
        queries, keys, values = bias.chunk(3)
        if bool(keys.count_nonzero()):
            raise CheckpointError(
                f"{source} has biases of keys ({stem}.qkv.bias), which {architecture} does not have. "
                "Load it in transformers' format (hf:), which supports them."
            )
        mark_unneeded([keys])
        rest |= {f"{stem}.q_bias": queries, f"{stem}.v_bias": values}
    names = [name for name in rest if name.endswith((".attn.q_bias", ".attn.v_bias"))]
    if architecture.endswith(_WITH_BIASES) or not names:
        return DinoV3File(rest, architecture, periods)
    if not any(bool(rest[name].count_nonzero()) for name in names):
        mark_unneeded(rest.pop(name) for name in names)
        return DinoV3File(rest, architecture, periods)
    wanted = architecture + _WITH_BIASES
    note = f"Its queries and values have biases: loaded as {wanted}."
    return DinoV3File(rest, wanted if timm.is_model(wanted) else architecture, periods, note)


def _masked(state: dict[str, Tensor], name: str) -> Tensor:
    """Remove a joint bias and its mask from the state, and return the bias times its mask if it has one."""
    bias, mask = state.pop(name), state.pop(f"{name}_mask", None)
    return bias if mask is None else bias * mask


class OwnPeriods(RotaryEmbeddingDinoV3):
    """A rotary embedding with given periods [head_dim / 4], which are part of the state, like weights."""

    def __init__(self, rope: RotaryEmbeddingDinoV3, periods: Tensor) -> None:
        self._own = tuple(unmarked(periods).float().tolist())
        super().__init__(
            rope.dim,
            feat_shape=rope.feat_shape,
            normalize_coords=rope.normalize_coords,
            grid_offset=rope.grid_offset,
            grid_indexing=rope.grid_indexing,
            rotate_half=rope.rotate_half,
        )
        self.register_buffer("periods", self.get_buffer("periods"), persistent=True)
        self.get_buffer("periods").copy_(periods)

    def _compute_periods(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.tensor(self._own, device=device, dtype=dtype)


def own_periods(encoder: nn.Module, periods: Tensor | None = None) -> Tensor:
    """Make the encoder's rotary periods part of its state, replaced by the given ones if any; return them."""
    rope = encoder.rope
    encoder.rope = OwnPeriods(rope, rope.get_buffer("periods") if periods is None else periods)  # type: ignore[arg-type, union-attr]
    return encoder.rope.get_buffer("periods")


def use_periods(encoder: nn.Module, periods: Tensor | None, source: str) -> str:
    """Replace the encoder's rotary periods by the file's if they differ; return a note that says so.

    Raises:
        CheckpointError: for another number of periods.
    """
    if periods is None:
        return ""
    own = encoder.rope.get_buffer("periods")  # type: ignore[union-attr]
    if periods.shape != own.shape:
        raise CheckpointError(f"{source} has {periods.numel()} rotary periods, but the architecture has {own.numel()}.")
    if torch.equal(unmarked(periods).float(), own):
        mark_unneeded([periods])
        return ""
    own_periods(encoder, periods)
    # bfloat16 has eight bits of precision: periods that equal the own ones after rounding have the same base.
    if torch.allclose(unmarked(periods).float(), own, rtol=2**-8, atol=0):
        return "Rotary periods as in the file, rounded to bfloat16."
    return f"Rotary periods of the file, up to {float(unmarked(periods).max()):.4g} instead of {float(own.max()):.4g}."
