"""Where a dataset may stand when somebody opens a page: real stores, with nothing but the images missing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.datasets import DatasetRecord, DatasetState, Sample, SampleFailure
from jepascore_core.records.runs import Run, RunState
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, add_estimates, add_measurements, add_run, make_samples

Situation = Literal["indexing", "index failed", "waiting", "running", "finished", "failed"]

NAME = "digits"
BACKBONE = "timm:vit_tiny_patch16_224.test"
SECOND_BACKBONE = "timm:resnet18.test"
#: Twelve samples of each of three classes, so that percentiles are round numbers of twelfths.
LABELS = [label for label in ("cat", "dog", "emu") for _ in range(12)]
BROKEN = SampleFailure("cat/broken.png", "/images/digits/cat/broken.png", "decode", "OSError", "The file is truncated.")
#: Sentence of a run of which nothing came.
MESSAGE = "The weights cannot be read. Check the checkpoint."


@dataclass(frozen=True)
class Found:
    """What was put into the store; `scores` and `run` are None where there are none."""

    dataset: DatasetRecord
    backbone: BackboneInfo
    samples: list[Sample]
    scores: ScoreSet | None = None
    run: Run | None = None

    @property
    def measured(self) -> str:
        """What the URL calls the backbone."""
        return SPEC.key(self.backbone.backbone_id).text


def score_of(samples: list[Sample]) -> dict[str, float]:
    """Higher from sample to sample: the first of each class is its least likely one."""
    return {sample.sample_key: float(number) for number, sample in enumerate(samples)}


def put(store: Store, situation: Situation, name: str = NAME) -> Found:
    """Bring a dataset into this situation."""
    backbone = add_backbone(store, BACKBONE)
    if situation in ("indexing", "index failed"):
        return Found(_without_index(store, situation, name), backbone, [])
    samples = make_samples(LABELS)
    dataset = add_dataset(store, name, samples, [BROKEN])
    if situation == "waiting":
        return Found(dataset, backbone, samples, run=add_run(store, dataset, backbone, RunState.QUEUED))
    if situation == "failed":
        run = add_run(store, dataset, backbone, RunState.FAILED, num_total=36, num_failed=1, message=MESSAGE)
        store.catalogue.add_run_failures(run.run_id, [failure_of(samples[0])])
        return Found(dataset, backbone, samples, run=run)
    known = score_of(samples)
    progress = {"num_total": 36, "heartbeat": time.time(), "started_at": "2026-01-01T12:00:00+00:00"}
    if situation == "finished":
        scores = add_measurements(store, dataset, backbone, known, samples=samples)
        run = add_run(store, dataset, backbone, num_measured=36, finished_at="2026-01-01T12:01:30+00:00", **progress)
        return Found(dataset, backbone, samples, scores, run)
    some = {key: score for position, (key, score) in enumerate(known.items()) if position % 12 < 9}
    scores = add_measurements(store, dataset, backbone, some, samples=samples)
    progress |= {"num_measured": len(some), "rate": 3.0, "message": "Measuring on cpu"}
    return Found(dataset, backbone, samples, scores, add_run(store, dataset, backbone, RunState.RUNNING, **progress))


def _without_index(store: Store, situation: Situation, name: str) -> DatasetRecord:
    dataset = store.catalogue.add_dataset(name, f"/images/{name}", "imagefolder", {})
    if situation == "indexing":
        changes = {"num_total": 1000, "num_indexed": 400, "rate": 100.0, "message": "Reading and checking every image"}
    else:
        changes = {"state": DatasetState.FAILED, "message": "The folder is gone: check the path."}
    store.catalogue.update_dataset(dataset.dataset_id, heartbeat=time.time(), **changes)
    return store.catalogue.dataset(dataset.dataset_id)


def failure_of(sample: Sample) -> SampleFailure:
    """That this sample could not be measured."""
    return SampleFailure(
        sample.sample_key, sample.uri, "measure", "SampleError", "The embedding is not finite.", sample.content_id
    )


def measure_again(store: Store, found: Found, name: str = SECOND_BACKBONE) -> BackboneInfo:
    """Scores of the whole dataset under one more backbone, in the opposite order."""
    backbone = add_backbone(store, name)
    scores = {key: -score for key, score in score_of(found.samples).items()}
    add_measurements(store, found.dataset, backbone, scores, samples=found.samples)
    return backbone


def estimate(store: Store, found: Found, half_width: float = 2.0) -> ScoreSet:
    """Calibrated scores of the whole dataset under one more backbone, in the opposite order."""
    backbone = add_backbone(store, "timm:vit_small_patch16_224.test")
    scores = {key: -score for key, score in score_of(found.samples).items()}
    return add_estimates(store, found.dataset, backbone, scores, half_width, samples=found.samples)
