"""How well sketched, calibrated and cascaded scores stand for exact ones, and what they cost.

    python benchmarks/estimators.py DATA --cache FOLDER [--json docs/data/estimators.json]

DATA holds `spectra/*.npz` (exact singular values, one array an image) and, for real Jacobians, `imagenet_samples/*.jpg`
with `weights/vit_tiny_patch16_224.safetensors`; either may be missing. FOLDER keeps the exact Gram matrices, which take
long, between calls.

1. Simulated on published spectra: every image gets a random orthonormal basis of its own, which is the hard case.
2. Real Jacobians of a ViT-Ti/16 on photographs: one basis for all, as in the product. A split draws the calibration
   images at random; everything else is judged on the images outside it.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_backbone
from jepascore_core.datasets.decoding import decode
from jepascore_core.jacobian.gram import gram_matrix
from jepascore_core.measuring.approximate.calibration import bounds, calibrate, predict, spearman
from jepascore_core.measuring.approximate.cascade import Mask, needed_for_cut, needed_for_lists, num_below
from jepascore_core.measuring.estimators import build_engine, measure_with
from jepascore_core.measuring.sketches import sketch_cotangents
from jepascore_core.records.approximation import nested_sizes
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import jepa_score

Array = npt.NDArray[np.float64]

TOP = 20
CUT = 25.0
CONFIDENCE = 0.95
COVERAGE = 0.9
CALIBRATION = 300

LEGEND = f"""plain: rank correlation of the sketch's log-volume; ridge: calibrated, cross-validated on all; unseen: of
the images outside a calibration on {CALIBRATION} (half, if fewer), with the coverage of {COVERAGE:.0%} intervals;
lists: the {TOP} least and most likely of all, at {CONFIDENCE:.0%} confidence, and the exact measurements that
they took beyond the calibration; the cut at the {CUT:.0f}th percentile likewise, with the share that ends on
its wrong side. Passes: how many times fewer backward passes than exact scores of all."""


def load_tiny(data: Path) -> Backbone:
    """The real ViT-Ti/16."""
    half = (0.5, 0.5, 0.5)
    weights = data / "weights" / "vit_tiny_patch16_224.safetensors"
    return load_backbone("timm:vit_tiny_patch16_224", str(weights), image_size=224, mean=half, std=half)


def cache_grams(data: Path, cache: Path, count: int, precision: str) -> list[Path]:
    """Exact Gram matrices, embeddings and forward features of the first `count` photographs in a random order."""
    photographs = sorted((data / "imagenet_samples").glob("*.jpg"))
    chosen = [photographs[place] for place in np.random.default_rng(0).permutation(len(photographs))[:count]]
    folder = cache / f"grams-{precision}"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{path.stem}.npz" for path in chosen]
    todo = [(path, file) for path, file in zip(chosen, files, strict=True) if not file.exists()]
    if not todo:
        return files
    backbone = load_tiny(data)
    engine = build_engine(backbone, MeasurementSpec(precision=precision))
    for number, (path, file) in enumerate(todo, start=1):
        started = time.perf_counter()
        images = backbone.preprocess(decode(path.read_bytes()))[None]
        found = engine.pull_back(images)
        gram = gram_matrix(found.rows[0])
        features = np.zeros(0) if found.features is None else found.features[0].numpy()
        part = file.with_suffix(".part")
        with part.open("wb") as sink:
            np.savez(sink, gram=gram.numpy(), embedding=found.embedding[0].numpy(), features=features)
        part.replace(file)
        print(f"\rGram matrix {number} of {len(todo)}: {time.perf_counter() - started:.1f} s", end="", flush=True)
    print()
    return files


@dataclass(frozen=True, eq=False)
class Images:
    """What is known of N images: exact scores [N], log spectra of sketches by size [N, r], forward features [N, F]."""

    exact: Array
    sketches: dict[int, Array]
    features: Array

    def table(self, size: int, with_features: bool = True) -> Array:
        """What the ridge takes."""
        return np.hstack([self.sketches[size], self.features]) if with_features else self.sketches[size]


def simulated(spectra: Array, sizes: Sequence[int], seed: int) -> Images:
    """Sketches of images that share no direction: a Haar-random basis for each. Singular values [N, K]."""
    rng = np.random.default_rng(seed)
    found: dict[int, list[Array]] = {size: [] for size in sizes}
    for values in spectra:
        basis, _ = np.linalg.qr(rng.standard_normal((len(values), max(sizes))))
        _append_sketches(found, (basis.T * values**2) @ basis)
    return Images(jepa_score(spectra, "paper"), _stacked(found), np.empty((len(spectra), 0)))


def real(files: Sequence[Path], sizes: Sequence[int], seed: int, rank: int) -> Images:
    """Sketches of real Jacobians in one fixed basis, as the product makes them."""
    exact, features = [], []
    found: dict[int, list[Array]] = {size: [] for size in sizes}
    for file in files:
        stored = np.load(file)
        gram = stored["gram"]
        cotangents = sketch_cotangents(max(sizes), seed, len(gram)).numpy()
        exact.append(0.5 * np.log(np.linalg.eigvalsh(gram)[::-1][:rank]).sum())
        _append_sketches(found, cotangents @ gram @ cotangents.T)
        features.append([*stored["features"], np.log(np.linalg.norm(stored["embedding"].astype(float)))])
    return Images(np.array(exact), _stacked(found), np.array(features))


def _append_sketches(found: dict[int, list[Array]], gram: Array) -> None:
    for size, rows in found.items():
        rows.append(0.5 * np.log(np.linalg.eigvalsh(gram[:size, :size])[::-1]))


def _stacked(found: dict[int, list[Array]]) -> dict[int, Array]:
    return {size: np.array(rows) for size, rows in found.items()}


@dataclass(frozen=True)
class Split:
    """What a calibration on some images is worth on all others."""

    fidelity: float
    coverage: float
    half_width: float
    num_right: int
    num_confirmed: int
    cut_confirmed: float
    cut_misplaced: float
    num_others: int


def judge(images: Images, size: int, seed: int) -> Split:
    """Calibrate on a random part, predict the rest, and settle the least and most likely of all by a cascade."""
    table, exact = images.table(size), images.exact
    order = np.random.default_rng(seed).permutation(len(exact))
    count = min(CALIBRATION, len(exact) // 2)
    chosen, rest = order[:count], order[count:]
    fit = calibrate(table[chosen], exact[chosen])
    found = predict(fit, table[rest], COVERAGE)
    inside = (found.lower <= exact[rest]) & (exact[rest] <= found.upper)
    score, groups, below = (
        predict(fit, table, COVERAGE).score,
        np.zeros(len(exact), dtype=np.int64),
        num_below(CUT, len(exact)),
    )
    listed, _ = _settle(
        bounds(fit, score, (1 - CONFIDENCE) / TOP), exact, chosen, lambda *now: needed_for_lists(*now, groups, TOP)
    )
    right = sum(
        set(np.flatnonzero(listed)[np.argsort(sign * exact[listed])[:TOP]]) == set(np.argsort(sign * exact)[:TOP])
        for sign in (1, -1)
    )
    near, middle = _settle(bounds(fit, score, 1 - CONFIDENCE), exact, chosen, lambda *now: needed_for_cut(*now, below))
    misplaced = set(np.argsort(exact)[:below]) - set(np.argsort(middle)[:below])
    return Split(
        spearman(found.score, exact[rest]),
        float(inside.mean()),
        float(np.median(found.upper - found.lower)) / 2,
        right,
        int(listed.sum()) - count,
        (int(near.sum()) - count) / len(rest),
        len(misplaced) / len(rest),
        len(rest),
    )


def _settle(
    ends: tuple[Array, Array], exact: Array, chosen: npt.NDArray[np.int64], needed: Callable[..., Mask]
) -> tuple[Mask, Array]:
    """What a cascade knows exactly when nothing more is needed, and the middle of its bounds. [N] each."""
    (lower, upper), known = ends, np.zeros(len(exact), dtype=bool)
    now = np.isin(np.arange(len(exact)), chosen)
    while now.any():
        known |= now
        lower[now] = upper[now] = exact[now]
        now = needed(lower, upper, known)
    return known, (lower + upper) / 2


def print_table(
    name: str, dimension: int, worlds: Sequence[Images], sizes: Sequence[int], repeats: int
) -> list[dict[str, Any]]:
    """Print and return one row a sketch size, means over the worlds and `repeats` splits of each."""
    rows = []
    exact = worlds[0].exact
    has_features = worlds[0].features.shape[1] > 0
    print(f"\n{name}: {len(exact)} images, K = {dimension}, exact scores {exact.mean():.1f} ± {exact.std():.1f} nats")
    print(
        f"{'r':>5} {'plain':>7} {'ridge':>7} {'+feat.':>7} | {'unseen':>7} {'coverage':>8} {'± nats':>7} | "
        f"{'lists right':>11} {'confirmed':>12} | {'at the cut':>10} {'misplaced':>9} | "
        f"{'passes, sketch':>14} {'calibr. run':>11} {'cascade':>8}"
    )
    for size in sizes:
        plain = np.mean([spearman(world.sketches[size].sum(axis=1), exact) for world in worlds])
        ridge = np.mean([_cross_validated(world, size, with_features=False) for world in worlds])
        more = np.mean([_cross_validated(world, size) for world in worlds]) if has_features else np.nan
        splits = [judge(world, size, seed) for world in worlds for seed in range(repeats)]
        mean = {field: np.mean([getattr(split, field) for split in splits]) for field in Split.__annotations__}
        everything = len(exact) * dimension
        count = len(exact) - splits[0].num_others
        fidelity = {"plain": plain, "ridge": ridge, "with_features": more if has_features else None}
        about = {"set": name, "images": len(exact), "dimension": dimension, "r": size}
        rows.append({**about, **{key: value and round(float(value), 4) for key, value in fidelity.items()}})
        calibrated = count * dimension + (len(exact) - count) * size
        print(
            f"{size:>5} {plain:>7.4f} {ridge:>7.4f} {more:>7.4f} | {mean['fidelity']:>7.4f} {mean['coverage']:>8.3f} "
            f"{mean['half_width']:>7.1f} | {sum(split.num_right for split in splits):>5} of {2 * len(splits):>2} "
            f"{mean['num_confirmed']:>5.0f} of {splits[0].num_others:>4} | {mean['cut_confirmed']:>10.1%} "
            f"{mean['cut_misplaced']:>9.2%} | {dimension / size:>13.1f}x "
            f"{everything / calibrated:>10.1f}x {everything / (calibrated + mean['num_confirmed'] * dimension):>7.1f}x"
        )
    return rows


def _cross_validated(images: Images, size: int, with_features: bool = True) -> float:
    return spearman(calibrate(images.table(size, with_features), images.exact).out_of_fold, images.exact)


def time_passes(data: Path, precision: str, size: int, count: int = 4) -> None:
    """Seconds of an exact score and of a sketch on this machine, in this process."""
    backbone = load_tiny(data)
    photographs = sorted((data / "imagenet_samples").glob("*.jpg"))[: count + 1]
    images = [backbone.preprocess(decode(path.read_bytes()))[None] for path in photographs]
    seconds = {}
    for spec in (MeasurementSpec("sketch", precision, size), MeasurementSpec("exact", precision)):
        engine = build_engine(backbone, spec)
        measure_with(engine, backbone.device, images[0], spec)
        started = time.perf_counter()
        for image in images[1:]:
            measure_with(engine, backbone.device, image, spec)
        seconds[spec.estimator] = (time.perf_counter() - started) / count
    exact, sketch = seconds["exact"], seconds["sketch"]
    print(
        f"\nViT-Ti/16, {precision} on {torch.get_num_threads()} threads: exact {exact:.2f} s an image, "
        f"sketch of {size} {sketch:.2f} s: {exact / sketch:.1f}x faster"
    )


def main() -> None:
    """Print what there is data for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder of exact Gram matrices; needed for real Jacobians")
    parser.add_argument("--images", type=int, default=600, help="photographs whose Jacobians are used")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--repeats", type=int, default=4, help="random bases (simulated) and splits (real)")
    parser.add_argument("--cached-only", action="store_true", help="use the Gram matrices that are there")
    parser.add_argument("--json", type=Path, help="also write the rank correlations to this file")
    options = parser.parse_args()
    print(textwrap.fill(LEGEND, 120))
    rows = []
    for file in sorted((options.data / "spectra").glob("*.npz")):
        stored = np.load(file)
        spectra = np.stack([stored[f"arr_{number}"] for number in range(len(stored.files))]).astype(float)
        sizes = [size for size in (16, 32, 64, 128) if size < spectra.shape[1]]
        worlds = [simulated(spectra, sizes, seed) for seed in range(options.repeats)]
        rows += print_table(file.stem, spectra.shape[1], worlds, sizes, repeats=1)
    if options.cache is not None:
        rows += real_rows(options)
    if options.json:
        text = ",\n".join(json.dumps(row) for row in rows)
        options.json.write_text(f'{{"rows": [\n{text}\n]}}\n', encoding="utf-8")


def real_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print and return what sketches of real Jacobians are worth, and print what they cost."""
    folder = options.cache / f"grams-{options.precision}"
    files = sorted(folder.glob("*.npz")) if options.cached_only else _grams(options)
    sizes = nested_sizes(len(np.load(files[0])["gram"]))
    dimension = len(np.load(files[0])["gram"])
    # The final LayerNorm of this encoder takes two directions.
    world = real(files, sizes, seed=0, rank=dimension - 2)
    rows = print_table("ViT-Ti/16, photographs", dimension, [world], sizes, options.repeats)
    time_passes(options.data, options.precision, size=32)
    return rows


def _grams(options: argparse.Namespace) -> list[Path]:
    return cache_grams(options.data, options.cache, options.images, options.precision)


if __name__ == "__main__":
    main()
