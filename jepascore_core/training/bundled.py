"""Train the encoders that come with the package, from data in every installation.

    python -m jepascore_core.training.bundled digits-small [folder]    scikit-learn's digits
    python -m jepascore_core.training.bundled rendered-a [folder]      rendered pictures, drawn while it trains

The last digits of weights and numbers depend on the machine's arithmetic.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jepascore_core.backbones.bundled_encoder import WEIGHTS_FOLDER
from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.errors import one_of
from jepascore_core.training.fit import EncoderRecipe, fit_encoder
from jepascore_core.training.fit_rendered import fit_rendered
from jepascore_core.training.images import Pictures
from jepascore_core.training.rendered import RenderedRecipe
from jepascore_core.training.train import EpochLoss, TrainingConfig

DATA = "1,797 handwritten digits of scikit-learn, rendered at 32 x 32 pixels"

#: Smaller patches and fewer outputs than digits-vit has (patch 16, K = 32), and twice the weight of the LeJEPA paper.
#: Linear probes: 97.0 % with this, 90.9 % with 60 epochs of batches of 256, 82.6 % with 200 epochs and three times the
#: weight.
RECIPES = {
    "digits-small": EncoderRecipe(
        image_size=32,
        patch_size=8,
        dimension=24,
        size="tiny",
        training=TrainingConfig(epochs=100, batch_size=128, gaussian_weight=0.1, seed=1),
    ),
}

#: Equal except for the seed: their agreement does not depend on a single training. docs/trust.md has alternatives that
#: were tried.
RENDERED_RECIPES = {"rendered-a": RenderedRecipe(seed=0), "rendered-b": RenderedRecipe(seed=1)}


def digit_pictures() -> Pictures:
    """Return all digits as pictures [1797, 1, 32, 32], without the demo's contaminants."""
    import torch

    images, labels = load_digit_images()
    names = tuple(str(label) for label in labels)
    return Pictures(torch.from_numpy(images).unsqueeze(1), names, tuple(map(str, range(len(images)))), 0)


def train_bundled(name: str, folder: Path = WEIGHTS_FOLDER) -> None:
    """Train one of `RECIPES` into a folder, reporting every twentieth epoch on standard error; resume if stopped.

    Raises:
        UnknownNameError: for a name that has no recipe.
    """
    one_of(name, (*RECIPES, *RENDERED_RECIPES), "recipe")

    def report(loss: EpochLoss) -> None:
        if loss.epoch % (20 if name in RECIPES else 1) == 0:
            sys.stderr.write(f"epoch {loss.epoch}: {loss.total:.4f}\n")

    if name in RENDERED_RECIPES:
        fit_rendered(RENDERED_RECIPES[name], folder, name, report)
        return
    recipe = RECIPES[name]
    fit_encoder(digit_pictures(), recipe, folder, name, DATA, family="LeJEPA (digits)", licence="mit", progress=report)


if __name__ == "__main__":
    train_bundled(sys.argv[1], *map(Path, sys.argv[2:3]))
