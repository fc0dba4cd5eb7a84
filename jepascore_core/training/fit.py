"""Train an encoder on pictures, evaluate it, and write its weights, facts and model card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jepascore_core.atomic import write_atomically
from jepascore_core.backbones.small_vit import build_vit, initialise
from jepascore_core.errors import EncoderError, one_of
from jepascore_core.records.augmentation import WarpViews
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.records.canonical import short_hash
from jepascore_core.training.card import card_text
from jepascore_core.training.evaluate import embed, gaussianity, neighbour_accuracy, probe_accuracy
from jepascore_core.training.images import Pictures
from jepascore_core.training.train import EpochLoss, TrainingConfig, save_weights, train

#: At most this many images are embedded to evaluate an encoder.
JUDGED = 4000
HELD_OUT_SHARE = 0.2
#: Width, depth and heads.
SIZES = {"tiny": (96, 2, 3), "small": (128, 4, 4), "medium": (192, 6, 6)}


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """What to train (the variable arguments of a timm ViT), and how."""

    image_size: int = 64
    patch_size: int = 8
    dimension: int = 64
    size: str = "small"
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def num_seen(self, num_images: int) -> int:
        """Return how many images a training on `num_images` sees in all; incomplete batches are left out."""
        batch = fitting_batch(self.training, num_images)
        return self.training.epochs * (num_images // batch) * batch

    def architecture(self, channels: int) -> dict[str, Any]:
        """Return the arguments of `small_vit.build_vit`.

        Raises:
            EncoderError: if patches do not fill the image, or K exceeds the number of values in a patch.
            UnknownNameError: for an unknown size.
        """
        one_of(self.size, SIZES, "encoder size")
        if self.image_size % self.patch_size:
            raise EncoderError(f"Patches of {self.patch_size} do not fill images of {self.image_size} pixels.")
        width, depth, heads = SIZES[self.size]
        if not 2 <= self.dimension <= channels * self.patch_size**2:
            raise EncoderError(f"K must be in 2..{channels * self.patch_size**2} for such patches.")
        return {
            "img_size": self.image_size,
            "patch_size": self.patch_size,
            "in_chans": channels,
            "num_classes": self.dimension,
            "global_pool": "avg",
            "embed_dim": width,
            "depth": depth,
            "num_heads": heads,
            "mlp_ratio": 2.0,
            "class_token": False,
            "fc_norm": False,
        }


def fitting_batch(config: TrainingConfig, num_images: int) -> int:
    """Return the batch size for this many images: an incomplete last batch is dropped, so half of few at most."""
    return min(config.batch_size, max(2, num_images // 2))


def suited(recipe: EncoderRecipe, pictures: Pictures) -> EncoderRecipe:
    """Return a recipe with the views that suit these pictures: stronger ones for coloured photographs."""
    if pictures.pixels.shape[1] != 3:
        return recipe
    return replace(recipe, training=replace(recipe.training, view=PHOTO_VIEWS))


#: Views of photographs differ more than those of digits: stronger crops and contrast.
PHOTO_VIEWS = WarpViews(rotation=10.0, shear=5.0, scale=0.25, stretch=0.1, shift=0.12, contrast=0.3, blur=1.0)


def fit_encoder(
    pictures: Pictures,
    recipe: EncoderRecipe,
    folder: Path,
    name: str,
    data: str,
    *,
    device: str | torch.device = "cpu",
    family: str = "LeJEPA (own)",
    licence: str = "own",
    progress: Callable[[EpochLoss], None] = lambda _: None,
    on_step: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Train, evaluate and write `name`.safetensors, .md and, last, .json into `folder`; return the JSON's content.

    An interrupted training resumes: its state is `name`.state, written after every epoch and removed at the end. `data`
    describes the images in words.

    Raises:
        CheckpointError: if the state is of a training with other settings or images; see `train` for the rest.
    """
    architecture = recipe.architecture(pictures.pixels.shape[1])
    mean, std = _statistics(pictures.pixels)
    config = replace(recipe.training, batch_size=fitting_batch(recipe.training, len(pictures.pixels)))
    encoder = initialise(build_vit(architecture), config.seed).to(torch.device(device))
    fingerprint = short_hash([architecture, asdict(config), list(pictures.content_ids)], 32)
    state = folder / f"{name}.state"
    curve = train(
        encoder,
        pictures.pixels,
        config,
        lambda views: (views - mean) / std,
        progress,
        state=state,
        fingerprint=fingerprint,
        on_step=on_step,
    )
    facts = _facts(architecture, mean, std, data, family, licence) | {"augmentation": config.view.text}
    judged = judge(encoder.cpu(), pictures, mean, std)
    facts["card"] = card_facts(pictures, config, encoder, data) | judged | {"curve": [astuple(row) for row in curve]}
    save_weights(encoder, folder / f"{name}.safetensors")
    write_card(folder, name, facts)
    state.unlink(missing_ok=True)
    return facts


