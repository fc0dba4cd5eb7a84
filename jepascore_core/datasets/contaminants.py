"""Contaminants of named kinds, planted into small colour images.

Each is a copy of an image with one defect. Nothing here depends on how the image was created.

These are the defects of the rendered demo, whose bytes must not change: docs state what is found in them. The kinds
that are planted into a user's own images, of any size, are in `trust.planted.kinds`; only their names overlap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from jepascore_core.datasets.demo import load_digit_images
from jepascore_core.datasets.demo_folder import Pixels, to_pixels
from jepascore_core.errors import one_of

Generator = np.random.Generator
Floats = npt.NDArray[np.float64]

#: The watermark, "STOCK" in letters three pixels wide: its rows from the top.
_STAMP = (
    "### ### ### ### # #",
    "#    #  # # #   # #",
    "###  #  # # #   ## ",
    "  #  #  # # #   # #",
    "###  #  ### ### # #",
)


def _foreign(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Draw a handwritten digit, which has nothing to do with the dataset."""
    digits = load_digit_images()[0]
    digit = Image.fromarray(digits[rng.integers(len(digits))])
    grey = np.asarray(digit.resize(picture.shape[1::-1], Image.Resampling.BICUBIC), dtype=np.float64)
    return np.repeat(grey[..., None], 3, axis=2)


def _background(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Put the same object in front of a coloured checkerboard: pixels like those in the corner are background."""
    height, width = picture.shape[:2]
    distance = np.abs(picture - picture[0, 0]).sum(axis=2, keepdims=True)
    cover = np.clip(distance / 120, 0, 1)
    rows, columns = np.indices((height, width)) // rng.integers(3, 6)
    colours = rng.uniform(40, 215, size=(2, 3))
    shown: Floats = picture * cover + colours[(rows + columns) % 2] * (1 - cover)
    return shown


def _cropped(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Enlarge a quarter of the area: the object is cut off."""
    side = picture.shape[0] // 2
    top, left = rng.choice((0, side)), rng.choice((0, side))
    part = Image.fromarray(to_pixels(picture[top : top + side, left : left + side]))
    return np.asarray(part.resize(picture.shape[1::-1], Image.Resampling.BICUBIC), dtype=np.float64)


def _collage(picture: Floats, other: Floats, rng: Generator) -> Floats:
    """Combine halves of two pictures, side by side or one above the other."""
    half, joined = picture.shape[0] // 2, picture.copy()
    if rng.random() < 0.5:
        joined[:, half:] = other[:, half:]
    else:
        joined[half:] = other[half:]
    return joined


def _blended(picture: Floats, other: Floats, _rng: Generator) -> Floats:
    return 0.5 * picture + 0.5 * other


def _watermark(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Draw half-transparent white letters over the picture."""
    stamp = np.array([[mark == "#" for mark in row] for row in _STAMP])
    top = rng.integers(2, picture.shape[0] - len(stamp) - 1)
    left = rng.integers(1, picture.shape[1] - stamp.shape[1])
    marked = picture.copy()
    part = marked[top : top + stamp.shape[0], left : left + stamp.shape[1]]
    part[stamp] = 0.3 * part[stamp] + 0.7 * 255
    return marked


def _blurred(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    blur = ImageFilter.GaussianBlur(float(rng.uniform(2.0, 3.5)))
    return np.asarray(Image.fromarray(to_pixels(picture)).filter(blur), dtype=np.float64)


def _noise(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    return picture + rng.normal(0, rng.uniform(25, 50), picture.shape)


def _occluded(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Cover the middle with a grey block."""
    covered, side = picture.copy(), int(rng.integers(9, 13))
    top, left = rng.integers(4, picture.shape[0] - side - 3, size=2)
    covered[top : top + side, left : left + side] = rng.uniform(60, 200)
    return covered


def _inverted(picture: Floats, _other: Floats, _rng: Generator) -> Floats:
    return 255 - picture


def _grey(picture: Floats, _other: Floats, _rng: Generator) -> Floats:
    return np.repeat((picture @ (0.299, 0.587, 0.114))[..., None], 3, axis=2)


def _near_duplicate(picture: Floats, _other: Floats, rng: Generator) -> Floats:
    """Return the picture shifted by a pixel and slightly darker."""
    top, left = rng.choice((0, 2)), rng.integers(3)
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return 0.96 * padded[top : top + picture.shape[0], left : left + picture.shape[1]]


_MAKERS: dict[str, Callable[[Floats, Floats, Generator], Floats]] = {
    "foreign": _foreign,
    "background": _background,
    "cropped": _cropped,
    "collage": _collage,
    "blended": _blended,
    "watermark": _watermark,
    "blurred": _blurred,
    "noise": _noise,
    "occluded": _occluded,
    "inverted": _inverted,
    "grey": _grey,
    "near_duplicate": _near_duplicate,
}
#: All kinds; a wrong label does not change the picture.
KINDS = (*_MAKERS, "wrong_label")
#: Kinds whose pixels are, like those of clean pictures, exactly as rendered.
UNCHANGED = ("", "wrong_label")


def contaminate(kind: str, picture: Pixels, other: Pixels, rng: Generator) -> Pixels:
    """Return a copy of a picture [S, S, 3] with a defect of this kind; `other` is a picture of another class.

    Raises:
        UnknownNameError: for a kind that changes no picture.
    """
    make = _MAKERS[one_of(kind, _MAKERS, "contaminant")]
    return to_pixels(make(picture.astype(np.float64), other.astype(np.float64), rng))
