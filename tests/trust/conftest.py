"""Stores whose stored embeddings are Gaussian, with scores that follow a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample


def put_embeddings(
    store: Store,
    labels: Sequence[str],
    score: Callable[[npt.NDArray[np.float16]], float] = lambda embedding: float(embedding[0]),
    defects: Sequence[str] = (),
    name: str = "toy",
) -> tuple[ScoreSet, npt.NDArray[np.float16]]:
    """One measured sample a label, its score told from its embedding; and the embeddings [N, 8]."""
    rng = np.random.default_rng(7)
    columns = [{"contaminant": defect} for defect in defects] or [{}] * len(labels)
    samples = [
        make_sample(f"{label}/{number:04d}.png", label, content=f"{name} {number}", **metadata)
        for number, (label, metadata) in enumerate(zip(labels, columns, strict=True))
    ]
    dataset, backbone = add_dataset(store, name, samples), add_backbone(store)
    embeddings = rng.standard_normal((len(samples), 8)).astype(np.float16)
    rows = [
        replace(make_measurement(sample.content_id, score(embedding)), embedding=embedding)
        for sample, embedding in zip(samples, embeddings, strict=True)
    ]
    store.write_measurements(backbone.backbone_id, SPEC, rows)
    return ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id)), embeddings
