"""Does the score measure density? Train small encoders on mixtures of Gaussians whose density is known.

The encoder ends on the sphere of radius sqrt(K), near which K-dimensional Gaussians concentrate (the paper's lemma),
and is trained by the same objective as the images' encoders: two noisy views of a point agree, embeddings of all points
are N(0, I). Then the score should be the log density plus a constant. Without the projection to the sphere, at these
sizes of K, it is not: lengths then vary with the density, and the correlation was about -0.3 in two dimensions.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import jacfwd, vmap

from jepascore_core.backbones.small_mlp import OntoSphere
from jepascore_core.density_check.mixtures import Mixture, make_mixture
from jepascore_core.density_check.results import CellKey, DensityCell, Langevin, full_steps
from jepascore_core.training.objective import lejepa_loss
from jepascore_core.training.sigreg import orthogonal_directions, random_directions

Floats = npt.NDArray[np.float64]

HELD_OUT = 1500
#: Up to this many dimensions the encoder is deeper and starts from a function that varies faster.
LOW_DIMENSION = 4
#: Factor by which embeddings are compared with the normal at a finer scale than in the training on images: the score
#: depends on what happens at the scale of neighbouring points.
FREQUENCY = 6.0
#: Up to this many dimensions, from `LOW_DIMENSION` on, the Gaussianity term takes twice the points and directions.
HARD_DIMENSION = 8
#: Noise of a view from this many samples on; where they are fewer it grows as the width of a kernel of a density
#: estimate does, without which the encoder learns them by heart.
NOISE, MANY_SAMPLES = 0.073, 10_000
#: Points whose Jacobians are computed in one batch.
BLOCK = 250
#: Log density below the highest at which the drawn field of a walk ends, in nats.
FIELD_DEPTH = 12.0
FIELD_SIDE = 81


@dataclass(frozen=True, slots=True)
class DensityRecipe:
    """How to train. `noise` is the standard deviation of a view, as a share of the data's own.

    `gain` multiplies the standardised points: a larger one starts from a function that varies faster. `frequency` is
    that of `sigreg.epps_pulley`; `orthogonal` draws the directions of `sigreg.orthogonal_directions`.
    """

    embedding_dimension: int = 64
    width: int = 256
    depth: int = 3
    steps: int = 600
    batch_size: int = 512
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    noise: float = 0.05
    gaussian_weight: float = 0.1
    frequency: float = 1.0
    gain: float = 1.0
    directions: int = 64
    orthogonal: bool = False
    seed: int = 0


def recipe_for(
    dimension: int, num_samples: int, control: bool = False, steps: int | None = None, seed: int = 0
) -> DensityRecipe:
    """Return the recipe of this check for K = 4 D; `steps` None takes those of a full check.

    K directions share the volume of D dimensions, so an encoder of few dimensions must vary fast to fill its sphere;
    in many dimensions a smooth one predicts the density better (one hidden layer: Pearson 0.98 for D = 32, 0.41 for D =
    2). What each setting brings: benchmarks/density_trials.py.
    """
    is_low = dimension <= LOW_DIMENSION
    size = 2 if LOW_DIMENSION < dimension <= HARD_DIMENSION else 1
    return DensityRecipe(
        embedding_dimension=4 * dimension,
        depth=3 if is_low else 2,
        gain=2.0 if is_low else 1.0,
        steps=full_steps(dimension) if steps is None else steps,
        batch_size=512 * size,
        directions=64 * size,
        orthogonal=is_low,
        noise=NOISE * max(1.0, MANY_SAMPLES / num_samples) ** (1 / 6),
        gaussian_weight=0.0 if control else 0.1,
        # The control has no Gaussianity term that depends on it.
        frequency=1.0 if control else FREQUENCY,
        seed=seed,
    )


class PointEncoder(nn.Module):
    """Map points [N, D] to embeddings [N, K] on the sphere: standardised, then a GELU network."""

    def __init__(self, dimension: int, recipe: DensityRecipe) -> None:
        super().__init__()
        self.gain = recipe.gain
        sizes = [dimension] + [recipe.width] * recipe.depth
        layers = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.GELU())]
        self.layers = nn.Sequential(*layers, nn.Linear(recipe.width, recipe.embedding_dimension), OntoSphere())
        self.centre = nn.Buffer(torch.zeros(dimension))
        self.scale = nn.Buffer(torch.ones(()))

    def forward(self, points: Tensor) -> Tensor:
        """Return the embeddings, [N, D] -> [N, K]."""
        embeddings: Tensor = self.layers(self.gain * (points - self.centre) / self.scale)
        return embeddings


def train_on_points(
    points: Tensor, recipe: DensityRecipe, progress: Callable[[int], None] = lambda _: None
) -> PointEncoder:
    """Train an encoder on points [N, D]; `progress` gets the finished steps. Equal seeds give equal results."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        encoder = PointEncoder(points.shape[1], recipe)
    encoder.centre.copy_(points.mean(dim=0))
    encoder.scale.copy_(points.std())
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=recipe.learning_rate, weight_decay=0.0)
    for step in range(recipe.steps):
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * share_of_rate(step, recipe)
        chosen = points[torch.randint(len(points), (recipe.batch_size,), generator=generator)]
        noise = recipe.noise * encoder.scale * torch.randn(2, *chosen.shape, generator=generator)
        embeddings = encoder((chosen + noise).flatten(0, 1)).unflatten(0, (2, -1))  # [V, B, K]
        draw = orthogonal_directions if recipe.orthogonal else random_directions
        directions = draw(recipe.embedding_dimension, recipe.directions, generator)
        loss = lejepa_loss(embeddings, directions, recipe.gaussian_weight, recipe.frequency).total
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        progress(step + 1)
    return encoder.eval().requires_grad_(False)


