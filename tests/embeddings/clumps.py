"""A measured dataset of two clumps of images by turns, whose labels may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jepascore_core.records.datasets import Sample
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, add_run, make_measurement, make_sample


def put_clumps(
    store: Store, labels: Sequence[str | None], num_clumps: int = 2, num_measured: int | None = None
) -> ScoreSet:
    """One image a label, `00.png` and on, all or the first ones measured; image n is of clump n modulo `num_clumps`."""
    samples = _samples(labels)
    dataset, backbone = add_dataset(store, "toy", samples), add_backbone(store)
    measure_clumps(store, backbone.backbone_id, labels, num_clumps, slice(num_measured))
    add_run(store, dataset, backbone)
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def measure_clumps(
    store: Store, backbone_id: str, labels: Sequence[str | None], num_clumps: int = 2, rows: slice = slice(None)
) -> None:
    """Measure some of the images of `put_clumps`."""
    samples = _samples(labels)
    noise = np.random.default_rng(0).standard_normal((len(samples), 8))
    clumps = np.arange(len(samples)) % num_clumps
    embeddings = (6 * np.eye(num_clumps, 8)[clumps] + noise).astype(np.float16)
    measured = [
        replace(make_measurement(sample.content_id, 1.0), embedding=embedding)
        for sample, embedding in zip(samples, embeddings, strict=True)
    ]
    store.write_measurements(backbone_id, SPEC, measured[rows])


def _samples(labels: Sequence[str | None]) -> list[Sample]:
    return [make_sample(f"{number:02d}.png", label) for number, label in enumerate(labels)]


def flipped(wrong: Sequence[int], num_images: int = 60, names: tuple[str, str] = ("cat", "dog")) -> list[str]:
    """Labels of two clumps, right but for the images in `wrong`."""
    return [names[(number % 2) ^ (number in wrong)] for number in range(num_images)]
