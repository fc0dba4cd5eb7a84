"""What the limits of the Gaussianity test rest on: true Gaussian samples, and samples that are not Gaussian.

python benchmarks/gaussianity.py [--json docs/data/gaussianity.json]
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
from common import show

from jepascore_core.trust.gaussianity import gaussianity

IMAGES, DIMENSIONS, SEEDS = (64, 128, 256, 512, 1000, 1500, 2000), (24, 96, 384), 5
OTHER_IMAGES, OTHER_DIMENSIONS = 1000, (32, 192)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = [true_gaussian(*each) for each in itertools.product(IMAGES, DIMENSIONS, range(SEEDS))]
    others = {
        f"{name}, {dimension} dimensions": Counter(
            gaussianity(make(np.random.default_rng(seed), dimension)).verdict for seed in range(SEEDS)
        )
        for name, make in SHAPES.items()
        for dimension in OTHER_DIMENSIONS
    }
    summary = {
        "num_samples": len(found),
        "num_near": sum(row["verdict"] == "near" for row in found),
        **{name: max(row[name] for row in found) for name in ("distance", "axis_distance", "spread")},
        "other": others,
    }
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    columns = ("samples", "near", "excess of projections", "excess of axes", "ratio of spreads")
    row = [f"{value:.3f}" for value in (summary[name] for name in ("distance", "axis_distance", "spread"))]
    show("True Gaussian samples, largest", columns, [(summary["num_samples"], summary["num_near"], *row)])
    show("Other shapes", ("shape", "verdicts"), [(name, dict(verdicts)) for name, verdicts in others.items()])


def true_gaussian(num_images: int, dimension: int, seed: int) -> dict[str, float | str]:
    """Excesses over the reference sample that goes with it, and the verdict."""
    view = gaussianity(np.random.default_rng([seed, num_images, dimension]).standard_normal((num_images, dimension)))
    return {
        "distance": view.distance - view.normal_distance,
        "axis_distance": view.axis_distance - view.normal_axis_distance,
        "spread": view.spread / view.normal_spread,
        "verdict": view.verdict,
    }


def student(rng: np.random.Generator, dimension: int, degrees: int) -> np.ndarray:
    """Normal directions with lengths as those of a multivariate Student's t."""
    normal = rng.standard_normal((OTHER_IMAGES, dimension))
    return normal / np.sqrt(rng.chisquare(degrees, (OTHER_IMAGES, 1)) / degrees)


def two_clusters(rng: np.random.Generator, dimension: int, apart: float) -> np.ndarray:
    """Two normal clusters of equal size, so many standard deviations apart."""
    values = rng.standard_normal((OTHER_IMAGES, dimension))
    values[: OTHER_IMAGES // 2, 0] += apart
    return values


def ten_clusters(rng: np.random.Generator, dimension: int) -> np.ndarray:
    """Ten normal clusters, with centres of twice the clusters' own spread."""
    centres = 2 * rng.standard_normal((10, dimension))
    return centres[rng.integers(10, size=OTHER_IMAGES)] + rng.standard_normal((OTHER_IMAGES, dimension))


SHAPES = {
    "Student's t, 10 degrees": lambda rng, dimension: student(rng, dimension, 10),
    "Student's t, 30 degrees": lambda rng, dimension: student(rng, dimension, 30),
    "two clusters, 4 apart": lambda rng, dimension: two_clusters(rng, dimension, 4.0),
    "two clusters, 2 apart": lambda rng, dimension: two_clusters(rng, dimension, 2.0),
    "ten clusters": ten_clusters,
}


if __name__ == "__main__":
    main()
