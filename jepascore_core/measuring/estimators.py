"""Estimators: which cotangents are propagated, and what comes out of it.

exact: all K unit vectors. sketch: r random orthonormal combinations of them, fixed by a seed. nested: sketches of
every size up to r, which a calibration compares; an exact measurement yields them besides.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.structure.parts import UnknownStructure
from jepascore_core.backbones.structure.recognise import recognise
from jepascore_core.errors import NonFiniteError, UnknownNameError
from jepascore_core.jacobian.engine import Engine, GenericEngine, Pullback
from jepascore_core.jacobian.generic import callers_modes_off
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.jacobian.guards import check_images
from jepascore_core.jacobian.structured import PassPrecision, StructuredEngine
from jepascore_core.measuring.sketches import nested_singular_values, sketch_cotangents
from jepascore_core.measuring.specs import BATCH_ESTIMATORS, resolve_spec
from jepascore_core.records.approximation import nested_sizes
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import jepa_score, log_spectrum, measured_rank

PASSES = {
    "float64": PassPrecision(torch.float64, torch.float64),
    "float32": PassPrecision(torch.float32, torch.float32),
    "tf32": PassPrecision(torch.float32, torch.float32, allow_tf32=True),
    "bfloat16": PassPrecision(torch.float32, torch.bfloat16),
}
#: Encoders with fewer parameters, such as the bundled ones, take milliseconds in any way: that it could be faster is no
#: news.
SMALL_ENCODER = 1_000_000


@dataclass(frozen=True)
class Measurements:
    """What was measured of a batch of B images under an encoder with K outputs; all on the CPU.

    `score` is the rank definition, in nats: higher = more likely under the encoder's implicit density.
    """

    singular_values: Tensor  # [B, K] float64, descending; [B, r] for a sketch
    rank: Tensor  # [B] int64
    score: Tensor  # [B] float64
    embedding: Tensor  # [B, K], dtype of the passes
    spec: MeasurementSpec
    features: Tensor | None = None  # [B, F] float32, by-products of the forward pass that predict the score
    nested: Tensor | None = None  # [B, sum of sizes] float64, log spectra of nested sketches one after the other
    note: str = ""  # why the passes were not the fastest ones or not of this precision, if so


def measure(
    backbone: Backbone,
    images: Tensor,
    estimator: str = "exact",
    precision: str = "auto",
    *,
    probes: int | None = None,
    seed: int = 0,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> Measurements:
    """Measure a batch of preprocessed images: spectrum, rank, JEPA-SCORE and embedding.

    Args:
        backbone: from `load_backbone` or `wrap_encoder`.
        images: [B, C, H, W], preprocessed (`backbone.preprocess`).
        estimator: "exact": all K cotangents; "sketch": `probes` of them.
        precision: of the passes: "bfloat16", "tf32", "float32", "float64" for reference, or "auto". If the first two
            do not resolve the rank of the first image, float32 is used and `note` says so.
        probes: number of cotangents of a sketch.
        seed: of a sketch's cotangents.
        chunk: cotangents at once; default by device.
        on_chunk: called with the number of finished cotangents; may raise to stop.

    Raises:
        EncoderError: if the images are not a batch, or the encoder violates its contract or returns non-finite values.
        UnknownNameError: for an unknown estimator or precision.
    """
    spec = resolve_spec(estimator, precision, probes, seed)
    if estimator not in BATCH_ESTIMATORS:
        raise UnknownNameError(
            f"A {estimator} score needs a whole dataset to calibrate on: use js.score_dataset or `jepascore score`."
        )
    return measure_with(build_engine(backbone, spec), backbone.device, images, spec, chunk=chunk, on_chunk=on_chunk)


def build_engine(backbone: Backbone, spec: MeasurementSpec) -> Engine:
    """Build an engine for the backbone in the precision of the spec, to be used for many batches.

    Structured passes where the architecture is known in every part, generic ones otherwise: `engine.note` says why.

    Raises:
        UnknownNameError: for a precision that this device or architecture does not have; there is no silent fallback.
    """
    precision = PASSES[spec.precision]
    if precision.allow_tf32 and backbone.device.type != "cuda":
        raise UnknownNameError(f"Precision tf32 needs a CUDA device, not {backbone.device}: choose another one.")
    with callers_modes_off(backbone.device.type):
        encoder = _in_dtype(backbone.encoder, precision.trace)
        try:
            architecture = recognise(encoder)
        except UnknownStructure as reason:
            if precision.is_coarse:
                raise UnknownNameError(
                    f"{backbone.info.name} cannot be measured in {spec.precision}: {reason}. Choose float32 or auto."
                ) from None
            is_small = sum(part.numel() for part in encoder.parameters()) < SMALL_ENCODER
            slower = "" if is_small else ", which are slower"
            return GenericEngine(encoder, f"Measured by the generic backward passes{slower}: {reason}")
        return StructuredEngine(encoder, architecture, precision)


def _in_dtype(encoder: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the encoder in this precision: itself if it has it already, else a copy."""
    floating = [parameter.dtype for parameter in encoder.parameters() if parameter.is_floating_point()]
    # Tensors created in inference mode cannot be differentiated through; copies can.
    is_inference = any(value.is_inference() for value in (*encoder.parameters(), *encoder.buffers()))
    if not is_inference and all(found == dtype for found in floating) and (floating or dtype == torch.float32):
        return encoder
    return copy.deepcopy(encoder).to(dtype)


