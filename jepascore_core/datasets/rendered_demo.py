"""The demo with ground truth: pictures of rendered products, each with its log density, and planted contaminants.

Products are as frequent as `rendering.products` says, from 30 % to 0.1 %, so that rare ones are rare here too. The
planted contaminants are defects that curators meet; `rendered.csv` lists them, and the true log density of every
picture without one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jepascore_core.datasets.contaminants import KINDS, UNCHANGED, contaminate
from jepascore_core.datasets.demo_folder import DemoRecipe, Entry, build_folder
from jepascore_core.rendering.density import log_density_of_pictures
from jepascore_core.rendering.draw import render_pixels
from jepascore_core.rendering.products import PRODUCTS, draw_latents

RENDERED_NAME = "rendered-demo"
RENDERED_TABLE = "rendered.csv"
#: Incremented when the same seed yields different files: an older demo folder is then rebuilt.
RECIPE_VERSION = 1
NUM_PICTURES = 1800
#: 13 kinds of 12 are 8 % of all files.
PER_KIND = 12
#: Random stream of the demo: trainings use the streams of their epochs.
STREAM = 30_000
DENSITY_COLUMN = "true_log_density"


def build_rendered_demo(folder: Path, seed: int = 0) -> Path:
    """Write the demo into `folder` and return the path of its table, as `build_folder`.

    The same seed gives the same bytes.
    """
    marker: dict[str, object] = {"name": RENDERED_NAME, "recipe_version": RECIPE_VERSION, "seed": seed}
    recipe = DemoRecipe(marker, RENDERED_TABLE, "pictures", seed, lambda: plan_rendered_demo(seed), (DENSITY_COLUMN,))
    return build_folder(folder, recipe)


def plan_rendered_demo(seed: int) -> list[Entry]:
    """Return every file of the demo, in the order in which files are numbered within a class."""
    latents, products = draw_latents(NUM_PICTURES, [seed, STREAM])
    pictures, densities = render_pixels(latents), log_density_of_pictures(latents)
    rng = np.random.default_rng([seed, 2])
    sources = rng.permutation(NUM_PICTURES)[: PER_KIND * len(KINDS)].reshape(len(KINDS), PER_KIND)
    mislabelled = {int(index) for index in sources[KINDS.index("wrong_label")]}

    def entry(index: int, kind: str = "") -> Entry:
        picture, product = pictures[index], int(products[index])
        others = np.flatnonzero(products != product)
        if kind == "wrong_label":
            product = int(products[rng.choice(others)])
        elif kind:
            picture = contaminate(kind, picture, pictures[rng.choice(others)], rng)
        density = f"{densities[index]:.4f}" if kind in UNCHANGED else ""
        return Entry(picture, PRODUCTS[product].name, index, kind, (density,))

    entries = [entry(index) for index in range(NUM_PICTURES) if index not in mislabelled]
    entries += [entry(int(index), kind) for kind, row in zip(KINDS, sources, strict=True) for index in row]
    return [entries[index] for index in rng.permutation(len(entries))]
