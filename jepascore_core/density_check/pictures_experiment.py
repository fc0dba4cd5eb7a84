"""Does the score measure density on images? Encoders of rendered pictures, whose true log density is known.

    python -m jepascore_core.density_check.pictures_experiment

measures the bundled ones again and writes `jepascore_core/density_check/data/pictures.json`, or to the path given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score
from torch import Tensor

from jepascore_core.atomic import write_atomically
from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_backbone
from jepascore_core.datasets.demo_folder import Entry, Pixels
from jepascore_core.datasets.rendered_demo import plan_rendered_demo
from jepascore_core.density_check.pictures import (
    PICTURES_NAME,
    RENDERED_ENCODERS,
    DefectsFound,
    DensityOnPictures,
    PicturesReport,
    WithinProduct,
    report_json,
)
from jepascore_core.density_check.results import SHIPPED
from jepascore_core.embeddings.baselines import baseline_scores
from jepascore_core.jacobian.generic import jacobian
from jepascore_core.measuring.estimators import measure
from jepascore_core.rendering.density import log_density_of_pictures, renderer_jacobians
from jepascore_core.rendering.draw import render, render_pixels
from jepascore_core.rendering.products import LATENTS, PRODUCTS, draw_latents, log_density
from jepascore_core.score import jepa_score, log_spectrum

Floats = npt.NDArray[np.float64]

#: Not used by any training or demo.
FRESH_SEED = 20_000
DEMO_SEEDS = (0, 1, 2, 3, 4)
BATCH = 100
#: Products of at least this share are frequent enough to be evaluated separately.
FREQUENT = 0.05
ORDERS = ("rank", "tail", "knn", "mahalanobis", "lowest")


def measure_fresh(backbone: Backbone, count: int, seed: int = FRESH_SEED) -> tuple[DensityOnPictures, Floats]:
    """Compare the scores of `count` fresh pictures with their true log density; also return the scores [N]."""
    latents, products = draw_latents(count, seed)
    truth = log_density_of_pictures(latents)
    inputs = _inputs(backbone, render_pixels(latents))
    spectra, scores, _ = _measured(backbone, inputs)
    logs = log_spectrum(spectra)
    tops = [top for top in (1, 3, len(LATENTS)) if top < logs.shape[1]]
    sums = {str(top): _spearman(logs[:, :top].sum(axis=1), truth) for top in tops}
    inner = [_spearman(scores[products == number], truth[products == number]) for number in _frequent()]
    found = DensityOnPictures(
        backbone=backbone.info.name,
        num_pictures=count,
        seed=seed,
        spearman=_spearman(scores, truth),
        pearson=float(np.corrcoef(scores, truth)[0, 1]),
        slope=float(np.polyfit(scores, truth, 1)[0]),
        within=float(np.mean(inner)),
        by_product=_spearman(_product_means(truth, products), truth),
        spearman_top=sums,
        tangent=_spearman(_tangent_volumes(backbone, inputs, latents), truth),
        unrounded=_spearman(_measured(backbone, _unrounded(backbone, latents))[1], truth),
        points=[(round(float(x), 2), round(float(y), 2)) for x, y in zip(truth, scores, strict=True)],
    )
    return found, scores


def measure_within(backbone: Backbone, count: int, seed: int = FRESH_SEED) -> tuple[WithinProduct, ...]:
    """Compare the scores of `count` fresh pictures with the two parts of their true log density, product by product."""
    latents, products = draw_latents(count, seed)
    truth, of_latents = log_density_of_pictures(latents), log_density(latents)
    volumes = of_latents - truth
    inputs = _inputs(backbone, render_pixels(latents))
    scores, tangents = _measured(backbone, inputs)[1], _tangent_volumes(backbone, inputs, latents)
    rows = []
    for number in _frequent():
        inner = products == number
        score, tangent, true, latent, volume = (
            values[inner] for values in (scores, tangents, truth, of_latents, volumes)
        )
        rows.append(
            WithinProduct(
                backbone=backbone.info.name,
                product=PRODUCTS[number].name,
                spread=PRODUCTS[number].spread,
                score=_spearman(score, true),
                tangent=_spearman(tangent, true),
                score_latents=_spearman(score, latent),
                score_volume=_spearman(score, -volume),
                stretch_volume=_spearman(tangent + volume, volume),
                score_less_volume=_spearman(score - volume, true),
                sd_latents=float(latent.std()),
                sd_volume=float(volume.std()),
            )
        )
    return tuple(rows)


def _frequent() -> list[int]:
    return [number for number, product in enumerate(PRODUCTS) if product.weight >= FREQUENT]


def find_defects(backbone: Backbone, seeds: Sequence[int] = DEMO_SEEDS) -> tuple[DefectsFound, ...]:
    """Compute the AUROC of every ranking for every kind of planted contaminant, each demo as a separate dataset."""
    found: dict[str, list[dict[str, float]]] = {order: [] for order in ORDERS}
    for seed in seeds:
        entries = plan_rendered_demo(seed)
        kinds = [entry.contaminant for entry in entries]
        for order, values in _orders(backbone, entries).items():
            found[order].append(_detection(values, kinds))
    return tuple(
        DefectsFound(
            backbone.info.name,
            order,
            list(seeds),
            {kind: float(np.mean([row[kind] for row in rows])) for kind in rows[0]},
        )
        for order, rows in found.items()
    )


def agreement(first: Floats, second: Floats) -> float:
    """Compute Spearman's correlation of two encoders' scores of the same pictures."""
    return _spearman(first, second)


def _product_means(values: Floats, products: npt.NDArray[np.int64]) -> Floats:
    """Replace each value [N] by the mean of its product."""
    sums, counts = np.bincount(products, weights=values), np.bincount(products)
    means: Floats = (sums / np.maximum(counts, 1))[products]
    return means


def _detection(values: Floats, kinds: Sequence[str]) -> dict[str, float]:
    """Compute for each kind how often a contaminant has a lower value than a clean picture (AUROC, ties count half)."""
    planted = np.asarray(kinds)
    clean = values[planted == ""]
    found = {}
    for kind in sorted(set(kinds) - {""}):
        chosen = values[planted == kind]
        is_planted = np.repeat([True, False], [len(chosen), len(clean)])
        found[kind] = float(roc_auc_score(is_planted, -np.concatenate([chosen, clean])))
    return found


def _orders(backbone: Backbone, entries: Sequence[Entry]) -> dict[str, Floats]:
    spectra, scores, embeddings = _measured(backbone, _inputs(backbone, np.stack([entry.pixels for entry in entries])))
    ids = np.array([f"{number:06d}" for number in range(len(entries))])
    values = {
        "rank": scores,
        "tail": jepa_score(spectra, "tail"),
        "knn": baseline_scores("knn", ids, embeddings),
        "mahalanobis": baseline_scores("mahalanobis", ids, embeddings),
    }
    values["lowest"] = np.min([rankdata(values[name]) for name in ("rank", "knn", "mahalanobis")], axis=0)
    return values


def _inputs(backbone: Backbone, pixels: Pixels) -> Tensor:
    """Convert pictures [N, S, S, 3] to the backbone's input [N, C, H, W]."""
    return torch.stack([backbone.preprocess(Image.fromarray(picture)) for picture in pixels])


