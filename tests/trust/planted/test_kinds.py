"""Kinds of defects: pure, seeded, visible, and of any size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageStat

from jepascore_core.trust.planted.kinds import KINDS, Kind

SIZES = [(64, 48), (8, 8), (300, 40)]


def picture(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A smooth image with structure in both directions."""
    small = np.random.default_rng(seed).integers(40, 215, (4, 4, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def made(kind: Kind, size: tuple[int, int], seed: int = 0) -> Image.Image:
    others = [picture((50, 60), number) for number in range(1, 4)]
    return kind.apply(picture(size), np.random.default_rng(seed), others)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_defect_is_pure_and_follows_from_its_seed(kind: Kind, size: tuple[int, int]) -> None:
    original = picture(size)
    before = original.tobytes()
    first, again = made(kind, size), made(kind, size)
    assert first.mode == "RGB"
    assert min(first.size) >= 2
    assert (first.size, first.tobytes()) == (again.size, again.tobytes())
    kind.apply(original, np.random.default_rng(0), [picture((50, 60), 1)] * 3)
    assert original.tobytes() == before
    assert kind.swaps_label == (first.size == size and first.tobytes() == before)


def mean(image: Image.Image) -> float:
    return float(np.mean(ImageStat.Stat(image).mean))


def spread(image: Image.Image) -> float:
    return float(np.std(np.diff(np.asarray(image, np.float64), axis=1)))


def test_each_defect_does_what_it_says() -> None:
    size = 64, 48
    plain = picture(size)
    assert spread(made(KINDS["noise"], size)) > 2 * spread(plain)
    fine = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))
    assert spread(KINDS["blur"].apply(fine, np.random.default_rng(0), [])) < 0.5 * spread(fine)
    assert mean(made(KINDS["inverted"], size)) == pytest.approx(255 - mean(plain), abs=0.01)
    assert mean(made(KINDS["overexposed"], size)) > 1.3 * mean(plain)
    assert mean(made(KINDS["underexposed"], size)) < 0.3 * mean(plain)
    assert made(KINDS["foreign"], size).size == (50, 60)
    crop = made(KINDS["crop"], size)
    assert 0.3 * 64 <= crop.width <= 0.5 * 64 + 1
    covered = np.asarray(made(KINDS["occlusion"], size)) != np.asarray(plain)
    assert 0.15 < covered.any(axis=2).mean() < 0.45
    assert made(KINDS["border"], size).size == size
    assert made(KINDS["border"], size).getpixel((0, 0)) in ((0, 0, 0), (255, 255, 255))
    changed = (np.asarray(made(KINDS["watermark"], (256, 256))) != np.asarray(picture((256, 256)))).any(axis=2)
    assert 0.02 < changed.mean() < 0.5
    assert made(KINDS["near_duplicate"], size).size == (63, 47)
    pixels = np.asarray(made(KINDS["near_duplicate"], size), np.float64)
    assert np.abs(pixels - np.asarray(plain, np.float64)[1:, 1:]).mean() < 4


def test_rotations_and_collages_have_every_form() -> None:
    turned = {made(KINDS["rotation"], (6, 4), seed).tobytes() for seed in range(30)}
    assert len(turned) == 3
    collages = {made(KINDS["collage"], (64, 48), seed).tobytes() for seed in range(30)}
    assert len(collages) == 2
