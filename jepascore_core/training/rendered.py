"""Encoders of rendered pictures: LeJEPA on endless generated data, so that nothing can be memorised.

Two views of a picture are two drawings with slightly different latents and independent pixel noise. The noise reduces
the encoder's response to changes that no drawing makes; the rest of the objective is that of all encoders here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jepascore_core.backbones.small_mlp import PooledMlp
from jepascore_core.rendering.draw import SIDE, render
from jepascore_core.rendering.products import draw_latents
from jepascore_core.training.muon import Muon
from jepascore_core.training.objective import LossTerms, lejepa_loss
from jepascore_core.training.sigreg import random_directions
from jepascore_core.training.train import EpochLoss

#: The encoder's input is (pixel - 0.5) / 0.25, pixels between 0 and 1.
MEAN, STD = 0.5, 0.25
#: Pictures drawn per batch.
BLOCK = 500


@dataclass(frozen=True, slots=True)
class RenderedRecipe:
    """How to train: an epoch is `steps_per_epoch` steps on `drawn_per_epoch` fresh pairs of drawings.

    `move` is the standard deviation of a view's latents around the picture's, `noise` the largest one of its pixels.
    Inputs are whitened before training begins, with `whitening` times the largest noise's variance as the floor, and
    weights start `gain` times as large as for constant variances. `average` is the decay of the averaged weights, which
    are the result. The rates are the initial ones of matrices (Muon) and of biases (AdamW).
    """

    dimension: int = 16
    hidden: tuple[int, ...] = (192, 192)
    pool: int = 2
    epochs: int = 16
    steps_per_epoch: int = 500
    drawn_per_epoch: int = 16000
    batch_size: int = 256
    learning_rate: float = 0.06
    bias_rate: float = 2e-3
    warmup_steps: int = 100
    move: float = 0.05
    noise: float = 0.2
    whitening: float = 1.0
    gain: float = 0.7
    gaussian_weight: float = 0.4
    frequency: float = 2.0
    directions: int = 16
    average: float = 0.998
    seed: int = 0

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return self.epochs * self.steps_per_epoch

    @property
    def architecture(self) -> dict[str, object]:
        """Arguments of `small_mlp.PooledMlp`."""
        return {
            "img_size": SIDE,
            "in_chans": 3,
            "pool": self.pool,
            "hidden": list(self.hidden),
            "num_classes": self.dimension,
        }


@dataclass(frozen=True, slots=True, eq=False)
class TrainedOnRendered:
    """An encoder of normalised images, its loss curve, and the CPU seconds of the training."""

    encoder: PooledMlp
    curve: list[EpochLoss]
    seconds: float


def train_on_rendered(
    recipe: RenderedRecipe, progress: Callable[[EpochLoss], None] = lambda _: None
) -> TrainedOnRendered:
    """Train an encoder on fresh drawings; equal seeds give equal results on the same machine.

    Raises:
        FloatingPointError: if the loss is not finite.
    """
    start = time.process_time()
    generator = torch.Generator().manual_seed(recipe.seed)
    pairs = _draw_pairs(recipe, 0)
    centre, whitener = _whitening(pairs[0], recipe)
    encoder = PooledMlp(**recipe.architecture)  # type: ignore[arg-type]
    # Without the pooling of pixels: the averages are drawn directly.
    trained = nn.Sequential(*list(encoder)[2:])
    _initialise(trained, recipe.gain, generator)
    averaged = [value.detach().clone() for value in trained.parameters()]
    optimisers = _optimisers(trained, recipe)
    curve = []
    for epoch in range(recipe.epochs):
        if epoch:
            pairs = _draw_pairs(recipe, epoch)
        sums = torch.zeros(3)
        for step in range(epoch * recipe.steps_per_epoch, (epoch + 1) * recipe.steps_per_epoch):
            views = _views(pairs, recipe, generator)
            embeddings = trained((views - centre) @ whitener).unflatten(0, (2, -1))  # [V, B, K]
            directions = random_directions(recipe.dimension, recipe.directions, generator)
            terms = lejepa_loss(embeddings, directions, recipe.gaussian_weight, recipe.frequency)
            _descend(trained, optimisers, terms, _share_of_rate(step, recipe))
            _average(averaged, trained, min(recipe.average, (step + 1) / (step + 10)))
            sums += torch.stack([terms.total, terms.invariance, terms.gaussianity]).detach()
        curve.append(EpochLoss(epoch + 1, *(sums / recipe.steps_per_epoch).tolist()))
        if not math.isfinite(curve[-1].total):
            raise FloatingPointError(f"the loss is {curve[-1].total} in epoch {epoch + 1}: lower the learning rate")
        progress(curve[-1])
    with torch.no_grad():
        for value, mean in zip(trained.parameters(), averaged, strict=True):
            value.copy_(mean)
        _absorb(encoder[2], centre, whitener)
    return TrainedOnRendered(encoder.eval().requires_grad_(False), curve, time.process_time() - start)


def _draw_pairs(recipe: RenderedRecipe, epoch: int) -> Tensor:
    """Draw each fresh picture twice, rounded to 8 bits and averaged over blocks of pixels: [2, N, inputs]."""
    latents, _ = draw_latents(recipe.drawn_per_epoch, [recipe.seed, epoch])
    moves = np.random.default_rng([recipe.seed, epoch, 1]).standard_normal((2, *latents.shape))
    drawn = torch.from_numpy(latents + recipe.move * moves).float().flatten(0, 1)
    blocks = [(255 * render(block, torch)).round() / 255 for block in drawn.split(BLOCK)]
    averages = torch.cat([F.avg_pool2d(block, recipe.pool).flatten(1) for block in blocks])
    pairs: Tensor = averages.unflatten(0, (2, -1))
    return pairs


def _views(pairs: Tensor, recipe: RenderedRecipe, generator: torch.Generator) -> Tensor:
    """Return a batch of both drawings, each with pixel noise of random strength: [2 * B, inputs]."""
    chosen = torch.randint(pairs.shape[1], (recipe.batch_size,), generator=generator)
    views = pairs[:, chosen].flatten(0, 1)
    # The average over a block has the noise of one pixel divided by the block's side.
    strengths = recipe.noise / recipe.pool * torch.rand(len(views), 1, generator=generator)
    noisy: Tensor = views + strengths * torch.randn(views.shape, generator=generator)
    return noisy


def _whitening(inputs: Tensor, recipe: RenderedRecipe) -> tuple[Tensor, Tensor]:
    """Return the mean [I] of inputs [N, I] and the matrix [I, I] that scales their mean variance to one."""
    covariance = inputs.T.cov()
    values, vectors = torch.linalg.eigh(covariance)
    floor = recipe.whitening * (recipe.noise / recipe.pool) ** 2
    matrix = vectors * (values.clamp_min(0) + floor).rsqrt()
    variance = (covariance @ matrix * matrix).sum() / len(covariance)
    return inputs.mean(dim=0), matrix / variance.sqrt()


def _initialise(network: nn.Module, gain: float, generator: torch.Generator) -> None:
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
            if value.ndim == 2:
                value.copy_(gain / math.sqrt(value.shape[1]) * torch.randn(value.shape, generator=generator))


def _optimisers(network: nn.Module, recipe: RenderedRecipe) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return the optimisers with their initial rates."""
    parameters = list(network.parameters())
    matrices, biases = [value for value in parameters if value.ndim == 2], [v for v in parameters if v.ndim < 2]
    return [
        (Muon(matrices, recipe.learning_rate), recipe.learning_rate),
        (torch.optim.AdamW(biases, lr=recipe.bias_rate, weight_decay=0.0), recipe.bias_rate),
    ]


def _descend(
    network: nn.Module, optimisers: list[tuple[torch.optim.Optimizer, float]], terms: LossTerms, share: float
) -> None:
    network.zero_grad()
    terms.total.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for optimiser, rate in optimisers:
        optimiser.param_groups[0]["lr"] = share * rate
        optimiser.step()


def _share_of_rate(step: int, recipe: RenderedRecipe) -> float:
    """Return the share of the rate: warm-up, then a cosine down to zero."""
    return min(1.0, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def _average(averaged: list[Tensor], network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(averaged, network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def _absorb(layer: nn.Module, centre: Tensor, whitener: Tensor) -> None:
    """Fold the whitening into the first layer, so that it takes normalised pixels."""
    bias, weight = layer.get_parameter("bias"), layer.get_parameter("weight")
    whitened = weight @ whitener.T
    bias.add_(whitened @ (MEAN - centre))
    weight.copy_(STD * whitened)
