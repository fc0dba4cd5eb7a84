"""Image quality: closed forms, orders that must hold, copies that share a hash, and how an index keeps it."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from jepascore_core.curation.columns.perceptual_duplicates import MAX_BITS
from jepascore_core.datasets.manifest import QUALITY_SCHEMA, read_manifest, read_part, write_table
from jepascore_core.datasets.quality import measure_quality
from jepascore_core.records.quality import QUALITY_NUMBERS

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16")
RANDOM = np.random.default_rng(0)


def photograph(width: int = 240, height: int = 180) -> Image.Image:
    """A smooth random scene with edges of many sizes."""
    coarse = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8))
    scene = coarse.resize((width, height), Image.Resampling.BICUBIC)
    scene.paste((250, 240, 30), (width // 6, height // 5, width // 2, height // 2))
    scene.paste((10, 20, 90), (width // 2, height // 2, width * 5 // 6, height * 4 // 5))
    return scene


def checkerboard(side: int) -> Image.Image:
    rows, columns = np.indices((side, side))
    return Image.fromarray((255 * ((rows + columns) % 2)).astype(np.uint8))


def distance(one: Image.Image, other: Image.Image) -> int:
    return (measure_quality(one).phash ^ measure_quality(other).phash).bit_count()


@pytest.mark.parametrize(("width", "height"), [(320, 240), (33, 47), (900, 611)])
def test_the_mirrored_hash_is_that_of_the_mirror_image(width, height):
    image = photograph(width, height)
    there, back = measure_quality(image), measure_quality(ImageOps.mirror(image))
    assert (there.phash_mirrored ^ back.phash).bit_count() <= MAX_BITS
    assert (there.phash ^ back.phash_mirrored).bit_count() <= MAX_BITS
    assert (there.phash ^ back.phash).bit_count() > MAX_BITS, "the picture is not symmetric"


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_constant_image(level):
    found = measure_quality(Image.new("RGB", (40, 30), (level, level, level)))
    for brightness in (found.brightness, found.brightness_p5, found.brightness_p99):
        assert brightness == pytest.approx(level / 255)
    assert (found.contrast, found.entropy, found.colourfulness, found.sharpness, found.edge_density) == (0,) * 5
    assert found.border == 1


def test_checkerboard():
    found = measure_quality(checkerboard(64))
    assert found.contrast == pytest.approx(0.5)
    assert found.entropy == pytest.approx(1)
    # The Laplacian is 4 * 255 at a black pixel, minus that at a white one.
    assert found.sharpness == pytest.approx((4 * 255) ** 2)
    assert found.edge_density == 1
    assert found.colourfulness == 0


def test_brightness_of_pure_colours():
    for colour, weight in (((255, 0, 0), 0.241), ((0, 255, 0), 0.691), ((0, 0, 255), 0.068)):
        assert measure_quality(Image.new("RGB", (9, 9), colour)).brightness == pytest.approx(math.sqrt(weight))


def test_percentiles_of_a_ramp():
    ramp = Image.fromarray(np.tile(np.arange(96, dtype=np.uint8), (3, 1)))
    found = measure_quality(ramp)
    assert found.brightness_p5 == pytest.approx(4 / 255, abs=1 / 255)
    assert found.brightness_p99 == pytest.approx(94 / 255, abs=1 / 255)
    assert found.entropy == pytest.approx(math.log2(96))


def test_colourfulness_is_the_papers():
    """Another implementation: the formulas of Hasler and Susstrunk in floating point."""
    pixels = RANDOM.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    red, green, blue = (pixels[..., band].astype(float) for band in range(3))
    first, second = red - green, 0.5 * (red + green) - blue
    expected = math.hypot(first.std(), second.std()) + 0.3 * math.hypot(first.mean(), second.mean())
    assert measure_quality(Image.fromarray(pixels)).colourfulness == pytest.approx(expected)


def test_sharpness_is_the_variance_of_the_laplacian():
    from scipy.ndimage import convolve

    pixels = RANDOM.integers(0, 256, (50, 60), dtype=np.uint8)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = convolve(pixels.astype(float), kernel)[1:-1, 1:-1].var()
    assert measure_quality(Image.fromarray(pixels)).sharpness == pytest.approx(expected)


def test_blur_lowers_sharpness_and_edges():
    blurred = [photograph().filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4, 8)]
    found = [measure_quality(image) for image in blurred]
    values = [quality.sharpness for quality in found]
    assert values == sorted(values, reverse=True)
    assert values[0] > 20 * values[-1]
    assert found[0].edge_density > found[-1].edge_density


def test_border_is_the_share_of_the_frame():
    framed = Image.new("RGB", (240, 180), "black")
    framed.paste(photograph(200, 120), (20, 30))
    assert measure_quality(framed).border == pytest.approx(1 - 200 * 120 / (240 * 180), abs=0.02)
    assert measure_quality(photograph()).border < 0.02


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality)
    return Image.open(sink)


@pytest.mark.parametrize("make", [photograph, lambda: photograph(1000, 750)])
def test_copies_share_most_bits_of_the_hash(make):
    image = make()
    assert distance(image, image.resize((120, 90), Image.Resampling.BICUBIC)) <= 4
    assert distance(image, image.resize((600, 450), Image.Resampling.BICUBIC)) <= 4
    assert distance(image, as_jpeg(image, 30)) <= 4
    assert distance(image, image.convert("L")) <= 4
    assert distance(image, image.point([int(value * 0.8) for value in range(256)] * 3)) <= 4


def test_other_images_have_other_hashes():
    noise = [Image.fromarray(RANDOM.integers(0, 256, (32, 32), dtype=np.uint8)) for _ in range(30)]
    assert min(distance(one, other) for one in noise for other in noise if one is not other) > 10
    assert distance(photograph(), photograph().transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 10


@given(
    mode=st.sampled_from(MODES), width=st.integers(1, 300), height=st.integers(1, 300), seed=st.integers(0, 2**32 - 1)
)
def test_any_mode_and_size_gives_finite_numbers(mode, width, height, seed):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels if seed % 3 else np.full_like(pixels, seed % 256))
    converted = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    found = measure_quality(converted)
    numbers = {name: getattr(found, name) for name in QUALITY_NUMBERS}
    assert all(math.isfinite(value) and value >= 0 for value in numbers.values())
    for name in ("brightness", "brightness_p5", "brightness_p99", "contrast", "edge_density", "border"):
        assert numbers[name] <= 1
    assert numbers["entropy"] <= 8
    assert 0 <= found.phash < 2**64


def test_another_process_finds_the_same(tmp_path):
    path = tmp_path / "image.png"
    photograph().save(path)
    program = (
        "import sys; from dataclasses import asdict; from PIL import Image; "
        "from jepascore_core.datasets.quality import measure_quality; "
        "print(asdict(measure_quality(Image.open(sys.argv[1]))))"
    )
    said = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(asdict(measure_quality(Image.open(path))))


def test_manifest_of_an_earlier_release(place):
    """Parts without the columns open with null, and the next index reads their images again."""
    place.index()
    first = read_manifest(place.root / "v1")
    assert first["quality_version"].null_count == 0
    for path in (place.root / "v1").glob("manifest-*.parquet"):
        part = read_part(path)
        kept = [name for name in part.column_names if name not in QUALITY_SCHEMA.names]
        write_table(path, part.select(kept))
    old = read_manifest(place.root / "v1")
    assert len(old) == len(first) == 135
    assert all(old[name].null_count == 135 for name in QUALITY_SCHEMA.names)
    assert {sample.quality for sample in place.rows("v1")[0]} == {None}
    assert place.index("v2", previous="v1").reused == 0
    assert place.index("v3", previous="v2").reused == 135
    place.index("fresh")
    assert place.rows("v3") == place.rows("v2") == place.rows("fresh")


def test_an_interrupted_index_of_an_earlier_release_is_measured(place):
    place.index()
    for path in (place.root / "v1").glob("manifest-*.parquet"):
        write_table(path, read_part(path).drop_columns(QUALITY_SCHEMA.names))
    place.index()
    assert read_manifest(place.root / "v1")["sharpness"].null_count == 0


def test_an_index_holds_what_is_measured(place):
    image = photograph(900, 700)
    image.save(place.source / "large.png")
    place.index()
    found = next(row.quality for row in place.rows()[0] if row.sample_key == "large.png")
    expected = measure_quality(image)
    assert found.phash == expected.phash
    for name in QUALITY_NUMBERS:
        assert getattr(found, name) == pa.scalar(getattr(expected, name), pa.float32()).as_py()