def write_card(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Write the card, then the JSON file that registers the encoder."""
    write_atomically(folder / f"{name}.md", card_text(name, facts).encode())
    write_atomically(folder / f"{name}.json", (json.dumps(facts, indent=2) + "\n").encode())


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel of byte images, in 0..1: [1, C, 1, 1] each."""
    values = pixels[:JUDGED].float().div(255).transpose(0, 1).flatten(1)  # [C, N * H * W]
    return values.mean(dim=1).view(1, -1, 1, 1), values.std(dim=1).clamp_min(1e-3).view(1, -1, 1, 1)


def _facts(
    architecture: dict[str, Any], mean: Tensor, std: Tensor, data: str, family: str, licence: str
) -> dict[str, Any]:
    size = architecture["img_size"]
    preprocessing = Preprocessing(size, size, tuple(mean.flatten().tolist()), tuple(std.flatten().tolist()), size)
    return {
        "architecture_name": "vit",
        "architecture": architecture,
        "preprocessing": preprocessing.to_dict(),
        "pooling": "native",
        "family": family,
        "licence": licence,
        "is_jepa": True,
        "note": f"Trained here on {data}; knows nothing else.",
    }


def card_facts(pictures: Pictures, config: TrainingConfig, encoder: nn.Module, data: str) -> dict[str, Any]:
    """Return the card's fields about data and training."""
    return {
        "data": data,
        "num_images": len(pictures.pixels),
        "num_parameters": sum(value.numel() for value in encoder.parameters()),
        "epochs": config.epochs,
        "num_steps": config.epochs * (len(pictures.pixels) // config.batch_size),
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "gaussian_weight": config.gaussian_weight,
        "seed": config.seed,
        "limits": [
            "Small, and trained on these images only: its scores say how typical an image is of them, and little else.",
            "Views are mild geometric and photometric changes; what they leave alone, such as a flip, is not learned "
            "to be ignored.",
            "The nearer to Gaussian, the better the score can be read as a density: the Trust page measures it on "
            "your data.",
        ],
    }


def judge(encoder: nn.Module, pictures: Pictures, mean: Tensor, std: Tensor) -> dict[str, float | None]:
    """Measure probe and neighbour accuracy, if there are two labels, and how Gaussian the embeddings are."""
    inputs = (pictures.pixels[:JUDGED].float() / 255 - mean) / std
    embeddings = embed(encoder, inputs)
    names = pictures.labels[:JUDGED]
    known = np.array([name is not None for name in names])
    classes, labels = np.unique([name or "" for name in names], return_inverse=True)
    is_test = np.random.default_rng(0).random(len(names)) < HELD_OUT_SHARE
    distance = gaussianity(embeddings)[1]
    found: dict[str, float | None] = {
        "probe_accuracy": None,
        "neighbour_accuracy": None,
        "normal_distance": distance,
        "expected_distance": 0.87 / float(np.sqrt(len(embeddings))),
    }
    is_telling = known.all() and len(classes) > 1 and set(labels[is_test]) <= set(labels[~is_test])
    if is_telling and is_test.any() and len(set(labels[~is_test])) > 1:
        found["probe_accuracy"] = probe_accuracy(embeddings, labels.astype(np.int64), is_test)
        found["neighbour_accuracy"] = neighbour_accuracy(embeddings, labels.astype(np.int64), is_test)
    return found
