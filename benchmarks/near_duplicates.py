"""How long finding near duplicates takes, and what an approximate index misses.

    python benchmarks/near_duplicates.py [--rows 40000] [--dimension 384]

Half of the synthetic embeddings are alone; the others are clumps of three within a cosine distance of about 0.03.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from jepascore_core.curation.columns.near_duplicates import IndexKind, find_groups, unit
from jepascore_core.embeddings.selection import clusters, k_center

RADIUS = 0.05
KINDS: tuple[IndexKind, ...] = ("flat", "hnsw", "ivf")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=40_000)
    options.add_argument("--dimension", type=int, default=384)
    chosen = options.parse_args()
    vectors = make_embeddings(chosen.rows, chosen.dimension)
    names = np.char.mod("%032x", np.arange(len(vectors)))
    print(f"{len(vectors):,} embeddings, K = {chosen.dimension}, radius {RADIUS}\n")
    print(f"{'index':6} {'seconds':>8} {'pairs':>8} {'groups':>8} {'recall said':>12} {'recall true':>12}")
    true = 0
    for kind in KINDS:
        found = find_groups(names, vectors, RADIUS, index=kind)
        true = found.num_pairs if kind == "flat" else true
        print(
            f"{kind:6} {found.seconds:8.1f} {found.num_pairs:8,} {found.num_groups:8,} {found.recall:12.4f} "
            f"{found.num_pairs / max(1, true):12.4f}",
            flush=True,
        )
    for name, work in (
        ("k-center, 500", lambda: k_center(vectors, 500)),
        ("100 clusters", lambda: clusters(vectors, 100)),
    ):
        start = time.perf_counter()
        work()
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)


def make_embeddings(rows: int, dimension: int) -> np.ndarray:
    """[rows, dimension] of length 1, in random order."""
    generator = np.random.default_rng(0)
    alone = generator.standard_normal((rows // 2, dimension), np.float32)
    centres = np.repeat(generator.standard_normal((rows // 6, dimension), np.float32), 3, axis=0)
    near = centres + 0.17 * generator.standard_normal(centres.shape, np.float32)
    return unit(generator.permutation(np.concatenate([alone, near])))


if __name__ == "__main__":
    main()
