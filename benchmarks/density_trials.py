"""What changes how well the score predicts a known log density: other settings of the density check's training.

    python benchmarks/density_trials.py [--dimensions 2,8] [--json docs/data/density_trials.jsonl]

Each trial changes some settings of `recipe_for`, trains on 10,000 points of the mixture, and compares scores of 1,500
new points with their true log density. Settings that the check itself does not have are here: Muon instead of AdamW for
matrices, an exponential average of the weights, and scores averaged over four noisy views of a point.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from jepascore_core.density_check.experiment import (
    HELD_OUT,
    DensityRecipe,
    PointEncoder,
    point_scores,
    recipe_for,
    share_of_rate,
)
from jepascore_core.density_check.mixtures import make_mixture
from jepascore_core.training.muon import Muon
from jepascore_core.training.objective import lejepa_loss
from jepascore_core.training.sigreg import random_directions

NUM_SAMPLES, NUM_VIEWS, BLOCK, BIAS_RATE = 10_000, 4, 250, 2e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", default="2,8")
    parser.add_argument("--json", type=Path, help="append the results to this file, one trial a line")
    options = parser.parse_args()
    for dimension in map(int, options.dimensions.split(",")):
        for changes in trials(dimension):
            line = json.dumps(trial(dimension, **changes))
            print(line, flush=True)
            if options.json:
                with options.json.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")


def trials(dimension: int) -> Iterator[dict[str, Any]]:
    """Changes of settings, one trial each."""
    narrow = {"embedding_dimension": 4 * dimension}
    yield {}
    yield {"muon": 0.02, "average": 0.98}
    yield {"muon": 0.05, "average": 0.98}
    for changes in (
        narrow,
        {"frequency": 6.0},
        {"gaussian_weight": 0.03},
        {"batch_size": 1024, "directions": 32},
        {"noise": 0.1},
        {"depth": 1, "gain": 2.0},
        {**narrow, "depth": 1, "gain": 2.0},
        {**narrow, "frequency": 6.0},
        {**narrow, "frequency": 6.0, "depth": 1, "gain": 2.0},
    ):
        yield {**changes, "average": 0.98}


def trial(dimension: int, muon: float = 0.0, average: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Train with changed settings and compare; correlations are Pearson's but for `spearman` and `within`."""
    start, mixture = time.process_time(), make_mixture(dimension)
    recipe = replace(recipe_for(dimension), **changes)
    encoder = train(mixture.sample(NUM_SAMPLES, seed=1)[0], recipe, muon, average)
    points, component = mixture.sample(HELD_OUT, seed=2)
    truth, scores = mixture.log_density(points).numpy(), scores_of(encoder, points).numpy()
    groups = [component.numpy() == number for number in range(len(mixture.widths))]
    generator = torch.Generator().manual_seed(5)
    spread = recipe.noise * encoder.scale
    views = torch.stack(
        [scores_of(encoder, points + spread * torch.randn(points.shape, generator=generator)) for _ in range(NUM_VIEWS)]
    )
    found = {
        "pearson": np.corrcoef(scores, truth)[0, 1],
        "spearman": spearmanr(scores, truth)[0],
        "within": np.mean([spearmanr(scores[group], truth[group])[0] for group in groups]),
        "theorem": np.corrcoef(-torch.logsumexp(-views, dim=0).numpy(), truth)[0, 1],
        "mean_of_views": np.corrcoef(views.mean(dim=0).numpy(), truth)[0, 1],
    }
    settings = {"muon": muon, "average": average, "embedding_dimension": recipe.embedding_dimension, **changes}
    numbers = {name: round(float(value), 4) for name, value in found.items()}
    return {"dimension": dimension, **settings, **numbers, "cpu_seconds": round(time.process_time() - start, 1)}


def scores_of(encoder: nn.Module, points: Tensor) -> Tensor:
    """Scores of points [N, D] -> [N], in blocks."""
    return torch.cat([point_scores(encoder, block).detach() for block in points.split(BLOCK)])


def train(points: Tensor, recipe: DensityRecipe, muon: float, average: float) -> PointEncoder:
    """`train_on_points` with the settings that it does not have."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        encoder = PointEncoder(points.shape[1], recipe)
    encoder.centre.copy_(points.mean(dim=0))
    encoder.scale.copy_(points.std())
    generator, parameters = torch.Generator().manual_seed(recipe.seed), list(encoder.parameters())
    optimisers: list[tuple[torch.optim.Optimizer, float]] = []
    if muon:
        optimisers.append((Muon([value for value in parameters if value.ndim == 2], muon), muon))
    rest = [value for value in parameters if value.ndim < 2 or not muon]
    rate = BIAS_RATE if muon else recipe.learning_rate
    optimisers.append((torch.optim.AdamW(rest, lr=rate, weight_decay=0.0), rate))
    averaged = [value.detach().clone() for value in parameters]
    for step in range(recipe.steps):
        chosen = points[torch.randint(len(points), (recipe.batch_size,), generator=generator)]
        noise = recipe.noise * encoder.scale * torch.randn(2, *chosen.shape, generator=generator)
        embeddings = encoder((chosen + noise).flatten(0, 1)).unflatten(0, (2, -1))  # [V, B, K]
        directions = random_directions(recipe.embedding_dimension, recipe.directions, generator)
        encoder.zero_grad()
        lejepa_loss(embeddings, directions, recipe.gaussian_weight, recipe.frequency).total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimiser, largest in optimisers:
            optimiser.param_groups[0]["lr"] = largest * share_of_rate(step, recipe)
            optimiser.step()
        with torch.no_grad():
            for mean, value in zip(averaged, parameters, strict=True):
                mean.lerp_(value, 1 - average)
    with torch.no_grad():
        for mean, value in zip(averaged, parameters, strict=True):
            value.copy_(mean)
    return encoder.eval().requires_grad_(False)


if __name__ == "__main__":
    main()
