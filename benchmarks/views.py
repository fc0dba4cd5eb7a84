"""What the paper's expectation over views gains: where the density is known, and where defects are planted.

    python benchmarks/views.py points                     mixtures of Gaussians, density in closed form
    python benchmarks/views.py pictures                   rendered pictures, true log density and planted defects
    python benchmarks/views.py planted FOLDER --backbone NAME [--checkpoint FILE ...] [--estimator sketch --probes 16]

A row is one way to make views. Columns: the score of the image itself, then the expectation over the first n of the
same views, then what the plain mean of the largest number of scores gives. Points and pictures show Spearman's
correlation with the true log density; planted defects the mean AUROC of low scores over the kinds. Seconds are those
of one score of one image (of `image`) and of n of its views, without loading.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from common import machine, show
from PIL import Image
from scipy.stats import spearmanr

import jepascore_core as js
from jepascore_core.backbones.augmentation import parse_augmentation
from jepascore_core.backbones.backbone import Backbone
from jepascore_core.measuring.image_views import make_view, view_generator
from jepascore_core.measuring.specs import resolve_augmentation
from jepascore_core.records.augmentation import AUTO, CropViews
from jepascore_core.score import expected_score, view_spread

#: Training samples of the encoders of points.
POINTS = 10_000
VIEWS = (1, 2, 4, 8)
BATCH = 32

Judge = Callable[[np.ndarray], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("points", "pictures", "planted"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--backbone", default="bundled:digits-small")
    parser.add_argument("--checkpoint")
    parser.add_argument("--mean", type=float)
    parser.add_argument("--std", type=float)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--estimator", default="exact")
    parser.add_argument("--probes", type=int)
    parser.add_argument("--augmentation", action="append", help="repeat for several; by default auto and crops")
    parser.add_argument("--images", type=int, default=400, help="points, pictures, or clean images")
    parser.add_argument("--per-kind", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.part == "points":
        measure_points(options)
    elif options.part == "pictures":
        measure_pictures(options)
    elif options.folder is None:
        parser.error("name a folder of images")
    else:
        measure_planted(options)


def row(name: str, plain: np.ndarray, views: np.ndarray, judge: Judge, seconds: float) -> tuple[str, ...]:
    """One way to make views, from the scores of images [N] and of their views [N, 8]."""
    expected = [judge(expected_score(views[:, :number])) for number in VIEWS]
    numbers = [judge(plain), *expected, judge(views.mean(axis=1))]
    spread = float(np.median(view_spread(views)))
    cells = [f"{spread:.1f}", f"{plain.std():.1f}", f"{1e3 * seconds:.1f}", f"{1e3 * VIEWS[-1] * seconds:.1f}"]
    return (name, *(f"{number:.3f}" for number in numbers), *cells)


COLUMNS = (
    "views",
    "image",
    *(f"n = {number}" for number in VIEWS),
    f"mean of {VIEWS[-1]}",
    "spread over views, nats",
    "spread over images",
    "ms, image",
    f"ms, {VIEWS[-1]} views",
)


def measure_points(options: argparse.Namespace) -> None:
    """Mixtures of Gaussians: views are points with Gaussian noise, as in the training, and stronger."""
    from jepascore_core.density_check.experiment import point_scores, recipe_for, train_on_points
    from jepascore_core.density_check.mixtures import make_mixture

    rows = []
    for dimension in (2, 8, 32):
        mixture, recipe = make_mixture(dimension), recipe_for(dimension, POINTS, seed=options.seed)
        encoder = train_on_points(mixture.sample(POINTS, seed=1)[0], recipe)
        points = mixture.sample(options.images, seed=2)[0]
        truth = mixture.log_density(points).numpy()

        def scores_of(some: torch.Tensor) -> np.ndarray:
            return torch.cat([point_scores(encoder, block).detach() for block in some.split(100)]).numpy()  # noqa: B023

        plain = scores_of(points)
        for factor in (1, 4):
            generator, started, views = torch.Generator().manual_seed(options.seed), time.perf_counter(), []
            for _ in range(VIEWS[-1]):
                noise = torch.randn(points.shape, generator=generator)
                views.append(scores_of(points + factor * recipe.noise * encoder.scale * noise))
            each = (time.perf_counter() - started) / points.shape[0] / VIEWS[-1]
            name = f"D = {dimension}, noise of the training" + (f" x {factor}" if factor > 1 else "")
            rows.append(row(name, plain, np.stack(views, axis=1), against(truth), each))
    show(f"Spearman with the true log density, {options.images} points", COLUMNS, rows, machine())


def against(truth: np.ndarray) -> Judge:
    """Spearman's correlation with the truth."""
    return lambda scores: float(spearmanr(scores, truth).statistic)


