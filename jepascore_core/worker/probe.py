"""Estimate the cost of a run by timing a few images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.backbones.devices import resolve_devices
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.approximate.run import expected_probes
from jepascore_core.measuring.batching import first_plan
from jepascore_core.measuring.embedding import embed_images
from jepascore_core.measuring.estimators import build_engine, measure_with
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.precision import (
    promising_precisions,
)
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import CostProbe, ProbeResult
from jepascore_core.storage.store import Store
from jepascore_core.worker.trial import readable_images, settled_precision

#: A probe measures increasingly large batches until it has taken this long, in seconds.
PROBE_SECONDS = 6.0
#: Images that a probe of embeddings alone embeds: some seconds on a CPU.
EMBEDDED = 128

#: Images that a cascade confirms, as benchmarks/estimators.py measured on 520 photographs with the sketch that reaches
#: a fidelity of 0.99: per rank that the calibration leaves open, and the share of all images near a cut.
CONFIRMED_PER_PLACE = 2.2


CONFIRMED_AT_CUT = 0.1


def probe_cost(store: Store, probe: CostProbe) -> ProbeResult:
    """Estimate the cost of a run from timed passes over a few of its images.

    Raises:
        JepaScoreError: if the backbone cannot be loaded or none of the images tried can be read.
    """
    dataset = store.catalogue.dataset(probe.dataset_id)
    devices = resolve_devices(probe.device)
    backbone = load_ref(probe.backbone, devices[0])
    store.catalogue.save_backbone(backbone.info)
    if not probe.spec.has_scores:
        return _embedding_cost(store, probe, backbone, dataset, devices)
    spec, may_be_faster = probe.spec, False
    if probe.is_precision_open:
        num_pending = store.pending_samples(dataset, spec.exact.key(backbone.info.backbone_id)).num_rows
        settled = settled_precision(store, backbone, dataset, spec, num_pending)
        spec = replace(spec, precision=settled or spec.precision)
        may_be_faster = settled is None and bool(promising_precisions(backbone))
    wanted = spec if probe.plan is None else spec.exact
    pending = store.pending_samples(dataset, wanted.key(backbone.info.backbone_id), probe.pilot)
    images = readable_images([PendingImage(**row) for row in pending.slice(0, 64).to_pylist()], backbone)
    if not images:
        seconds = 0.0
    elif probe.plan is None:
        # A view costs what an image costs.
        seconds = spec.views * _seconds_per_image(backbone, images, spec)
    else:
        share = _exact_share(store, dataset, probe.plan, pending.num_rows)
        sketch = spec.sketch(expected_probes(spec, backbone.info.dimension))
        dear, cheap = (_seconds_per_image(backbone, images, each) for each in (wanted, sketch))
        seconds = share * dear + (1 - share) * cheap
    is_cuda = backbone.device.type == "cuda"
    return ProbeResult(
        backbone_id=backbone.info.backbone_id,
        dimension=backbone.info.dimension,
        device=", ".join(map(str, devices)),
        num_total=store.count_images(dataset, probe.pilot),
        num_pending=pending.num_rows,
        seconds_per_image=seconds / len(devices),
        peak_bytes=torch.cuda.max_memory_allocated(backbone.device) if is_cuda else 0,
        precision=spec.precision,
        may_be_faster=may_be_faster,
    )


def _embedding_cost(
    store: Store, probe: CostProbe, backbone: Backbone, dataset: DatasetRecord, devices: Sequence[torch.device]
) -> ProbeResult:
    """Estimate the cost of embeddings alone: reading and decoding count, which take as long as a forward pass.

    Raises:
        JepaScoreError: if none of the images tried can be read.
    """
    backbone_id = backbone.info.backbone_id
    pending = store.pending_samples(dataset, probe.spec.key(backbone_id), probe.pilot)
    images = [PendingImage(**row) for row in pending.slice(0, EMBEDDED).to_pylist()]
    readable_images(images[:1], backbone)  # also pays for lazy initialization
    list(embed_images(backbone, images[:1]))
    started = time.monotonic()
    number = sum(len(batch) for batch in embed_images(backbone, images))
    is_cuda = backbone.device.type == "cuda"
    return ProbeResult(
        backbone_id=backbone_id,
        dimension=backbone.info.dimension,
        device=", ".join(map(str, devices)),
        num_total=store.count_images(dataset, probe.pilot),
        num_pending=pending.num_rows,
        seconds_per_image=(time.monotonic() - started) / max(1, number) / len(devices),
        peak_bytes=torch.cuda.max_memory_allocated(backbone.device) if is_cuda else 0,
        precision=probe.spec.precision,
        may_be_faster=False,
    )


def _exact_share(store: Store, dataset: DatasetRecord, plan: ApproximationPlan, num_pending: int) -> float:
    """Return the share of images that a calibrated run or a cascade is expected to measure exactly."""
    num_exact = plan.num_calibration
    if plan.top is not None:
        sizes = f"SELECT count(*) AS n FROM ({store.manifest_sql(dataset)}) GROUP BY label"
        groups = store.query(f"SELECT count(*) AS n FROM ({sizes}) WHERE n > {plan.top}")["n"][0].as_py()
        num_exact += int(CONFIRMED_PER_PLACE * 2 * plan.top * (1 + groups))
    if plan.cut is not None:
        num_exact += int(CONFIRMED_AT_CUT * num_pending)
    return min(1.0, num_exact / num_pending)


class _LongEnough(Exception):  # noqa: N818 - stops a pass once it has been timed
    pass


def _seconds_per_image(backbone: Backbone, images: list[Tensor], spec: MeasurementSpec) -> float:
    """Return seconds per image at the best batch size that fits into the probe's time; extrapolate if none does."""
    engine = build_engine(backbone, spec)
    size, limit = 1, min(first_plan(backbone, engine).limit, len(images))
    deadline = time.monotonic() + PROBE_SECONDS
    # The first passes of a process pay for lazy initialization, hence a second one unless that would take long.
    best = _time_batch(backbone, engine, images[:1], spec)
    while size <= limit and (time.monotonic() < deadline or (size == 1 and best < 2 * PROBE_SECONDS)):
        best = min(best, _time_batch(backbone, engine, images[:size], spec) / size)
        size *= 2
    return best


def _time_batch(backbone: Backbone, engine: Engine, images: list[Tensor], spec: MeasurementSpec) -> float:
    """Time a batch in seconds; stop a long one early and extrapolate to all its cotangents."""
    marks: list[tuple[int, float]] = []
    started = time.monotonic()

    def on_chunk(done: int) -> None:
        marks.append((done, time.monotonic()))
        if len(marks) >= 3 and marks[-1][1] - started > PROBE_SECONDS / 2:
            raise _LongEnough

    chunk = engine.default_chunk()
    try:
        measure_with(engine, backbone.device, torch.stack(images), spec, chunk=chunk, on_chunk=on_chunk)
    except _LongEnough:
        # The first chunk also includes the forward pass and lazy initialization.
        (before, earlier), (after, later) = marks[0], marks[-1]
        passes = min(spec.probes or backbone.info.dimension, backbone.info.dimension)
        return later - started + (passes - after) * (later - earlier) / (after - before)
    return time.monotonic() - started
