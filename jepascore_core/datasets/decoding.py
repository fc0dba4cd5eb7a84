"""Bytes to pixels: complete, bounded, from an allow-list of formats; every failure is a SampleError.

Every image is converted to mode "RGB", greyscale too: encoders read three channels, and one that reads a single channel
averages three equal ones. pixels.py lists the conversion of every mode. Of an animated image the first frame is used. A
JPEG that was damaged in the middle and still ends properly decodes as it does in every viewer.
"""

from __future__ import annotations

import contextlib
import functools
import io
import threading
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageFile

from jepascore_core.datasets.pixels import to_rgb
from jepascore_core.datasets.signatures import foreign_content, format_of, jpeg_has_end
from jepascore_core.errors import SampleError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")

#: Pillow's own threshold for a decompression bomb (twice its MAX_IMAGE_PIXELS of a quarter GiB / 3), enforced even if
#: another library changes the setting.
MAX_PIXELS = 178_956_970

#: An image with a single row or column is a placeholder or a tracking pixel.
MIN_SIDE = 2

#: Above this many pixels (about 100 MB decoded) images are decoded one at a time, so that memory does not multiply
#: with the number of threads.
LARGE_PIXELS = 32_000_000

_large_image_lock = threading.Lock()


class Decoded(NamedTuple):
    """An RGB image, and what was done to it beyond decoding, in words ("" for nothing)."""

    image: Image.Image
    note: str


def decode(data: bytes, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE) -> Image.Image:
    """Decode an image completely: mode "RGB", upright, without any metadata.

    Raises:
        SampleError: stage "decode", for bytes that are not an image, or a damaged, truncated, too large or too small
        one.
    """
    return decode_noted(data, max_pixels, min_side).image


def decode_noted(data: bytes, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE) -> Decoded:
    """Like `decode`, with a note on what was done to the image."""
    if not data:
        raise SampleError("The file is empty (0 bytes): copy or download it again.", "decode")
    try:
        with _quiet_pillow():
            return _decode(data, max_pixels, min_side)
    except SampleError:
        raise
    except Exception as error:  # hostile bytes make Pillow's parsers raise anything from KeyError to MemoryError
        raise SampleError(_explain(data, error), "decode") from error


@functools.cache
def supported_formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that this installation of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _decode(data: bytes, max_pixels: int, min_side: int) -> Decoded:
    image = Image.open(io.BytesIO(data), formats=supported_formats())
    _check_size(image.size, max_pixels, min_side)
    if image.format == "PNG":
        Image.open(io.BytesIO(data), formats=("PNG",)).verify()  # loading skips checksums and the end marker
    if image.format in ("JPEG", "MPO") and not jpeg_has_end(data):
        raise SampleError("The JPEG file is truncated: copy or download it again.", "decode")
    animated = bool(getattr(image, "is_animated", False))
    large = image.width * image.height > LARGE_PIXELS
    with _large_image_lock if large else contextlib.nullcontext():
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # another library in this process may have turned it on
        image.load()
        _check_size(image.size, max_pixels, min_side)
        rgb, notes = to_rgb(image)
        rgb = rgb.copy() if rgb is image else rgb  # frees the encoded bytes
    rgb.info.clear()  # a colour profile or transparent colour of the original does not apply to the converted pixels
    notes += ["first of several frames or pages"] if animated else []
    return Decoded(rgb, "; ".join(notes))


def _check_size(size: tuple[int, int], max_pixels: int, min_side: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise SampleError(
            f"The image declares {width} x {height} pixels, more than the limit of {max_pixels}: scale it down.",
            "decode",
        )
    if min(width, height) < min_side:
        raise SampleError(
            f"The image has only {width} x {height} pixels, like a placeholder: remove it, or replace it by the "
            "actual picture.",
            "decode",
        )


def _explain(data: bytes, error: Exception) -> str:
    """Explain what is wrong with the bytes, and what to do about it."""
    if isinstance(error, Image.DecompressionBombError):
        return f"The image declares more pixels than the limit of {MAX_PIXELS}: scale it down, or remove it."
    if isinstance(error, MemoryError):
        return "There is not enough memory to decode the image: scale it down."
    name = format_of(data)
    if isinstance(error, Image.UnidentifiedImageError):
        if name is not None:
            return f"Damaged {name} file (its header is invalid): copy or download it again."
        supported = ", ".join(supported_formats())
        return foreign_content(data) or f"Not an image in a supported format ({supported}): convert it to PNG."
    return (
        f"Damaged {name or 'image'} file, or an unsupported variant ({error}): copy or download it again, "
        "or convert it to PNG."
    )


class _Quiet:
    """Number of decoding threads, and the filters to restore when the last one is done."""

    lock = threading.Lock()
    depth = 0
    context: warnings.catch_warnings[None] | None = None


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings while any thread decodes.

    `warnings.catch_warnings` alone is not thread-safe: two that overlap leave the filters changed permanently.
    """
    with _Quiet.lock:
        if _Quiet.depth == 0:
            _Quiet.context = warnings.catch_warnings()
            _Quiet.context.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\b")
            warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        _Quiet.depth += 1
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.depth -= 1
            if _Quiet.depth == 0 and _Quiet.context is not None:
                _Quiet.context.__exit__(None, None, None)
                _Quiet.context = None
