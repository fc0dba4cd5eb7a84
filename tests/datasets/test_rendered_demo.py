"""The rendered demo and its contaminants: what is in it, that it is the same every time, and what each defect does."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepascore_core.datasets.contaminants import KINDS, UNCHANGED, contaminate
from jepascore_core.datasets.rendered_demo import DENSITY_COLUMN, NUM_PICTURES, PER_KIND, STREAM, build_rendered_demo
from jepascore_core.errors import UnknownNameError
from jepascore_core.rendering.density import log_density_of_pictures
from jepascore_core.rendering.draw import render_pixels
from jepascore_core.rendering.products import PRODUCTS, draw_latents

CHANGING = [kind for kind in KINDS if kind not in UNCHANGED]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_rendered_demo(tmp_path_factory.mktemp("home") / "rendered")


@pytest.fixture(scope="module")
def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def pixels(table: Path, row: dict[str, str]) -> np.ndarray:
    with Image.open(table.parent / row["path"]) as image:
        return np.asarray(image)


def test_every_kind_is_planted_equally_often(rows):
    counts = Counter(row["contaminant"] for row in rows)
    assert {kind: counts[kind] for kind in KINDS} == dict.fromkeys(KINDS, PER_KIND)
    assert len(rows) == NUM_PICTURES + PER_KIND * (len(KINDS) - 1)  # a wrong label moves a picture, others add one


def test_rows_tell_the_product_and_the_true_density_of_what_was_not_changed(table, rows):
    latents, products = draw_latents(NUM_PICTURES, [0, STREAM])
    pictures = render_pixels(latents)
    densities = log_density_of_pictures(latents)
    for row in rows:
        source = int(row["source_index"])
        name = PRODUCTS[products[source]].name
        assert (row["label"] == name) == (row["contaminant"] != "wrong_label")
        is_unchanged = row["contaminant"] in UNCHANGED
        assert np.array_equal(pixels(table, row), pictures[source]) == is_unchanged
        assert bool(row[DENSITY_COLUMN]) == is_unchanged
        if is_unchanged:
            assert float(row[DENSITY_COLUMN]) == pytest.approx(densities[source], abs=1e-3)


def test_the_same_seed_gives_the_same_bytes(table, tmp_path):
    def contents(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first = contents(table.parent)
    assert contents(build_rendered_demo(tmp_path / "again").parent) == first
    assert contents(build_rendered_demo(tmp_path / "other", seed=1).parent) != first


@pytest.mark.parametrize("kind", CHANGING)
def test_a_contaminant_changes_a_copy_visibly(kind):
    pictures = render_pixels(draw_latents(8, 5)[0])
    picture, other = pictures[0], pictures[1]
    before = picture.copy()
    damaged = contaminate(kind, picture, other, np.random.default_rng(0))
    assert (damaged.dtype, damaged.shape) == (np.uint8, picture.shape)
    assert np.array_equal(picture, before)
    assert np.abs(damaged.astype(float) - picture).max() > (3 if kind == "near_duplicate" else 20)


def test_contaminants_are_what_their_kind_says():
    pictures = render_pixels(draw_latents(8, 5)[0])
    picture, other = pictures[0], pictures[1]

    def damaged(kind: str) -> np.ndarray:
        return contaminate(kind, picture, other, np.random.default_rng(1)).astype(float)

    assert np.array_equal(damaged("inverted"), 255 - picture.astype(float))
    assert np.ptp(damaged("grey"), axis=2).max() == 0
    assert np.abs(damaged("blended") - (picture / 2 + other / 2)).max() <= 0.5
    collage = damaged("collage")
    assert np.array_equal(collage[:12, :12], picture[:12, :12])
    assert np.array_equal(collage[12:, 12:], other[12:, 12:])
    sharpness = [np.abs(np.diff(image.astype(float), axis=1)).max() for image in (damaged("blurred"), picture)]
    assert sharpness[0] < sharpness[1]
    shown = (np.abs(damaged("watermark") - picture).sum(axis=2) > 0).sum()
    assert 20 < shown < 80


def test_an_unknown_kind_is_refused():
    picture = np.zeros((24, 24, 3), np.uint8)
    with pytest.raises(UnknownNameError, match="foreign"):
        contaminate("wrong_label", picture, picture, np.random.default_rng(0))
