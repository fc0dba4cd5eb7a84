"""How long the baseline scores take, and what inverted lists miss of the k-NN distance.

    python benchmarks/baselines.py [--rows 20000] [--dimension 384]

See `common.make_embeddings` for what they are computed from.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from common import make_embeddings
from scipy.stats import spearmanr

from jepascore_core.embeddings.baselines import knn, mahalanobis, norm


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--dimension", type=int, default=384)
    chosen = options.parse_args()
    vectors = make_embeddings(chosen.rows, chosen.dimension)
    names = np.char.mod("%032x", np.arange(len(vectors)))
    print(f"{len(vectors):,} embeddings, K = {chosen.dimension}\n", flush=True)
    works = {
        "knn, flat": lambda: knn(vectors, index="flat"),
        "knn, ivf": lambda: knn(vectors, index="ivf"),
        "mahalanobis": lambda: mahalanobis(names, vectors),
        "norm": lambda: norm(vectors),
    }
    found = {}
    for name, work in works.items():
        start = time.perf_counter()
        found[name] = work()
        print(f"{name:12} {time.perf_counter() - start:8.2f} s", flush=True)
    exact, near = found["knn, flat"], found["knn, ivf"]
    print(f"\nivf against flat: the same value for {np.mean(near == exact):.1%}, ", end="")
    print(f"rank correlation {spearmanr(near, exact).statistic:.4f}")


if __name__ == "__main__":
    main()
