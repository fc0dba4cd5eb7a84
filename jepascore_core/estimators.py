"""Estimators: which cotangents are propagated, and what comes out of it. So far: exact."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.errors import EncoderError, NonFiniteError
from jepascore_core.jacobian.generic import jacobian
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.measurement_specs import resolve_spec
from jepascore_core.records import MeasurementSpec
from jepascore_core.score import jepa_score, numerical_rank

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Measurements:
    """What was measured of a batch of B images under an encoder with K outputs; all on the CPU.

    `score` is the rank definition, in nats: higher = more likely under the encoder's implicit density.
    """

    singular_values: Tensor  # [B, K] float64, descending
    rank: Tensor  # [B] int64
    score: Tensor  # [B] float64
    embedding: Tensor  # [B, K], dtype of the passes
    spec: MeasurementSpec


def measure(
    backbone: Backbone,
    images: Tensor,
    estimator: str = "exact",
    precision: str = "auto",
    *,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> Measurements:
    """Measure a batch of preprocessed images: spectrum, rank, JEPA-SCORE and embedding.

    Args:
        backbone: from `load_backbone` or `wrap_encoder`.
        images: [B, C, H, W], preprocessed (`backbone.preprocess`).
        estimator: "exact": all K cotangents.
        precision: of the passes: "float32", "float64" for reference, or "auto".
        chunk: cotangents at once; default by device.
        on_chunk: called with the number of finished cotangents; may raise to stop.

    Raises:
        EncoderError: if the encoder breaks its contract or returns non-finite values.
        UnknownNameError: for an unknown estimator or precision.
    """
    spec = resolve_spec(estimator, precision)
    return measure_with(encoder_for(backbone, spec), backbone.device, images, spec, chunk=chunk, on_chunk=on_chunk)


def encoder_for(backbone: Backbone, spec: MeasurementSpec) -> nn.Module:
    """The backbone's encoder in the precision of the passes; a copy unless it has that precision already."""
    dtype = DTYPES[spec.precision]
    floating = [parameter.dtype for parameter in backbone.encoder.parameters() if parameter.is_floating_point()]
    if all(found == dtype for found in floating) and (floating or dtype == torch.float32):
        return backbone.encoder
    return copy.deepcopy(backbone.encoder).to(dtype)


def measure_with(
    encoder: nn.Module,
    device: torch.device,
    images: Tensor,
    spec: MeasurementSpec,
    *,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> Measurements:
    """`measure` for an encoder that `encoder_for` has prepared once for many batches."""
    if images.ndim != 4:
        raise EncoderError(
            f"Images must be [B, C, H, W], but are {list(images.shape)}. Use images[None] for one image."
        )
    inputs = images.to(device=device, dtype=DTYPES[spec.precision])
    embedding, rows = jacobian(encoder, inputs, chunk=chunk, on_chunk=on_chunk)
    finite = embedding.isfinite().all(dim=1) & rows.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        raise NonFiniteError((~finite).nonzero().flatten().tolist())
    values = singular_values(rows)
    rank = torch.from_numpy(numerical_rank(values, spec.precision))
    score = torch.from_numpy(jepa_score(values, "rank", rank=rank))
    return Measurements(values, rank, score, embedding.cpu(), spec)
