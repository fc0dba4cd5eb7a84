"""Kinds of defects that the code has never seen are ranked as the nearest built-in kind, on the demo's pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from jepascore_core.jobs.requests import request_dataset, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.rendering.draw import render_pixels
from jepascore_core.rendering.products import draw_latents
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.planted.evaluate import planted_result
from jepascore_core.trust.planted.plan import PlantOptions
from jepascore_core.trust.planted.requests import find_planted, request_planted
from tests.trust.planted.conftest import work

Pixels = npt.NDArray[np.uint8]

PER_KIND, CLEAN, PICTURES = 25, 100, 240


def torn(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Tear out a strip with ragged edges across the picture [H, W, 3]: white paper behind it."""
    height, width = pixels.shape[:2]
    left, right = rng.uniform(0.2, 0.8, 2)
    middle = np.linspace(left, right, width)
    half = rng.uniform(0.06, 0.1)
    top, bottom = (height * (middle + side + rng.normal(0, 0.03, width)) for side in (-half, half))
    rows = np.arange(height)[:, None]
    made = pixels.copy()
    made[(rows >= top) & (rows <= bottom)] = 255
    return made


def moire(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Lay the sum of two fine gratings over the picture, as in a photograph of a screen."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    period, angle, between = rng.uniform(2.3, 3.0), rng.uniform(0, np.pi), np.deg2rad(rng.uniform(4, 9))
    gratings = [
        np.sin(2 * np.pi * (x * np.cos(turned) + y * np.sin(turned)) / length)
        for turned, length in ((angle, period), (angle + between, 1.08 * period))
    ]
    pattern = np.mean(gratings, axis=0)[..., None]
    made: Pixels = (pixels * (1 + 0.35 * pattern) + 45 * pattern).round().clip(0, 255).astype(np.uint8)
    return made


def mirrored(pixels: Pixels, _rng: np.random.Generator) -> Pixels:
    """Replace the right half of the picture by the mirror image of the left one."""
    half = pixels.shape[1] // 2
    return np.concatenate([pixels[:, :half], pixels[:, :half][:, ::-1]], axis=1)


#: Each with the built-in kind that is nearest to it.
NEAREST = {torn: "occlusion", moire: "noise", mirrored: "rotation"}


def rendered(count: int, seed: int) -> Pixels:
    """Pictures of the demo's renderer [B, H, W, 3]."""
    pictures: Pixels = render_pixels(draw_latents(count, [seed, 40_000])[0])
    return pictures


def save(pictures: list[Pixels], folder: Path) -> Path:
    folder.mkdir()
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


@pytest.mark.slow
def test_unseen_kinds_rank_as_the_nearest_built_in_kind(store: Store, tmp_path: Path) -> None:
    request_dataset(store, "pictures", str(save(list(rendered(PICTURES, 0)), tmp_path / "pictures")))
    run = request_run(store, MeasurementRequest("pictures", BackboneRef("bundled:rendered-a"), precision="float32"))
    work(store)
    key = store.catalogue.run(run.run_id).key
    assert key is not None
    scores = ScoreSet(run.dataset_id, key)

    originals = rendered(PER_KIND, 1)
    folders = tuple(
        (
            kind.__name__,
            str(
                save(
                    [kind(item, np.random.default_rng(n)) for n, item in enumerate(originals)], tmp_path / kind.__name__
                )
            ),
        )
        for kind in NEAREST
    )
    options = PlantOptions(tuple(NEAREST.values()), PER_KIND, CLEAN, folders=folders)
    request_planted(store, scores, options)
    work(store)
    result = planted_result(store, scores, find_planted(store, scores, options))
    assert result.num_failed == 0
    found = {(kind.name, score): result.cell(kind.name, score) for kind in result.kinds for score in ("rank", "knn")}
    for kind, nearest in NEAREST.items():
        for score in ("rank", "knn"):
            assert found[kind.__name__, score].finds == found[nearest, score].finds, (kind.__name__, score)
    assert [found[kind.__name__, "rank"].finds for kind in NEAREST] == [True, True, False]