def share_of_rate(step: int, recipe: DensityRecipe) -> float:
    """Return the share of the learning rate: warm-up, then a cosine down to zero."""
    return min(1.0, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def point_scores(encoder: nn.Module, points: Tensor) -> Tensor:
    """Compute the JEPA-SCORE of points [N, D] -> [N] in nats, differentiable.

    With K >= D it is half of log det(J^T J) [D, D], the sum over all D singular values; -inf where the encoder is flat.
    """
    rows = vmap(jacfwd(lambda point: encoder(point[None])[0]))(points).double()  # [N, K, D]
    log_determinants: Tensor = torch.linalg.slogdet(rows.mT @ rows)[1]
    return 0.5 * log_determinants


def cell_key(dimension: int, num_samples: int, recipe: DensityRecipe) -> CellKey:
    """Return the `DensityCell.key` of the cell that `measure_cell` would return."""
    return (
        dimension,
        num_samples,
        recipe.embedding_dimension,
        recipe.gaussian_weight,
        recipe.frequency,
        recipe.depth,
        recipe.noise,
        recipe.batch_size,
        recipe.steps,
        recipe.seed,
    )


def measure_cell(
    dimension: int, num_samples: int, recipe: DensityRecipe, progress: Callable[[int], None] = lambda _: None
) -> DensityCell:
    """Train one encoder and compare its scores of new points with their true log density."""
    start, mixture = time.perf_counter(), make_mixture(dimension)
    encoder = train_on_points(mixture.sample(num_samples, seed=1)[0], recipe, progress)
    return _judge(encoder, mixture, num_samples, recipe, start)


def _judge(
    encoder: PointEncoder, mixture: Mixture, num_samples: int, recipe: DensityRecipe, start: float
) -> DensityCell:
    points, component = mixture.sample(HELD_OUT, seed=2)
    scores = torch.cat([point_scores(encoder, block).detach() for block in points.split(BLOCK)]).numpy()
    truth, component_of = mixture.log_density(points).numpy(), component.numpy()
    groups = [component_of == number for number in range(len(mixture.widths))]
    inner = [found for group in groups if (found := _correlation(_ranks(scores[group]), _ranks(truth[group])))]
    pearson = _correlation(scores, truth)
    return DensityCell(
        dimension=points.shape[1],
        num_samples=num_samples,
        embedding_dimension=recipe.embedding_dimension,
        gaussian_weight=recipe.gaussian_weight,
        frequency=recipe.frequency,
        depth=recipe.depth,
        noise=recipe.noise,
        batch_size=recipe.batch_size,
        steps=recipe.steps,
        seed=recipe.seed,
        num_held_out=HELD_OUT,
        pearson=pearson,
        spearman=_correlation(_ranks(scores), _ranks(truth)),
        within=sum(inner) / len(inner) if inner else None,
        slope=None if pearson is None else float(np.polyfit(scores, truth, 1)[0]),
        seconds=round(time.perf_counter() - start, 1),
    )


def _ranks(values: Floats) -> Floats:
    return values.argsort().argsort().astype(np.float64)


def _correlation(first: Floats, second: Floats) -> float | None:
    """Compute Pearson's correlation; None where one of the two is constant or not finite."""
    if not (np.isfinite(first).all() and first.std() and second.std()):
        return None
    return float(np.corrcoef(first, second)[0, 1])


def walk(
    num_samples: int,
    recipe: DensityRecipe,
    num_walkers: int = 300,
    num_steps: int = 400,
    step_size: float = 0.05,
    num_frames: int = 16,
    progress: Callable[[int], None] = lambda _: None,
) -> Langevin:
    """Train an encoder in two dimensions, then move walkers along its score's gradient with Langevin noise.

    Each step is

        x <- x + step_size / 2 * grad score(x) + sqrt(step_size) * normal noise

    They start from a normal distribution with 1.5 times the data's spread and are confined to the drawn field: far
    outside, no score was learned. `progress` gets the number of finished training and walking steps.
    """
    start, mixture = time.perf_counter(), make_mixture(2)
    points = mixture.sample(num_samples, seed=1)[0]
    encoder = train_on_points(points, recipe, progress)
    limit = float(points.abs().max())
    generator = torch.Generator().manual_seed(recipe.seed)
    start_spread = 1.5 * points.std(dim=0)
    walkers = points.mean(dim=0) + start_spread * torch.randn(num_walkers, 2, generator=generator)
    walkers = walkers.clamp(-limit, limit)
    # Early frames are closer together, since most changes happen early.
    shown = sorted({round(num_steps * (number / (num_frames - 1)) ** 2) for number in range(num_frames)})
    frames = []
    for step in range(num_steps + 1):
        if step in shown:
            frames.append(walkers)
        gradient = _score_gradient(encoder, walkers).clamp(-10, 10)
        noise = math.sqrt(step_size) * torch.randn(walkers.shape, generator=generator)
        walkers = (walkers + 0.5 * step_size * gradient + noise).clamp(-limit, limit)
        progress(recipe.steps + step)
    axis = torch.linspace(-limit, limit, FIELD_SIDE)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)  # [A, A, 2], rows are y
    field = mixture.log_density(grid.flatten(0, 1)).unflatten(0, (FIELD_SIDE, FIELD_SIDE))
    return Langevin(
        axis=_rounded(axis),
        log_density=_rounded(field.clamp_min(float(field.max()) - FIELD_DEPTH)),
        steps=shown,
        step_size=step_size,
        frames=[_rounded(frame) for frame in frames],
        frame_log_density=[float(mixture.log_density(frame).mean()) for frame in frames],
        true_log_density=float(mixture.log_density(points).mean()),
        cell=_judge(encoder, mixture, num_samples, recipe, start),
    )


def _score_gradient(encoder: PointEncoder, points: Tensor) -> Tensor:
    inputs = points.clone().requires_grad_(True)
    with torch.enable_grad():
        total = point_scores(encoder, inputs).sum()
    return torch.autograd.grad(total, inputs)[0]


def _rounded(values: Tensor) -> list[Any]:
    return [[round(item, 2) for item in row] if isinstance(row, list) else round(row, 2) for row in values.tolist()]
