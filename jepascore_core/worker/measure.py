"""Do a run: resolve its open choices and measure the images that no shard has. Returns a status message."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.backbones.devices import resolve_devices
from jepascore_core.backbones.speed import record_speed
from jepascore_core.errors import JepaScoreError
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.approximate.run import run_approximation
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.measuring.loading import PendingImage
from jepascore_core.measuring.multi_device import measure_on
from jepascore_core.measuring.precision import (
    TRIAL_IMAGES,
    choose_precision,
    keep_precision,
)
from jepascore_core.measuring.progress import RunProgress, Stage
from jepascore_core.measuring.reuse import copy_embeddings
from jepascore_core.measuring.specs import HOW_TO_SCORE, check_probes
from jepascore_core.measuring.task import Measure, MeasureTask
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.runs import Run
from jepascore_core.storage.store import Store
from jepascore_core.worker.trial import readable_images, settled_precision


def measure_run(store: Store, run: Run, check: Callable[[], None]) -> str:
    """Measure the images that a run still lacks, and keep its counters correct.

    Raises:
        JepaScoreError: if the run as a whole is impossible, also if every image failed.
        RunCancelled, WorkerStopped: from `check`.
    """
    catalogue = store.catalogue
    dataset = _wait_for_index(store, run.dataset_id, check)
    devices = resolve_devices(run.device)
    backbone = load_ref(run.backbone, devices[0])
    backbone_id = backbone.info.backbone_id
    catalogue.save_backbone(backbone.info)
    check()
    catalogue.update_run(run.run_id, backbone_id=backbone_id)
    spec = _settle_precision(store, run, backbone, dataset, check) if run.is_precision_open else run.spec
    progress = RunProgress(catalogue, run, check)
    task, measure_images = MeasureTask(store, backbone, spec, progress), measure_on(run.backbone, devices)
    if not spec.has_scores:
        message = _embed_all(task, measure_images, progress, dataset, devices, run.pilot)
    elif run.plan is not None:
        message = run_approximation(task, measure_images, progress, dataset, run.plan)
    else:
        message = _measure_all(task, measure_images, progress, dataset, devices, run.pilot)
    if progress.failed == progress.total and progress.total:
        raise JepaScoreError(
            f"None of the {progress.total} images could be measured. See the list of failures for the reasons."
        )
    return message


def _settle_precision(
    store: Store, run: Run, backbone: Backbone, dataset: DatasetRecord, check: Callable[[], None]
) -> MeasurementSpec:
    """Return the run's spec with "auto" precision resolved; recorded with the run and for later ones.

    If some images already have float32 scores it stays float32, so that nothing is measured twice.
    """
    # Of all images, for a pilot, too: what measures the rest is to find the same precision.
    rows = store.pending_samples(dataset, run.spec.exact.key(backbone.info.backbone_id))
    precision = settled_precision(store, backbone, dataset, run.spec, rows.num_rows)
    if precision is None:
        store.catalogue.update_run(run.run_id, message="Trying out precisions")
        candidates = [PendingImage(**row) for row in rows.slice(0, 4 * TRIAL_IMAGES).to_pylist()]
        images = readable_images(candidates, backbone)[:TRIAL_IMAGES]
        precision, trials = choose_precision(backbone, images, on_chunk=lambda _: check())
        if trials:
            keep_precision(store, backbone, precision, trials)
    spec = replace(run.spec, precision=precision)
    store.catalogue.update_run(run.run_id, spec=spec.to_dict(), is_precision_open=0)
    return spec


def _measure_all(
    task: MeasureTask,
    measure_images: Measure,
    progress: RunProgress,
    dataset: DatasetRecord,
    devices: Sequence[torch.device],
    pilot: Pilot | None,
) -> str:
    """Measure every image that no shard has, all in the same way. Returns a status message.

    Raises:
        JepaScoreError: if a sketch is as large as the embedding.
    """
    store, backbone, spec = task.store, task.backbone, task.spec
    check_probes(spec, backbone.info.dimension)
    pending, reused = _pending_images(task, progress, dataset, pilot)
    engine = build_engine(backbone, spec)
    of_each = f", {spec.views_text} of each image" if spec.has_views else ""
    stage = Stage(_noted(f"Measuring on {', '.join(map(str, devices))} in {spec.precision}{of_each}", engine))
    progress.report(stage.message)
    started = time.monotonic()
    progress.begin(stage, len(pending))
    measured = measure_images(replace(task, engine=engine), pending)
    progress.report(stage.message)
    # The rate of one device.
    seconds = (time.monotonic() - started) * len(devices)
    record_speed(store.home, backbone.info, backbone.device, spec.probes, spec.views * measured.num_measured, seconds)
    before = f", {reused} of them before this run" if reused else ""
    return _noted(f"{progress.measured} images measured{before}, {progress.failed} failed", engine)


def _embed_all(
    task: MeasureTask,
    measure_images: Measure,
    progress: RunProgress,
    dataset: DatasetRecord,
    devices: Sequence[torch.device],
    pilot: Pilot | None,
) -> str:
    """Embed every image that no shard has; copy what other runs of the backbone embedded. Returns a status message."""
    copied = copy_embeddings(task.store, dataset, task.backbone.info.backbone_id, task.spec, progress.check)
    pending, stored = _pending_images(task, progress, dataset, pilot)
    stage = Stage(f"Embedding on {', '.join(map(str, devices))}: one forward pass per image")
    progress.report(stage.message)
    progress.begin(stage, len(pending))
    measure_images(task, pending)
    progress.report(stage.message)
    earlier = f", {stored - copied} of them before this run" if stored > copied else ""
    reused = f", {copied} taken from other runs of this backbone" if copied else ""
    return f"{progress.measured} images embedded{earlier}{reused}, {progress.failed} failed. No scores: {HOW_TO_SCORE}"


def _pending_images(
    task: MeasureTask, progress: RunProgress, dataset: DatasetRecord, pilot: Pilot | None
) -> tuple[list[PendingImage], int]:
    """Return the images that no shard has and that did not fail before, and how many are stored; reset the progress."""
    rows = task.store.pending_samples(dataset, task.spec.key(task.backbone.info.backbone_id), pilot).to_pylist()
    pending = [PendingImage(**row) for row in rows if row["content_id"] not in progress.failed_ids]
    total = task.store.count_images(dataset, pilot)
    progress.reset(total, total - len(rows), len(rows) - len(pending))
    return pending, total - len(rows)


def _noted(message: str, engine: Engine) -> str:
    """Append the engine's note about its passes to a message."""
    return f"{message}. {engine.note}" if engine.note else message


def _wait_for_index(store: Store, dataset_id: str, check: Callable[[], None]) -> DatasetRecord:
    while (dataset := store.catalogue.dataset(dataset_id)).state is DatasetState.INDEXING:
        check()
        time.sleep(0.1)
    store.index_folder(dataset)
    check()
    return dataset
