"""Previews: small, crisp when tiny, written whole and once."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jepascore_core.datasets.thumbnails import THUMBNAIL_SIDE, ensure_thumbnail, thumbnail_bytes, thumbnail_path
from jepascore_core.errors import StoreError
from tests.datasets.images import noise

ID = "ab" + 30 * "0"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    return image.convert("RGB")


@settings(max_examples=30, deadline=None)
@given(width=st.integers(2, 1200), height=st.integers(2, 1200))
def test_size_is_bounded_and_the_aspect_kept(width: int, height: int):
    preview = opened(thumbnail_bytes(Image.new("RGB", (width, height), "red")))
    scale = max(preview.size) / max(width, height)
    assert max(preview.size) <= THUMBNAIL_SIDE
    assert max(preview.size) == (THUMBNAIL_SIDE if max(width, height) >= THUMBNAIL_SIDE else max(preview.size))
    assert abs(preview.width - width * scale) <= 1
    assert abs(preview.height - height * scale) <= 1


@pytest.mark.parametrize("side", [2, 8, 28, 32, 63])
def test_a_tiny_image_is_enlarged_by_whole_pixels_without_loss(side: int):
    image = noise(height=side, width=side)
    preview = np.asarray(opened(thumbnail_bytes(image)))
    factor = preview.shape[0] // side
    assert factor >= 2
    np.testing.assert_array_equal(preview, np.asarray(image).repeat(factor, axis=0).repeat(factor, axis=1))


def test_a_very_long_image_has_a_preview():
    assert opened(thumbnail_bytes(Image.new("RGB", (2, 30_000)))).size == (1, 256)


def test_a_preview_is_written_once_and_nothing_else_is_left(tmp_path: Path):
    path = ensure_thumbnail(tmp_path, ID, noise())
    assert path == thumbnail_path(tmp_path, ID) == tmp_path / "ab" / f"{ID}.webp"
    first = path.read_bytes()
    ensure_thumbnail(tmp_path, ID, noise(1))
    assert path.read_bytes() == first
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_preview_that_cannot_be_written_is_a_store_error(tmp_path: Path):
    (tmp_path / "ab").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="preview"):
        ensure_thumbnail(tmp_path, ID, noise())
