"""The training loop: seeded, resumable, with progress and a loss curve. Equal seeds give equal weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from jepascore_core.atomic import atomic_path
from jepascore_core.backbones.training_views import random_view
from jepascore_core.records.augmentation import WarpViews
from jepascore_core.training.checkpoint import load_state, save_state
from jepascore_core.training.objective import LossTerms, lejepa_loss
from jepascore_core.training.sigreg import random_directions


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train. `gaussian_weight` is the lambda of the LeJEPA objective, 0.05 in its paper."""

    epochs: int = 200
    batch_size: int = 256
    views: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    gaussian_weight: float = 0.05
    directions: int = 256
    seed: int = 0
    view: WarpViews = field(default_factory=WarpViews)


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """Means over the batches of one epoch (counted from 1)."""

    epoch: int
    total: float
    invariance: float
    gaussianity: float


def train(
    encoder: nn.Module,
    images: Tensor,
    config: TrainingConfig,
    normalise: Callable[[Tensor], Tensor],
    progress: Callable[[EpochLoss], None] = lambda _: None,
    checkpoint: Path | None = None,
    state: Path | None = None,
    fingerprint: str = "",
    on_step: Callable[[int], None] = lambda _: None,
) -> list[EpochLoss]:
    """Train `encoder` in place on `images` [N, C, H, W], floats in 0..1 or bytes, and return the loss curve.

    `normalise` turns views into the encoder's input; batches go to the encoder's device. After every epoch `progress`
    is called, and `checkpoint` (weights) and `state` (complete state) are written if given. If `state` exists, training
    resumes after its last epoch, with the same final weights as without the interruption; it must have the same
    `fingerprint`. `on_step` gets the number of images seen.

    Raises:
        FloatingPointError: if the loss is not finite.
        ValueError: for a batch larger than the data.
        CheckpointError: for a state that is damaged or from another training.
    """
    if not 1 < config.batch_size <= len(images):
        raise ValueError(f"batch_size must be in 2..{len(images)} (the number of images), not {config.batch_size}")
    generator = torch.Generator().manual_seed(config.seed)
    per_epoch = len(images) // config.batch_size
    optimiser = _optimiser(encoder, config)
    rate_at = _warmup_then_cosine(config, per_epoch * config.epochs)
    curve = []
    if state is not None and state.is_file():
        curve = [EpochLoss(*row) for row in load_state(state, encoder, optimiser, generator, fingerprint)]
    encoder.train()
    for epoch in range(len(curve) + 1, config.epochs + 1):
        order = torch.randperm(len(images), generator=generator)[: per_epoch * config.batch_size]
        sums = torch.zeros(3)
        for number, batch in enumerate(order.split(config.batch_size), (epoch - 1) * per_epoch):
            _set_rate(optimiser, config.learning_rate * rate_at(number))
            terms = _step(encoder, _as_floats(images[batch]), config, normalise, generator)
            _descend(encoder, optimiser, terms.total)
            sums += torch.stack([terms.total, terms.invariance, terms.gaussianity]).detach().cpu()
            on_step((number + 1) * config.batch_size)
        curve.append(_checked(EpochLoss(epoch, *(sums / per_epoch).tolist())))
        if checkpoint is not None:
            save_weights(encoder, checkpoint)
        if state is not None:
            save_state(state, encoder, optimiser, generator, [astuple(row) for row in curve], fingerprint)
        progress(curve[-1])
    encoder.eval()
    return curve


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _descend(encoder: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
    optimiser.step()


def _checked(loss: EpochLoss) -> EpochLoss:
    if not math.isfinite(loss.total):
        raise FloatingPointError(f"the loss is {loss.total} in epoch {loss.epoch}: lower the learning rate")
    return loss


def _as_floats(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else images.float() / 255


def save_weights(encoder: nn.Module, path: Path) -> None:
    """Write the weights as safetensors; a reader sees all of them or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file({name: value.cpu().contiguous() for name, value in encoder.state_dict().items()}, temporary)


def _step(
    encoder: nn.Module,
    images: Tensor,
    config: TrainingConfig,
    normalise: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> LossTerms:
    views = torch.cat([random_view(images, config.view, generator) for _ in range(config.views)])  # [V * B, C, H, W]
    device = next(encoder.parameters()).device
    embeddings = encoder(normalise(views).to(device)).unflatten(0, (config.views, len(images)))  # [V, B, K]
    directions = random_directions(embeddings.shape[-1], config.directions, generator).to(device)
    return lejepa_loss(embeddings, directions, config.gaussian_weight)


def _optimiser(encoder: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Create AdamW; vectors (biases, norms) and position embeddings are not decayed."""
    parameters = dict(encoder.named_parameters())
    decayed = [value for name, value in parameters.items() if value.ndim > 1 and "pos_embed" not in name]
    others = [value for name, value in parameters.items() if value.ndim <= 1 or "pos_embed" in name]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _warmup_then_cosine(config: TrainingConfig, steps: int) -> Callable[[int], float]:
    warmup = max(1, round(config.warmup_share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return factor
