"""What changes how well the score predicts a known log density: other settings of the density check's training.

    python benchmarks/density_trials.py [--dimensions 4,8] [--json docs/data/density_trials.jsonl]

Each trial trains an encoder with some settings of `DensityRecipe` and compares its scores of new points with their true
log density, as `jepascore density` does. K is 4 D; what a trial does not name is as it was before these trials: 600
steps of 512 points, independent directions, noise of 0.05.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from jepascore_core.density_check.experiment import DensityRecipe, measure_cell

FEW, SOME, MANY = 1_000, 10_000, 100_000
#: Dimension, number of samples, settings.
TRIALS: tuple[tuple[int, int, dict[str, Any]], ...] = (
    (2, FEW, {"frequency": 6.0, "steps": 1500, "noise": 0.1}),
    (2, MANY, {"frequency": 3.0}),
    (4, FEW, {"frequency": 3.0, "steps": 2400}),
    (4, FEW, {"frequency": 6.0, "steps": 1500, "noise": 0.1}),
    (4, MANY, {"frequency": 3.0}),
    (4, MANY, {"frequency": 3.0, "steps": 2400}),
    (8, FEW, {"frequency": 6.0, "steps": 1500, "noise": 0.1}),
    (8, FEW, {"frequency": 6.0, "steps": 2400}),
    (8, SOME, {"frequency": 6.0, "steps": 1200, "batch_size": 1024, "orthogonal": True}),
    (8, MANY, {"frequency": 3.0, "steps": 2400, "width": 512, "depth": 1, "gain": 2.0}),
    (8, MANY, {"frequency": 3.0}),
    (8, MANY, {"frequency": 3.0, "steps": 2400}),
    (8, MANY, {"frequency": 6.0, "steps": 2400}),
    (8, MANY, {"frequency": 3.0, "steps": 2400, "depth": 3}),
    (8, MANY, {"frequency": 6.0, "steps": 2400, "batch_size": 1024, "directions": 128}),
    (8, MANY, {"frequency": 6.0, "steps": 2400, "orthogonal": True}),
    (8, MANY, {"frequency": 6.0, "steps": 1200, "batch_size": 1024, "orthogonal": True}),
    (8, MANY, {"frequency": 6.0, "steps": 2400, "width": 512, "gain": 2.0}),
    (16, FEW, {"frequency": 3.0}),
    (16, MANY, {"frequency": 1.0, "steps": 2400}),
    (16, MANY, {"frequency": 6.0}),
    (16, MANY, {"frequency": 6.0, "steps": 1800}),
    (32, MANY, {"frequency": 6.0, "steps": 1200}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", default="2,4,8,16,32")
    parser.add_argument("--json", type=Path, help="append the results to this file, one trial a line")
    options = parser.parse_args()
    chosen = set(map(int, options.dimensions.split(",")))
    for dimension, num_samples, settings in TRIALS:
        if dimension not in chosen:
            continue
        line = json.dumps(trial(dimension, num_samples, settings))
        print(line, flush=True)
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def before(dimension: int) -> DensityRecipe:
    """Return the settings that the trials started from."""
    is_low = dimension <= 4
    return DensityRecipe(
        embedding_dimension=4 * dimension,
        depth=3 if is_low else 2,
        gain=2.0 if is_low else 1.0,
        frequency=3.0 if dimension <= 8 else 1.0,
    )


def trial(dimension: int, num_samples: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train with these settings and compare."""
    start = time.process_time()
    recipe = replace(before(dimension), **settings)
    cell = measure_cell(dimension, num_samples, recipe)
    numbers = {name: round(getattr(cell, name) or 0.0, 4) for name in ("pearson", "spearman", "within")}
    seconds = round(time.process_time() - start, 1)
    return {"dimension": dimension, "num_samples": num_samples, **settings, **numbers, "cpu_seconds": seconds}


if __name__ == "__main__":
    main()
