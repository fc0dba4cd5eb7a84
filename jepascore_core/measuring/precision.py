"""Precision "auto": the fastest one whose scores are as good as float32's, tested on images of the run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from jepascore_core.atomic import write_atomically
from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.structure.parts import UnknownStructure
from jepascore_core.backbones.structure.recognise import recognise
from jepascore_core.errors import JepaScoreError
from jepascore_core.measuring.estimators import build_engine, measure_with
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.store import Store

#: A coarse precision is good enough when its root-mean-square score error is below this share of the standard
#: deviation of the scores between images.
LARGEST_ERROR_SHARE = 0.01

#: A coarse precision must multiply faster than float32 by this factor to be worth its rounding.
WORTHWHILE = 1.3

#: Seconds per image in float32 on a CPU below which no other precision is tried: there is nothing to gain.
WORTH_SECONDS = 0.2

#: Images that are measured in both precisions. Few are enough to distinguish 0.2 % from 1 %.
TRIAL_IMAGES = 4


@dataclass(frozen=True, slots=True)
class PrecisionTrial:
    """Result for one precision: root-mean-square error and spread (standard deviation) in nats."""

    precision: str
    error: float
    spread: float

    @property
    def is_good(self) -> bool:
        """Whether its error is small compared to the differences between images."""
        return self.error < LARGEST_ERROR_SHARE * self.spread


def coarse_precisions(device: torch.device) -> tuple[str, ...]:
    """Precisions whose matrix products are faster than float32's on this device, fastest first."""
    if device.type == "cuda":
        return ("bfloat16", "tf32") if torch.cuda.is_bf16_supported() else ("tf32",)
    # Every CPU multiplies bfloat16, but only some in hardware; the others are slower than in float32.
    if device.type == "cpu" and _product_seconds(torch.float32) > WORTHWHILE * _product_seconds(torch.bfloat16):
        return ("bfloat16",)
    return ()


def _product_seconds(dtype: torch.dtype) -> float:
    """Shortest time of a matrix product on one thread of the CPU.

    Many small ones on a single thread, since other programs may be using the machine.
    """
    matrix = torch.ones(256, 256, dtype=dtype)
    threads, times = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(100):
            started = time.perf_counter()
            matrix @ matrix
            times.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return min(times)


def choose_precision(
    backbone: Backbone,
    images: Sequence[Tensor],
    on_chunk: Callable[[int], None] | None = None,
) -> tuple[str, tuple[PrecisionTrial, ...]]:
    """Choose the precision for exact scores of a backbone on its device, and return the results of the trial.

    Measures `images` (each [C, H, W], preprocessed) in float32 and in each coarse precision until one is good. With
    fewer than two images, an architecture without structured passes, or an encoder that is fast enough on the CPU,
    float32 without a trial.

    Raises:
        EncoderError: if the encoder breaks its contract.
    """
    candidates = promising_precisions(backbone)
    if len(images) < 2 or not candidates:
        return "float32", ()
    started = time.monotonic()
    reference = _scores(backbone, images, "float32", on_chunk)
    seconds = time.monotonic() - started
    if backbone.device.type == "cpu" and seconds < WORTH_SECONDS * len(images):
        return "float32", ()
    spread = float(reference.std())
    trials = []
    for precision in candidates:
        try:
            error = float((_scores(backbone, images, precision, on_chunk) - reference).square().mean().sqrt())
        except JepaScoreError:
            # It does not resolve the rank; errors of the images themselves would have occurred in float32 already.
            continue
        trials.append(PrecisionTrial(precision, error, spread))
        if trials[-1].is_good:
            return precision, tuple(trials)
    return "float32", tuple(trials)


def promising_precisions(backbone: Backbone) -> tuple[str, ...]:
    """List what a trial would compare with float32: nothing, if only the generic passes know the architecture."""
    return coarse_precisions(backbone.device) if _is_structured(backbone) else ()


def _is_structured(backbone: Backbone) -> bool:
    try:
        recognise(backbone.encoder)
    except UnknownStructure:
        return False
    return True


def _scores(
    backbone: Backbone, images: Sequence[Tensor], precision: str, on_chunk: Callable[[int], None] | None
) -> Tensor:
    """[N] exact scores, one image at a time: the memory of a batch is not planned here.

    Raises:
        JepaScoreError: if the precision does not resolve the rank.
    """
    spec = replace(MeasurementSpec(), precision=precision)
    engine = build_engine(backbone, spec)
    was_coarse, found = engine.is_coarse, []
    for image in images:
        found.append(measure_with(engine, backbone.device, image[None], spec, on_chunk=on_chunk).score)
        if engine.is_coarse != was_coarse:
            raise JepaScoreError(engine.note)
    return torch.cat(found)


def known_precision(store: Store, backbone: Backbone) -> str | None:
    """Return the choice of an earlier trial for this backbone and kind of device, so that datasets are comparable."""
    try:
        found = json.loads(_record(store, backbone).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(found["precision"])


def keep_precision(store: Store, backbone: Backbone, precision: str, trials: Sequence[PrecisionTrial]) -> None:
    """Record a choice and the trial behind it."""
    path = _record(store, backbone)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"precision": precision, "trials": [asdict(trial) for trial in trials]}
    write_atomically(path, json.dumps(record, indent=2).encode())


def _record(store: Store, backbone: Backbone) -> Path:
    folder = store.home / "measurements" / backbone.info.backbone_id
    return folder / f"precision-{backbone.device.type}.json"