def measure_pictures(options: argparse.Namespace) -> None:
    """Fresh renders against their density, then the planted defects of the demo."""
    from jepascore_core.datasets.contaminants import UNCHANGED
    from jepascore_core.datasets.rendered_demo import plan_rendered_demo
    from jepascore_core.rendering.density import log_density_of_pictures
    from jepascore_core.rendering.draw import render_pixels
    from jepascore_core.rendering.products import draw_latents
    from jepascore_core.training.rendered import RenderedRecipe

    latents, _ = draw_latents(options.images, [options.seed, 77])
    pictures = [Image.fromarray(pixels) for pixels in render_pixels(latents)]
    truth, move = log_density_of_pictures(latents), RenderedRecipe().move
    drawn = []
    for number in range(VIEWS[-1]):
        step = np.random.default_rng([options.seed, 78, number]).standard_normal(latents.shape)
        drawn.append([Image.fromarray(pixels) for pixels in render_pixels(latents + move * step)])
    entries = plan_rendered_demo(options.seed)
    some = np.random.default_rng(options.seed).permutation(len(entries))
    clean = [entries[index] for index in some if not entries[index].contaminant][: options.images]
    bad = [entry for entry in entries if entry.contaminant not in UNCHANGED]
    demo = [Image.fromarray(entry.pixels) for entry in (*clean, *bad)]
    kinds = np.array([""] * len(clean) + [entry.contaminant for entry in bad])
    density, defects = [], []
    for name in ("bundled:rendered-a", "bundled:rendered-b"):
        backbone = js.load_backbone(name, device="cpu")
        plain = measured(backbone, [backbone.preprocess(picture) for picture in pictures], options)[0]
        redrawn = [measured(backbone, list(map(backbone.preprocess, view)), options)[0] for view in drawn]
        density.append(row(f"{name[8:]}, drawn again", plain, np.stack(redrawn, axis=1), against(truth), np.nan))
        for asked in options.augmentation or (AUTO, "crops"):
            density.append(row_of(backbone, pictures, asked, against(truth), options))
            defects.append(row_of(backbone, demo, asked, low_finds(kinds), options))
    show(f"Spearman with the true log density, {options.images} fresh pictures", COLUMNS, density, machine())
    show(f"Mean AUROC of low scores over {len(set(kinds)) - 1} planted kinds of the demo", COLUMNS, defects, machine())


def measure_planted(options: argparse.Namespace) -> None:
    """Defects of the product's planted check, in images of a folder."""
    from jepascore_core.datasets.demo import load_digit_images
    from jepascore_core.trust.planted.kinds import KINDS, unchanged

    random = np.random.default_rng(options.seed)
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    chosen = [paths[index] for index in random.permutation(len(paths))]
    clean = [Image.open(path).convert("RGB") for path in chosen[: options.images]]
    originals = [Image.open(path).convert("RGB") for path in chosen[options.images :][: options.per_kind]]
    # Digits are foreign to photographs, and gradients to digits.
    foreign = [Image.fromarray(pixels).convert("RGB") for pixels in load_digit_images()[0][: options.per_kind]]
    if "digits" in options.backbone:
        foreign = [
            Image.linear_gradient("L").rotate(90 * number).resize((28, 28)).convert("RGB") for number in range(4)
        ]
    images, kinds = list(clean), [""] * len(clean)
    for kind in KINDS.values():
        if kind.apply is unchanged or kind.keeps_original:
            continue
        for number, image in enumerate(originals):
            others = foreign[number % len(foreign) :] if kind.needs == "foreign" else originals[number - 3 : number]
            images.append(kind.apply(image, random, others or originals[:3]))
            kinds.append(kind.name)
    backbone = js.load_backbone(
        options.backbone,
        options.checkpoint,
        "cpu",
        image_size=options.image_size,
        mean=options.mean,
        std=options.std,
    )
    judge = low_finds(np.array(kinds))
    rows = [row_of(backbone, images, asked, judge, options) for asked in options.augmentation or (AUTO, "crops")]
    title = f"Mean AUROC of low scores over {len(set(kinds)) - 1} planted kinds, {options.folder.name}, "
    show(f"{title}{options.backbone}, {options.estimator}, {len(images)} images", COLUMNS, rows, machine())


def low_finds(kinds: np.ndarray) -> Judge:
    """Mean AUROC of low scores over all kinds but ""."""
    from jepascore_core.trust.planted.statistics import auroc

    names = sorted(set(kinds) - {""})
    return lambda scores: float(np.mean([auroc(scores[kinds == ""], scores[kinds == name]).value for name in names]))


def row_of(
    backbone: Backbone, images: Sequence[Image.Image], asked: str, judge: Judge, options: argparse.Namespace
) -> tuple[str, ...]:
    """Measure images and their views, made as the product makes them."""
    augmentation = parse_augmentation(resolve_augmentation(backbone.info.name, VIEWS[-1], asked) or "crops")
    originals = [backbone.preprocess(image) for image in images]
    plain, _ = measured(backbone, originals, options)
    tensors = [
        make_view(image, originals[index], backbone, augmentation, view_generator(str(index), number))
        for index, image in enumerate(images)
        for number in range(VIEWS[-1])
    ]
    views, each = measured(backbone, tensors, options)
    own = "training's own" if asked == AUTO and augmentation != CropViews() else asked
    name = f"{backbone.info.name.rpartition(':')[2]}, {own}"
    return row(name, plain, views.reshape(len(images), -1), judge, each)


def measured(
    backbone: Backbone, tensors: Sequence[torch.Tensor], options: argparse.Namespace
) -> tuple[np.ndarray, float]:
    """Scores [N] of preprocessed images, and seconds of each."""
    started, found = time.perf_counter(), []
    for first in range(0, len(tensors), BATCH):
        batch = torch.stack(list(tensors[first : first + BATCH]))
        found.append(js.measure(backbone, batch, options.estimator, "float32", probes=options.probes).score)
    return torch.cat(found).numpy(), (time.perf_counter() - started) / len(tensors)


if __name__ == "__main__":
    main()
