"""Image quality without a model: brightness, contrast, entropy, colour, sharpness, edges, border, perceptual hash.

All numbers are measured on a copy with a longest side of at most 256 pixels, the one that previews are made from, so
that images of different sizes are comparable and cost the same. Sums are sums of integers, exact in float64: the same
image has the same numbers in any process.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from jepascore_core.datasets.thumbnails import small_copy
from jepascore_core.records.quality import ImageQuality

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

#: Colours are measured on a copy reduced by an integer factor to about this longest side, in pixels.
COLOUR_SIDE = 96
#: Sum of the differences in grey level to the right and lower neighbours from which a pixel is an edge.
EDGE_STEP = 32
#: Pixels of a frame that differ by fewer grey levels are one colour: JPEG changes uniform colours by as much.
BORDER_TOLERANCE = 8
#: Perceived brightness of a colour is sqrt(0.241 R^2 + 0.691 G^2 + 0.068 B^2), as CleanVision has it (Finley's HSP).
_HSP = (241, 691, 68)
_HASH_SIDE, _HASH_BITS = 32, 8
#: The first rows of the type II cosine transform of 32 values, as integers, [8, 32]: products are exact, so that signs
#: do not depend on rounding.
_COSINES = np.rint(2**12 * np.cos(np.pi / 64 * np.outer(np.arange(_HASH_BITS), 2 * np.arange(_HASH_SIDE) + 1)))

#: Odd horizontal frequencies change their sign where an image is mirrored.
_MIRRORS = 1.0 - 2.0 * (np.arange(_HASH_BITS) % 2)


def measure_quality(image: Image.Image) -> ImageQuality:
    """Measure an image of any mode and size.

    - `brightness`: perceived brightness (HSP) of the mean colour; `brightness_p5`, `brightness_p99`: that of the 5th
      and 99th percentile of the pixels, as CleanVision has it.
    - `contrast`: standard deviation of the luma over 255 (RMS contrast; Peli 1990).
    - `entropy`: Shannon entropy of the luma's histogram, in bits.
    - `colourfulness`: M3 of Hasler and Susstrunk (2003); 0 for grey, above 80 for "extremely colourful".
    - `sharpness`: variance of the Laplacian of the luma (4 neighbours; Pech-Pacheco et al. 2000).
    - `edge_density`: share of pixels that differ from their right and lower neighbours, see `EDGE_STEP`.
    - `border`: share of the area that a uniform frame covers.
    - `phash`, `phash_mirrored`: perceptual hash of the image and of its mirror image, see `perceptual_hashes`.
    """
    fine = small_copy(image if image.mode == "RGB" else image.convert("RGB"))
    coarse = fine.reduce(-(-max(fine.size) // COLOUR_SIDE))
    luma = fine.convert("L")
    grey, colours = np.asarray(luma).astype(np.int16), np.asarray(coarse).transpose(2, 0, 1).astype(np.int32, order="C")
    histogram = np.array(luma.histogram(), np.float64)
    brightness, dark, light = _brightness(*colours)
    phash, phash_mirrored = perceptual_hashes(luma)
    return ImageQuality(
        brightness=brightness,
        brightness_p5=dark,
        brightness_p99=light,
        contrast=_contrast(histogram),
        entropy=_entropy(histogram),
        colourfulness=_colourfulness(*colours),
        sharpness=_variance(_laplacian(grey)),
        edge_density=_edge_density(grey),
        border=_border(grey),
        phash=phash,
        phash_mirrored=phash_mirrored,
    )


def perceptual_hashes(luma: Image.Image) -> tuple[int, int]:
    """64-bit hashes of a greyscale image and of its mirror image, few bits of which differ between copies (pHash).

    The image is scaled to 32 x 32; a bit says whether one of the 8 x 8 lowest coefficients of its cosine transform is
    above their median, the first bit being the highest (Zauner 2010).
    """
    values = np.asarray(luma.resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.BILINEAR), np.float64)
    coefficients = _COSINES @ values @ _COSINES.T  # horizontal frequencies along the second axis
    return _hash_of(coefficients), _hash_of(coefficients * _MIRRORS)


def _hash_of(coefficients: Floats) -> int:
    ordered = np.sort(coefficients, axis=None)
    middle = len(ordered) // 2
    is_above = 2 * coefficients.ravel() > ordered[middle - 1] + ordered[middle]
    return int.from_bytes(np.packbits(is_above).tobytes(), "big")


def _variance(values: Integers) -> float:
    """Return the variance of integers; 0 if there are none."""
    if not values.size:
        return 0.0
    # Not as a product of vectors: BLAS would start threads in addition to those that decode.
    total, squares = float(values.sum(dtype=np.int64)), float(np.square(values, dtype=np.float64).sum())
    return (squares * values.size - total * total) / values.size**2


def _brightness(red: Integers, green: Integers, blue: Integers) -> tuple[float, float, float]:
    """Return the brightness of the mean colour, and its 5th and 99th percentile over the pixels."""
    means = [float(band.mean()) for band in (red, green, blue)]
    mean = sum(weight * value * value for weight, value in zip(_HSP, means, strict=True))
    squares = (_HSP[0] * red * red + _HSP[1] * green * green + _HSP[2] * blue * blue).ravel()
    low, high = (percent * (squares.size - 1) // 100 for percent in (5, 99))
    ordered = np.partition(squares, (low, high))
    dark, middle, light = (math.sqrt(value / 1000) / 255 for value in (ordered[low], mean, ordered[high]))
    return middle, dark, light


def _contrast(histogram: Floats) -> float:
    levels, number = np.arange(256.0), histogram.sum()
    variance = (histogram @ levels**2) * number - (histogram @ levels) ** 2
    return math.sqrt(variance) / float(number) / 255


def _entropy(histogram: Floats) -> float:
    shares = histogram[histogram > 0] / histogram.sum()
    return max(0.0, -float((shares * np.log2(shares)).sum()))


def _colourfulness(red: Integers, green: Integers, blue: Integers) -> float:
    red_green, yellow_blue = red - green, red + green - 2 * blue  # the second is twice the paper's
    spread = math.sqrt(_variance(red_green) + _variance(yellow_blue) / 4)
    return spread + 0.3 * math.hypot(float(red_green.mean()), float(yellow_blue.mean()) / 2)


def _laplacian(luma: Integers) -> Integers:
    """Apply the 4-neighbour Laplacian inside the image, [H - 2, W - 2]."""
    return luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]


def _edge_density(luma: Integers) -> float:
    """Return the share of pixels that differ from their right and lower neighbours by `EDGE_STEP` in sum."""
    across, down = np.abs(luma[:-1, 1:] - luma[:-1, :-1]), np.abs(luma[1:, :-1] - luma[:-1, :-1])
    on_edge = across + down >= EDGE_STEP
    return float(np.count_nonzero(on_edge) / max(1, on_edge.size))


def _border(luma: Integers) -> float:
    """Return the share of the area outside the bounding box of all pixels that differ from the corner's."""
    inside = np.abs(luma - luma[0, 0]) > BORDER_TOLERANCE
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return 1.0
    box = int(rows[-1] - rows[0] + 1) * int(columns[-1] - columns[0] + 1)
    return 1 - box / luma.size