def _unrounded(backbone: Backbone, latents: Floats) -> Tensor:
    """Draw pictures of latents [N, D] as input [N, C, H, W], before rounding to 8 bits."""
    settings = backbone.info.preprocessing
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (settings.mean, settings.std))
    return (torch.from_numpy(render(latents)).float() - mean) / std


def _measured(backbone: Backbone, inputs: Tensor) -> tuple[Floats, Floats, Floats]:
    """Measure singular values [N, K], scores [N] and embeddings [N, K], as a run does."""
    parts = [measure(backbone, batch) for batch in inputs.split(BATCH)]
    spectra = torch.cat([part.singular_values for part in parts]).numpy()
    embeddings = torch.cat([part.embedding for part in parts]).double().numpy()
    return spectra, torch.cat([part.score for part in parts]).numpy(), embeddings


def _tangent_volumes(backbone: Backbone, inputs: Tensor, latents: Floats) -> Floats:
    """Compute the log volume of the encoder's Jacobian along the manifold of pictures, up to a constant: [N]."""
    volumes = []
    for first in range(0, len(inputs), BATCH):
        block = slice(first, first + BATCH)
        rows = jacobian(backbone.encoder, inputs[block])[1].double().numpy()  # [B, K, 3 * S * S]
        tangents = np.linalg.qr(renderer_jacobians(latents[block]).transpose(0, 2, 1))[0]  # [B, 3 * S * S, D]
        moved = rows.reshape(len(rows), rows.shape[1], -1) @ tangents
        volumes.append(0.5 * np.linalg.slogdet(moved.transpose(0, 2, 1) @ moved)[1])
    return np.concatenate(volumes)


def _spearman(first: Floats, second: Floats) -> float:
    return float(spearmanr(first, second)[0])


def measure_report(count: int = 2000) -> PicturesReport:
    """Return the report that is shipped, about both bundled encoders."""
    backbones = [load_backbone(name, device="cpu") for name in RENDERED_ENCODERS]
    density, scores = zip(*(measure_fresh(backbone, count) for backbone in backbones), strict=True)
    defects = [row for backbone in backbones for row in find_defects(backbone)]
    within = [row for backbone in backbones for row in measure_within(backbone, count)]
    return PicturesReport(density, agreement(*scores), tuple(defects), tuple(within))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else SHIPPED / PICTURES_NAME
    write_atomically(target, report_json(measure_report()))
