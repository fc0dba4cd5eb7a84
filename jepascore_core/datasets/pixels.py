"""Convert every colour mode to 8-bit RGB, and note how it was converted.

| decoded as | becomes |
|---|---|
| greyscale, 1-bit | three equal channels |
| palette, RGB, YCbCr, Lab, CMYK (Adobe's inverted one too) | RGB; embedded colour profiles are not applied |
| anything with transparency (RGBA, LA, palette, a transparent colour) | composited over white |
| 16-bit greyscale | 0..65535 (TIFF of 9 to 15 bits: its own range) scaled to 0..255 |
| 32-bit integers | 0..65535 scaled to 0..255; a value outside is an error |
| floating point | 0..1, 0..255 or 0..65535, the first that holds the maximum; anything else is an error |
| EXIF orientation | applied |
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from jepascore_core.errors import SampleError

_ORIENTATION_TAG = 0x0112
_BITS_PER_SAMPLE_TAG = 258
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FLOAT_RANGES = (1.0, 255.0, 65535.0)


def to_rgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Convert a loaded image to 8-bit RGB; return notes on each step that changed more than the memory layout.

    Raises:
        SampleError: stage "decode", if the range of the values does not define their brightness.
    """
    notes: list[str] = []
    turn = _TURNS.get(_orientation(image))
    if image.mode == "F" or image.mode.startswith("I"):
        image, note = _scaled(image)
        notes.append(note)
    elif image.has_transparency_data:
        image, note = _over_white(image)
        notes += [note] if note else []
    elif image.mode == "CMYK":
        notes.append("CMYK converted to RGB")
    if image.mode != "RGB":
        image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
        notes.append("rotated by its EXIF orientation")
    return image, notes


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) if the EXIF block is unreadable."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, OSError, ArithmeticError, AttributeError):
        return 1
    return value if isinstance(value, int) else 1


def _over_white(image: Image.Image) -> tuple[Image.Image, str]:
    rgba = image.convert("RGBA")
    lowest, _ = rgba.getchannel("A").getextrema()
    if lowest == 255:
        return rgba.convert("RGB"), ""
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB"), "transparency filled with white"


def _scaled(image: Image.Image) -> tuple[Image.Image, str]:
    """Scale high-depth greyscale [H, W] to 8 bits by its nominal range, never by the range of its content."""
    values = np.asarray(image)
    if image.mode == "F":
        top = _float_range(values)
    elif image.mode == "I":
        top = 65535.0
        if int(values.min()) < 0 or int(values.max()) > 65535:
            raise SampleError(
                f"A 32-bit integer image with values from {values.min()} to {values.max()} has no defined brightness: "
                "convert it to 8 or 16 bits.",
                "decode",
            )
    else:
        top = float(2 ** _significant_bits(image) - 1)
    bytes_ = np.round(np.clip(values * np.float32(255.0 / top), 0, 255)).astype(np.uint8)
    return Image.fromarray(bytes_), f"values 0 to {top:g} scaled to 8 bits"


def _float_range(values: np.ndarray) -> float:
    if np.isfinite(values).all() and float(values.min()) >= 0:
        for top in _FLOAT_RANGES:
            if float(values.max()) <= top:
                return top
    raise SampleError(
        "A floating-point image with negative, infinite, undefined or very large values has no defined brightness: "
        "convert it to 8 or 16 bits.",
        "decode",
    )


def _significant_bits(image: Image.Image) -> int:
    """Return the bits that a 16-bit image uses: TIFF states them, every other format uses 16."""
    stated = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE_TAG, (16,))
    bits = stated[0] if isinstance(stated, tuple) else stated
    return bits if isinstance(bits, int) and 8 < bits < 16 else 16
