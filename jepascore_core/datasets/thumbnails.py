"""Small WebP previews, one per content id, shared by all datasets."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from jepascore_core.atomic import write_atomically
from jepascore_core.errors import StoreError

#: Longest side of a preview, in pixels.
THUMBNAIL_SIDE = 256

#: Images with a longest side below this are enlarged by an integer factor without smoothing, so that digits stay crisp.
TINY_SIDE = 64
_ENLARGED_SIDE = 128


def thumbnail_bytes(image: Image.Image) -> bytes:
    """Encode a WebP preview of an RGB image, longest side at most 256 pixels.

    Tiny images are lossless. Methods 2 and (lossless) 0 take a third of the defaults' time for files of similar size.
    """
    buffer = io.BytesIO()
    longest = max(image.size)
    if longest < TINY_SIDE:
        factor = _ENLARGED_SIDE // longest
        enlarged = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
        enlarged.save(buffer, "WEBP", lossless=True, quality=25, method=0)
    else:
        small_copy(image).save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def small_copy(image: Image.Image) -> Image.Image:
    """Return the image scaled down to a longest side of 256 pixels, or itself where it is not larger."""
    longest = max(image.size)
    if longest <= THUMBNAIL_SIDE:
        return image
    scale = THUMBNAIL_SIDE / longest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def thumbnail_path(thumbs_root: Path, content_id: str) -> Path:
    """Return the path of the preview of a content id: thumbs/<ab>/<content_id>.webp."""
    return thumbs_root / content_id[:2] / f"{content_id}.webp"


def ensure_thumbnail(thumbs_root: Path, content_id: str, image: Image.Image) -> Path:
    """Write the preview unless it exists; a reader sees all of it or none.

    Raises:
        StoreError: if it cannot be written, for example because the disk is full.
    """
    path = thumbnail_path(thumbs_root, content_id)
    try:
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Flushing each of many small files to the disk would take longer than making them.
        write_atomically(path, thumbnail_bytes(image), is_durable=False)
    except OSError as error:
        raise StoreError(f"Cannot write the preview {path} ({error}): free some space, then resume.") from error
    return path
