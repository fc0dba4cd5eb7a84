"""Train an encoder on rendered pictures, evaluate it, and write its files, as `fit` does for datasets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import torch

from jepascore_core.records.augmentation import WarpViews
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.rendering.draw import SIDE, render_pixels
from jepascore_core.rendering.products import PRODUCTS, draw_latents
from jepascore_core.training.fit import JUDGED, judge, write_card
from jepascore_core.training.images import Pictures
from jepascore_core.training.rendered import MEAN, STD, RenderedRecipe, TrainedOnRendered, train_on_rendered
from jepascore_core.training.train import EpochLoss, save_weights

#: Not used by any training or demo.
JUDGED_SEED = 10_000

_NO_WARP = WarpViews(**dict.fromkeys(WarpViews.__slots__, 0.0))
#: Of what distinguishes two views in the training: the other part, other latents, cannot be made from a picture.
PIXEL_NOISE = replace(_NO_WARP, noise=RenderedRecipe().noise)


def fit_rendered(
    recipe: RenderedRecipe, folder: Path, name: str, progress: Callable[[EpochLoss], None] = lambda _: None
) -> dict[str, Any]:
    """Train, evaluate and write `name`.safetensors, .md and, last, .json into `folder`; return the JSON's content."""
    trained = train_on_rendered(recipe, progress)
    facts = _facts(recipe, trained)
    values = torch.full((1, 3, 1, 1), MEAN), torch.full((1, 3, 1, 1), STD)
    facts["card"] |= judge(trained.encoder, fresh_pictures(JUDGED, JUDGED_SEED), *values)
    facts["card"]["curve"] = [astuple(row) for row in trained.curve]
    save_weights(trained.encoder, folder / f"{name}.safetensors")
    write_card(folder, name, facts)
    return facts


def fresh_pictures(count: int, seed: int) -> Pictures:
    """Return rendered pictures [N, 3, S, S] with the names of their products as labels."""
    latents, products = draw_latents(count, seed)
    pixels = torch.from_numpy(render_pixels(latents)).permute(0, 3, 1, 2).contiguous()
    return Pictures(pixels, tuple(PRODUCTS[number].name for number in products), tuple(map(str, range(count))), 0)


def _facts(recipe: RenderedRecipe, trained: TrainedOnRendered) -> dict[str, Any]:
    num_images = recipe.epochs * recipe.drawn_per_epoch
    data = f"pictures of {len(PRODUCTS)} rendered products, drawn while it trained"
    return {
        "architecture_name": "mlp",
        "architecture": recipe.architecture,
        "preprocessing": Preprocessing(SIDE, SIDE, (MEAN,) * 3, (STD,) * 3, SIDE).to_dict(),
        "pooling": "native",
        "family": "LeJEPA (rendered)",
        "licence": "mit",
        "is_jepa": True,
        "note": f"Trained here on {data}; knows nothing else.",
        "augmentation": PIXEL_NOISE.text,
        "card": {
            "data": data,
            "num_images": num_images,
            "num_parameters": sum(value.numel() for value in trained.encoder.parameters()),
            "epochs": recipe.epochs,
            "num_steps": recipe.steps,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            "gaussian_weight": recipe.gaussian_weight,
            "seed": recipe.seed,
            "seconds": round(trained.seconds),
            "limits": [
                "Small, and trained on these pictures only: its scores say how likely a picture is among them, and "
                "nothing of photographs.",
                f"Whatever is finer than blocks of {recipe.pool} x {recipe.pool} pixels does not reach it.",
                "How well its score follows the true density and which planted defects it finds is in docs/trust.md.",
            ],
        },
    }
