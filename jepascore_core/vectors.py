"""Embeddings as vectors: scaled to length 1, and faiss indexes that search them by cosine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

IndexKind = Literal["flat", "hnsw", "ivf"]
Floats = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[Any]) -> Floats:
    """Rows scaled to length 1, [N, K] -> [N, K] float32; a row of zeros stays."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def build_index(embeddings: Floats, kind: IndexKind, seed: int = 0) -> Any:
    """A faiss index of unit embeddings [N, K] by inner product."""
    import faiss

    n, k = embeddings.shape
    index: Any
    if kind == "flat":
        index = faiss.IndexFlatIP(k)
    elif kind == "hnsw":
        index = faiss.IndexHNSWFlat(k, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 48, 64
    else:
        lists = max(1, int(min(4 * np.sqrt(n), n / 40)))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(k), k, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = seed + 1, 8, 64
        index.train(embeddings[np.random.default_rng(seed).permutation(n)[: 64 * lists]])
        index.nprobe = max(4, lists // 128)
    index.add(embeddings)
    return index
