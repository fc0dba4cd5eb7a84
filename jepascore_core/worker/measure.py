"""The substance of the worker's three kinds of work. Each returns a sentence for people, or raises."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.backbones.devices import resolve_devices
from jepascore_core.backbones.speed import record_speed
from jepascore_core.errors import JepaScoreError, SampleError
from jepascore_core.jacobian.engine import Engine
from jepascore_core.measuring.approximate.run import run_approximation
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.measuring.loading import PendingImage, load_image
from jepascore_core.measuring.multi_device import Measure, measure_on
from jepascore_core.measuring.precision import (
    TRIAL_IMAGES,
    choose_precision,
    keep_precision,
    known_precision,
)
from jepascore_core.measuring.specs import check_probes
from jepascore_core.measuring.tally import Tally
from jepascore_core.records.datasets import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import Run
from jepascore_core.storage.rereads import mark_failures
from jepascore_core.storage.store import Store

#: Counters are written at most this often, in seconds.
REPORT_SECONDS = 0.3


def measure_run(store: Store, run: Run, check: Callable[[], None]) -> str:
    """Measure what a run still lacks, keeping its counters true.

    Raises:
        JepaScoreError: for whatever makes the run as a whole impossible, also if every image failed.
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
    tally = _tally(store, run, check, measure_on(run.backbone, devices))
    if run.plan is not None:
        message = run_approximation(store, backbone, dataset, spec, run.plan, tally)
    else:
        message = _measure_all(store, backbone, dataset, spec, tally, devices)
    if tally.failed == tally.total and tally.total:
        raise JepaScoreError(
            f"None of the {tally.total} images could be measured. The list of failures says why for each."
        )
    return message


def _settle_precision(
    store: Store, run: Run, backbone: Backbone, dataset: DatasetRecord, check: Callable[[], None]
) -> MeasurementSpec:
    """The run's spec with the precision that "auto" stands for; recorded with the run and for later ones.

    Where some of the images have float32 scores already it stays float32: nothing is measured twice.
    """
    rows = store.pending_samples(dataset, backbone.info.backbone_id, run.spec.exact.spec_id)
    precision = _settled_precision(store, backbone, dataset, run.spec, rows.num_rows)
    if precision is None:
        store.catalogue.update_run(run.run_id, message="Trying out precisions")
        candidates = [PendingImage(**row) for row in rows.slice(0, 4 * TRIAL_IMAGES).to_pylist()]
        images = _some_images(candidates, backbone)[:TRIAL_IMAGES]
        precision, trials = choose_precision(backbone, images, on_chunk=lambda _: check())
        if trials:
            keep_precision(store, backbone, precision, trials)
    spec = replace(run.spec, precision=precision)
    store.catalogue.update_run(run.run_id, spec=spec.to_dict(), is_precision_open=0)
    return spec


def _settled_precision(
    store: Store, backbone: Backbone, dataset: DatasetRecord, spec: MeasurementSpec, num_pending: int
) -> str | None:
    """What "auto" stands for, as far as that needs no trial; `num_pending` images lack the spec's exact score."""
    precision = known_precision(store, backbone)
    if num_pending < store.count_images(dataset) or (precision is None and num_pending <= 2 * TRIAL_IMAGES):
        return spec.precision
    return precision


def _tally(store: Store, run: Run, check: Callable[[], None], measure: Measure) -> Tally:
    """Counts that are kept in the catalogue, at most every `REPORT_SECONDS` unless urgent."""
    catalogue, run_id = store.catalogue, run.run_id
    reported, reused = time.monotonic(), None

    def write(tally: Tally, message: str, rate: float | None, is_urgent: bool) -> None:
        nonlocal reported, reused
        if not is_urgent and time.monotonic() - reported < REPORT_SECONDS:
            return
        reported = time.monotonic()
        # What is measured before the first report was there before the run.
        reused = tally.measured if reused is None else reused
        catalogue.update_run(
            run_id,
            num_total=tally.total,
            num_measured=tally.measured,
            num_failed=tally.failed,
            num_reused=reused,
            rate=rate,
            message=message,
        )

    def keep_failures(failures: list[SampleFailure]) -> None:
        catalogue.add_run_failures(run_id, failures)
        mark_failures(catalogue, run.dataset_id, failures)

    return Tally(
        check,
        write,
        keep_failures=keep_failures,
        failed_ids=[failure.content_id or "" for failure in catalogue.run_failures(run_id)],
        report=run.report,
        keep_report=lambda report: catalogue.update_run(run_id, report=report.to_dict()),
        measure=measure,
    )


def _measure_all(
    store: Store,
    backbone: Backbone,
    dataset: DatasetRecord,
    spec: MeasurementSpec,
    tally: Tally,
    devices: Sequence[torch.device],
) -> str:
    """Measure every image that no shard has, in one way. Returns a sentence for people.

    Raises:
        JepaScoreError: if a sketch is as large as the embedding.
    """
    check_probes(spec, backbone.info.dimension)
    rows = store.pending_samples(dataset, backbone.info.backbone_id, spec.spec_id).to_pylist()
    pending = [PendingImage(**row) for row in rows if row["content_id"] not in tally.failed_ids]
    total = store.count_images(dataset)
    reused = total - len(rows)
    tally.open(total, reused, len(rows) - len(pending))
    engine = build_engine(backbone, spec)
    message = f"Measuring on {', '.join(map(str, devices))} in {spec.precision}"
    tally.tell(_noted(message, engine))
    started, before_it = time.monotonic(), tally.measured
    tally.measure(store, backbone, spec, pending, _noted(message, engine), engine=engine)
    # The pace of one device.
    seconds = (time.monotonic() - started) * len(devices)
    record_speed(store.home, backbone.info, backbone.device, spec.probes, tally.measured - before_it, seconds)
    before = f", {reused} of them before this run" if reused else ""
    return _noted(f"{tally.measured} images measured{before}, {tally.failed} failed", engine)


def _noted(message: str, engine: Engine) -> str:
    """A sentence for people, with what the engine has to say of its passes."""
    return f"{message}. {engine.note}" if engine.note else message


def _wait_for_index(store: Store, dataset_id: str, check: Callable[[], None]) -> DatasetRecord:
    while (dataset := store.catalogue.dataset(dataset_id)).state is DatasetState.INDEXING:
        check()
        time.sleep(0.1)
    store.index_folder(dataset)
    check()
    return dataset


def _some_images(candidates: list[PendingImage], backbone: Backbone) -> list[Tensor]:
    images, reasons = [], []
    for candidate in candidates:
        try:
            images.append(load_image(candidate, backbone))
        except SampleError as error:
            reasons.append(f"{candidate.sample_key}: {error}")
    if candidates and not images:
        raise JepaScoreError(f"None of the first {len(candidates)} images can be read. The first, {reasons[0]}")
    return images
