"""How long comparing a dataset with a reference takes, and what inverted lists miss of the nearest image.

    python benchmarks/reference.py [--rows 10000] [--reference 10000] [--dimension 384]

Embeddings are those of `common.make_embeddings`. Perceptual hashes are random, a tenth of them near another one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from common import make_embeddings

from jepascore_core.curation.columns.perceptual_duplicates import near_pairs
from jepascore_core.embeddings.reference import choose_reference_index, reference_neighbours, reference_seconds

#: Images that are compared with all of the reference, to see what the index missed.
CHECKED = 2000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--reference", type=int, default=10_000)
    options.add_argument("--dimension", type=int, default=384)
    chosen = options.parse_args()
    vectors = make_embeddings(chosen.rows + chosen.reference, chosen.dimension)
    images, reference = vectors[: chosen.rows], vectors[chosen.rows :]
    kind = choose_reference_index(len(images), len(reference))
    print(f"{len(images):,} images against {len(reference):,}, K = {chosen.dimension}, {kind} index", flush=True)
    start = time.perf_counter()
    found = reference_neighbours(images, reference)
    predicted = reference_seconds(len(images), len(reference), chosen.dimension)
    print(f"nearest 10: {time.perf_counter() - start:.1f} s, predicted {predicted:.1f} s", flush=True)
    exact = reference_neighbours(images[:CHECKED], reference, index="flat")
    same = np.mean(found.rows[:CHECKED, 0] == exact.rows[:, 0])
    worse = np.max(found.distances[:CHECKED, 0] - exact.distances[:, 0])
    print(
        f"the nearest image is found for {same:.1%} of {len(exact.rows):,}; a distance is at most {worse:.4f} too large"
    )
    start = time.perf_counter()
    hashes = np.random.default_rng(0).integers(0, 2**63, len(vectors), np.uint64)
    hashes[::10] = hashes[1::10] ^ np.uint64(1)
    pairs = near_pairs(np.unique(hashes))
    print(f"perceptual hashes: {time.perf_counter() - start:.1f} s, {len(pairs):,} pairs")


if __name__ == "__main__":
    main()
