"""How long the map of many images takes, and how far its neighbours can be trusted.

    python benchmarks/map.py [--rows 100000] [--dimension 384] [--kind pacmap]

From embeddings in memory to places; synthetic ones of 200 groups on a curved surface, in half precision as they are
stored. With --others the packages pacmap and umap-learn, where they are installed, arrange the same points.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jepascore_core.embeddings.layout import LAYOUT_KINDS, find_layout, trustworthiness
from jepascore_core.embeddings.projection import fit_projection

NUM_GROUPS = 200


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--dimension", type=int, default=384)
    options.add_argument("--kind", choices=LAYOUT_KINDS, default="pacmap")
    options.add_argument("--others", action="store_true")
    chosen = options.parse_args()
    embeddings = make_groups(chosen.rows, chosen.dimension)
    print(f"{chosen.rows:,} embeddings, K = {chosen.dimension}, {os.cpu_count()} cores")
    start = time.perf_counter()
    found = find_layout(chosen.kind, embeddings)
    print(
        f"{chosen.kind}: {time.perf_counter() - start:.1f} s, trustworthiness {found.trustworthiness:.4f}", flush=True
    )
    if chosen.others:
        points = fit_projection(embeddings, 100)(embeddings)
        for name, arrange in others().items():
            start = time.perf_counter()
            places = np.asarray(arrange(points), np.float32)
            seconds = time.perf_counter() - start
            print(f"{name}: {seconds:.1f} s, trustworthiness {trustworthiness(embeddings, places):.4f}", flush=True)


def others() -> dict[str, Callable[[np.ndarray], Any]]:
    """The packages of the authors that are installed."""
    found: dict[str, Callable[[np.ndarray], Any]] = {}
    if importlib.util.find_spec("pacmap"):
        pacmap = importlib.import_module("pacmap")
        found["pacmap package"] = lambda points: pacmap.PaCMAP(random_state=0, apply_pca=False).fit_transform(points)
    if importlib.util.find_spec("umap"):
        umap = importlib.import_module("umap")
        found["umap-learn"] = lambda points: umap.UMAP(random_state=0).fit_transform(points)
    if importlib.util.find_spec("openTSNE"):
        tsne = importlib.import_module("openTSNE")
        found["openTSNE"] = lambda points: tsne.TSNE(n_jobs=2, random_state=0).fit(points)
    return found


def make_groups(rows: int, dimension: int, seed: int = 0) -> np.ndarray:
    """[rows, dimension] in half precision: groups of different sizes, each a curved surface of 8 dimensions."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(NUM_GROUPS, 2.0))
    group = rng.choice(NUM_GROUPS, rows, p=shares)
    centres = rng.standard_normal((NUM_GROUPS, dimension)).astype(np.float32)
    lift = rng.standard_normal((8, dimension)).astype(np.float32)
    hidden = np.tanh(rng.standard_normal((rows, 8)).astype(np.float32))
    noise = rng.standard_normal((rows, dimension)).astype(np.float32)
    return (centres[group] + 0.3 * hidden @ lift + 0.15 * noise).astype(np.float16)


if __name__ == "__main__":
    main()
