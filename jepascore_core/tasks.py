"""The substance of the worker's three kinds of work. Each returns a sentence for people, or raises."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.errors import JepaScoreError, SampleError
from jepascore_core.estimators import measure_with, prepare
from jepascore_core.jacobian.engine import Engine
from jepascore_core.pipeline import PendingImage, Progress, first_plan, load_image, measure_pending
from jepascore_core.records import (
    CostProbe,
    DatasetRecord,
    DatasetState,
    MeasurementSpec,
    ProbeResult,
    Run,
    SampleFailure,
)
from jepascore_core.store import Store

#: Counters are written at most this often, in seconds.
REPORT_SECONDS = 0.3

#: A probe measures ever larger batches until it has taken this long, in seconds.
PROBE_SECONDS = 6.0


def measure_run(store: Store, run: Run, check: Callable[[], None]) -> str:
    """Measure what a run still lacks, keeping its counters true.

    Raises:
        JepaScoreError: for whatever makes the run as a whole impossible, also if every image failed.
        RunCancelled, WorkerStopped: from `check`.
    """
    catalogue = store.catalogue
    dataset = _wait_for_index(store, run.dataset_id, check)
    backbone = load_ref(run.backbone, run.device)
    backbone_id = backbone.info.backbone_id
    catalogue.save_backbone(backbone.info)
    check()
    pending, reused, failed_before = _pending(store, dataset, run, backbone_id)
    total = store.count_images(dataset)

    def write(progress: Progress, message: str) -> None:
        measured = reused + progress.num_measured
        failed = failed_before + progress.num_failed
        catalogue.update_run(
            run.run_id, num_total=total, num_measured=measured, num_failed=failed, rate=progress.rate, message=message
        )

    catalogue.update_run(run.run_id, backbone_id=backbone_id, num_reused=reused)
    write(Progress(0, 0, None), f"Measuring on {backbone.device}")
    reported = time.monotonic()

    def on_progress(progress: Progress, failures: list[SampleFailure]) -> None:
        nonlocal reported
        if failures:
            catalogue.add_run_failures(run.run_id, failures)
        if failures or time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            write(progress, f"Measuring on {backbone.device}")

    final = measure_pending(store, backbone, run.spec, pending, on_progress=on_progress, check=check)
    num_failed = failed_before + final.num_failed
    if num_failed == total and total:
        write(final, "")
        raise JepaScoreError(f"None of the {total} images could be measured. The list of failures says why for each.")
    before = f", {reused} of them before this run" if reused else ""
    message = f"{reused + final.num_measured} images measured{before}, {num_failed} failed"
    write(final, message)
    return message


def _wait_for_index(store: Store, dataset_id: str, check: Callable[[], None]) -> DatasetRecord:
    while (dataset := store.catalogue.dataset(dataset_id)).state is DatasetState.INDEXING:
        check()
        time.sleep(0.1)
    store.index_folder(dataset)
    check()
    return dataset


def _pending(store: Store, dataset: DatasetRecord, run: Run, backbone_id: str) -> tuple[list[PendingImage], int, int]:
    """Images to measure now, how many are there already, and how many failed in an earlier attempt of this run."""
    rows = store.pending_samples(dataset, backbone_id, run.spec.spec_id).to_pylist()
    reused = store.count_images(dataset) - len(rows)
    failed = {failure.content_id for failure in store.catalogue.run_failures(run.run_id)}
    pending = [PendingImage(**row) for row in rows if row["content_id"] not in failed]
    return pending, reused, len(rows) - len(pending)


def probe_cost(store: Store, probe: CostProbe) -> ProbeResult:
    """Predict the cost of a run from timed passes over a few of its images.

    Raises:
        JepaScoreError: if the backbone cannot be loaded or none of the images tried can be read.
    """
    dataset = store.catalogue.dataset(probe.dataset_id)
    backbone = load_ref(probe.backbone, probe.device)
    store.catalogue.save_backbone(backbone.info)
    pending = store.pending_samples(dataset, backbone.info.backbone_id, probe.spec.spec_id)
    images = _some_images([PendingImage(**row) for row in pending.slice(0, 64).to_pylist()], backbone)
    seconds = _seconds_per_image(backbone, images, probe.spec) if images else 0.0
    is_cuda = backbone.device.type == "cuda"
    return ProbeResult(
        backbone_id=backbone.info.backbone_id,
        dimension=backbone.info.dimension,
        device=str(backbone.device),
        num_total=store.count_images(dataset),
        num_pending=pending.num_rows,
        seconds_per_image=seconds,
        peak_bytes=torch.cuda.max_memory_allocated(backbone.device) if is_cuda else 0,
    )


def _some_images(candidates: list[PendingImage], backbone: Backbone) -> list[Tensor]:
    images = []
    for candidate in candidates:
        with contextlib.suppress(SampleError):
            images.append(load_image(candidate, backbone))
    if candidates and not images:
        raise JepaScoreError(f"None of the first {len(candidates)} images can be read. See the dataset's failures.")
    return images


class _LongEnough(Exception):  # noqa: N818 - stops a pass that has told enough
    pass


def _seconds_per_image(backbone: Backbone, images: list[Tensor], spec: MeasurementSpec) -> float:
    """Time of one image at the best batch size that fits into the probe's time; extrapolated if not even one does."""
    engine = prepare(backbone, spec)
    size, limit = 1, min(first_plan(backbone, engine).limit, len(images))
    deadline = time.monotonic() + PROBE_SECONDS
    # The first passes of a process pay for lazy initialisation, hence a second one unless that would take long.
    best = _time_batch(backbone, engine, images[:1], spec)
    while size <= limit and (time.monotonic() < deadline or (size == 1 and best < 2 * PROBE_SECONDS)):
        best = min(best, _time_batch(backbone, engine, images[:size], spec) / size)
        size *= 2
    return best


def _time_batch(backbone: Backbone, engine: Engine, images: list[Tensor], spec: MeasurementSpec) -> float:
    """Seconds that a batch takes; a long one is stopped in time and extrapolated to all K cotangents."""
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
        # The first chunk also holds the forward pass and whatever is initialised late.
        (before, earlier), (after, later) = marks[0], marks[-1]
        return later - started + (backbone.info.dimension - after) * (later - earlier) / (after - before)
    return time.monotonic() - started
