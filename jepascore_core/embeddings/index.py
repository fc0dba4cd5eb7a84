"""Embeddings as vectors: scaled to length 1, and faiss indexes that search them by cosine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

IndexKind = Literal["flat", "hnsw", "ivf"]
Floats = npt.NDArray[np.float32]
#: Told the share of the work that is done, 0 to 1; what it raises ends the work.
Progress = Callable[[float], None]

#: Vectors that are added at a time: some seconds of a graph's construction, after which it can be ended. At 2,048 it
#: took a third longer than all at once, at 8,192 a sixth (16,384 vectors, K = 384).
ADDED_AT_ONCE = 8192
KMEANS_STEPS = 8
POINTS_PER_LIST = 64
#: Share of building in building and searching once for each vector: about that much at 20,000 and 60,000 (K = 384).
BUILD_SHARE: dict[IndexKind, float] = {"flat": 0.0, "hnsw": 0.5, "ivf": 0.5}


def no_progress(_share: float) -> None:
    """Ignore the progress."""


def subrange(progress: Progress, first: float, last: float) -> Progress:
    """Progress of a part that leads from one share of the whole to another."""
    return lambda share: progress(first + (last - first) * share)


def unit(vectors: npt.NDArray[Any]) -> Floats:
    """Rows scaled to length 1, [N, K] -> [N, K] float32; a row of zeros stays."""
    rows: Floats = np.ascontiguousarray(vectors, np.float32)
    units: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units


def build_index(embeddings: Floats, kind: IndexKind, seed: int = 0, progress: Progress = no_progress) -> Any:
    """Build a faiss index of unit embeddings [N, K] by inner product."""
    import faiss

    n, k = embeddings.shape
    index: Any
    trained = 0
    if kind == "flat":
        index = faiss.IndexFlatIP(k)
    elif kind == "hnsw":
        index = faiss.IndexHNSWFlat(k, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 48, 64
    else:
        lists = max(1, int(min(4 * np.sqrt(n), n / 40)))
        quantizer = faiss.IndexFlatIP(k)
        index = faiss.IndexIVFScalarQuantizer(
            quantizer, k, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.nprobe = max(4, lists // 128)
        sample = embeddings[np.random.default_rng(seed).permutation(n)[: POINTS_PER_LIST * lists]]
        trained = KMEANS_STEPS * len(sample)
        index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = seed + 1, 1, POINTS_PER_LIST
        # Step by step: each goes on from the centroids of the one before.
        kmeans = faiss.Clustering(k, lists, index.cp)
        for step in range(1, KMEANS_STEPS + 1):
            kmeans.train(sample, quantizer)
            progress(step * len(sample) / (trained + n))
        index.train(sample)
    for first in range(0, n, ADDED_AT_ONCE):
        part = embeddings[first : first + ADDED_AT_ONCE]
        index.add(part)
        progress((trained + first + len(part)) / (trained + n))
    return index