def measure_with(
    engine: Engine,
    device: torch.device,
    images: Tensor,
    spec: MeasurementSpec,
    *,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
    nested: MeasurementSpec | None = None,
) -> Measurements:
    """`measure` with an engine that `build_engine` made once for many batches.

    `nested` asks for those sketches as a by-product of an exact measurement.
    """
    return finish(run_backward(engine, device, images, spec, chunk=chunk, on_chunk=on_chunk, nested=nested))


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """Rows of a batch's Jacobians on the device of the passes: what `finish` needs, in any thread and stream.

    `structural_rank`, `is_coarse` and `note` are the engine's. On a GPU the passes are only enqueued, and `ready`
    is the event after the last of them.
    """

    found: Pullback
    structural_rank: int | None
    is_coarse: bool
    note: str
    spec: MeasurementSpec
    nested: MeasurementSpec | None
    ready: torch.cuda.Event | None


def run_backward(
    engine: Engine,
    device: torch.device,
    images: Tensor,
    spec: MeasurementSpec,
    *,
    chunk: int | None = None,
    on_chunk: Callable[[int], None] | None = None,
    nested: MeasurementSpec | None = None,
) -> BackwardPass:
    """Run the first half of `measure_with`: forward and backward passes through the encoder."""
    check_images(images, chunk)
    is_cuda = device.type == "cuda"
    with callers_modes_off(device.type):
        usable = images.clone() if images.is_inference() else images
        # A copy from pageable memory would block until the previous passes are done.
        movable = usable.pin_memory() if is_cuda and usable.device.type == "cpu" else usable
        inputs = movable.to(device=device, dtype=PASSES[spec.precision].trace, non_blocking=is_cuda)
        cotangents = None
        if spec.probes is not None:
            cotangents = partial(sketch_cotangents, spec.probes, spec.seed)
        found = engine.pull_back(inputs, cotangents, chunk, on_chunk)
    ready = torch.cuda.current_stream(device).record_event() if is_cuda else None
    return BackwardPass(found, engine.structural_rank, engine.is_coarse, engine.note, spec, nested, ready)


def finish(
    passes: BackwardPass, stream: torch.cuda.Stream | None = None, threads: ThreadPoolExecutor | None = None
) -> Measurements:
    """Run the second half of `measure_with`: Gram matrices, spectra, ranks and scores.

    Args:
        passes: from `run_backward`.
        stream: of a GPU, so as not to wait for passes that were enqueued later.
        threads: from `eigen_threads`, which several batches share.

    Raises:
        NonFiniteError: naming the images whose embedding or Jacobian is not finite.
    """
    if stream is not None and passes.ready is not None:
        stream.wait_event(passes.ready)
    with torch.cuda.stream(stream):
        return _finish(passes, threads)


def _finish(passes: BackwardPass, threads: ThreadPoolExecutor | None) -> Measurements:
    found, spec = passes.found, passes.spec
    finite = found.embedding.isfinite().all(dim=1) & found.rows.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        raise NonFiniteError((~finite).nonzero().flatten().tolist())
    values = singular_values(found.rows, threads)
    rank = torch.from_numpy(measured_rank(values, passes.structural_rank, passes.is_coarse))
    if passes.is_coarse and passes.structural_rank is not None:
        # Singular values that are 0 by construction are computed as noise.
        values[:, passes.structural_rank :] = 0.0
    score = torch.from_numpy(jepa_score(values, "rank", rank=rank))
    features = None if found.features is None else found.features.cpu()
    nested = _nested(found, spec, passes.nested)
    return Measurements(values, rank, score, found.embedding.cpu(), spec, features, nested, passes.note)


def _nested(found: Pullback, spec: MeasurementSpec, by_product: MeasurementSpec | None) -> Tensor | None:
    """Return log spectra of nested sketches, where requested."""
    wanted = spec if spec.estimator == "nested" else by_product
    if wanted is None or wanted.probes is None:
        return None
    dimension = found.embedding.shape[1]
    cotangents = None if wanted is spec else sketch_cotangents(wanted.probes, wanted.seed, dimension)
    sizes = [size for size in nested_sizes(dimension) if size <= wanted.probes]
    spectra = nested_singular_values(found.rows, sizes, cotangents)
    return torch.cat([torch.from_numpy(log_spectrum(values)) for values in spectra], dim=1)
