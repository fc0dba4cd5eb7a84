"""How well could the density of the density check's mixtures be told at all? Kernel density estimates of their samples.

    python benchmarks/kernel_density.py [--dimensions 2,4] [--samples 1000] [--json docs/data/kernel_density.jsonl]

Gaussian kernels on the same training points, compared with the true log density of the same held-out points as
`jepascore density` takes. The bandwidth is the best of several *for these held-out points*, which nobody knows in
practice: an upper limit for this estimator.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from jepascore_core.density_check.experiment import HELD_OUT
from jepascore_core.density_check.mixtures import make_mixture

DIMENSIONS, SAMPLES = "2,4,8,16,32,64", "1000,10000,100000"
BANDWIDTHS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0)
#: Held-out points at a time.
BLOCK = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", default=DIMENSIONS)
    parser.add_argument("--samples", default=SAMPLES)
    parser.add_argument("--json", type=Path, help="write the rows to this file, one a line")
    options = parser.parse_args()
    rows = [
        estimate(dimension, count)
        for dimension in map(int, options.dimensions.split(","))
        for count in map(int, options.samples.split(","))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    print(lines, end="")
    if options.json:
        options.json.write_text(lines, encoding="utf-8")


def estimate(dimension: int, num_samples: int) -> dict[str, Any]:
    """Correlations of the best kernel density estimate with the true log density."""
    mixture = make_mixture(dimension)
    training, held_out = mixture.sample(num_samples, seed=1)[0].double(), mixture.sample(HELD_OUT, seed=2)[0]
    truth = mixture.log_density(held_out).numpy()
    logs: dict[float, list[torch.Tensor]] = {bandwidth: [] for bandwidth in BANDWIDTHS}
    for block in held_out.double().split(BLOCK):
        squares = torch.cdist(block, training).square_()
        for bandwidth, found in logs.items():
            found.append(torch.logsumexp(squares * (-0.5 / bandwidth**2), dim=1))
    estimates = {bandwidth: torch.cat(found).numpy() for bandwidth, found in logs.items()}
    pearson = {bandwidth: float(np.corrcoef(values, truth)[0, 1]) for bandwidth, values in estimates.items()}
    best = max(pearson, key=lambda bandwidth: pearson[bandwidth])
    return {
        "dimension": dimension,
        "num_samples": num_samples,
        "bandwidth": best,
        "pearson": round(pearson[best], 4),
        "spearman": round(float(spearmanr(estimates[best], truth)[0]), 4),
    }


if __name__ == "__main__":
    main()
