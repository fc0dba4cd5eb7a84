"""Datasets whose best cut is known: classes of two clumps, a share of wrong labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from jepascore_core.curation.cut_effect.samples import Cut
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample

NUM_CLASSES, DIMENSION = 4, 40


@dataclass(frozen=True)
class Known:
    """A dataset, and what is known of each of its samples, ordered by key."""

    store: Store
    scores: ScoreSet
    truth: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    tails: npt.NDArray[np.bool_]

    def cut(self, kept: npt.NDArray[np.bool_]) -> Cut:
        version = str(self.store.catalogue.dataset(self.scores.dataset_id).version)
        return Cut(version, kept.astype(np.uint8))


Make = Callable[..., Known]


@pytest.fixture
def make(store: Store) -> Make:
    """Make a dataset of n images; `wrong` is the share of wrong labels outside "test", `splits` gives each a split."""

    def made(n: int = 1200, wrong: float = 0.0, splits: Sequence[str | None] | None = None, score=None) -> Known:
        rng = np.random.default_rng(5)
        truth = np.arange(n) % NUM_CLASSES
        tails = rng.random(n) < 0.25
        # The tail of class c lies near the body of class c + 1, on its other side.
        centres = 2.0 * np.eye(NUM_CLASSES, DIMENSION)
        centres_of_tails = 2.0 * np.roll(np.eye(NUM_CLASSES, DIMENSION), 1, axis=0)
        centres_of_tails[:, NUM_CLASSES : 2 * NUM_CLASSES] = 4.0 * np.eye(NUM_CLASSES)
        embeddings = np.where(tails[:, None], centres_of_tails[truth], centres[truth])
        embeddings = (embeddings + 0.8 * rng.standard_normal((n, DIMENSION))).astype(np.float16)
        is_wrong = rng.random(n) < wrong
        if splits is not None:
            is_wrong &= np.array(splits) != "test"
        labels = np.where(is_wrong, (truth + 1) % NUM_CLASSES, truth)
        samples = [
            make_sample(f"{row:05d}.png", f"class {label}", splits[row] if splits else None, content=str(row))
            for row, label in enumerate(labels)
        ]
        dataset, backbone = add_dataset(store, "known", samples), add_backbone(store)
        values = score(truth, labels, tails) if score else np.arange(n, dtype=float)
        rows = [
            replace(make_measurement(sample.content_id, float(value)), embedding=embedding)
            for sample, value, embedding in zip(samples, values, embeddings, strict=True)
        ]
        store.write_measurements(backbone.backbone_id, SPEC, rows)
        return Known(store, ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id)), truth, labels, tails)

    return made
