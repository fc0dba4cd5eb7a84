"""A diverse part of many embeddings: greedy k-center, and k-means clusters to draw evenly from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.neighbours import Floats, Progress

#: k-means looks at so many points a cluster, which is enough to place its centre.
POINTS_PER_CLUSTER = 256
START_POINTS = 20


def k_center(
    embeddings: Floats, k: int, first: npt.NDArray[np.int64] | None = None, progress: Progress | None = None
) -> npt.NDArray[np.int64]:
    """Positions of k rows of unit embeddings [N, K], each the farthest from those before it: a 2-approximation.

    Starts with the rows `first`, or with the one nearest to the mean; ties go to the smaller position. Costs N * k * K.
    """
    n = len(embeddings)
    if k >= n:
        return np.arange(n)
    chosen = [] if first is None else first[:k].tolist()
    if not chosen:
        chosen = [int(np.argmax(embeddings @ embeddings.mean(axis=0)))]
    similarity = np.max(embeddings @ embeddings[chosen].T, axis=1)
    similarity[chosen] = np.inf
    while len(chosen) < k:
        farthest = int(np.argmin(similarity))
        chosen.append(farthest)
        np.maximum(similarity, embeddings @ embeddings[farthest], out=similarity)
        similarity[farthest] = np.inf
        if progress is not None:
            progress(len(chosen) / k)
    return np.array(chosen, np.int64)


def clusters(embeddings: Floats, num_clusters: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Cluster of each row of unit embeddings [N, K] -> [N], by spherical k-means."""
    import faiss

    n, k = embeddings.shape
    if n <= num_clusters:
        return np.arange(n)
    means = faiss.Kmeans(
        k, num_clusters, niter=12, seed=seed + 1, spherical=True,
        max_points_per_centroid=POINTS_PER_CLUSTER, min_points_per_centroid=1,
    )  # fmt: skip
    # Centres that begin far apart do not leave a small clump without one, as random ones may.
    sample = np.random.default_rng(seed).permutation(n)[: START_POINTS * num_clusters]
    start = embeddings[np.sort(sample)]
    means.train(embeddings, init_centroids=start[k_center(start, num_clusters)])
    return means.index.search(embeddings, 1)[1].ravel().astype(np.int64)
