"""What an image looks like as a picture, in numbers that need no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

#: Raised when a number is computed in another way: images indexed under another version are read again.
QUALITY_VERSION = 2


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Numbers about one image; `datasets.quality.measure_quality` defines them.

    `brightness`, its percentiles `brightness_p5` and `brightness_p99`, `contrast`, `edge_density` and `border` lie
    between 0 and 1; `entropy` is in bits, 0 to 8; `sharpness` and `colourfulness` are at least 0. `phash` is a 64-bit
    perceptual hash, `phash_mirrored` that of the mirror image, None in indexes of an earlier version.
    """

    brightness: float
    brightness_p5: float
    brightness_p99: float
    contrast: float
    entropy: float
    colourfulness: float
    sharpness: float
    edge_density: float
    border: float
    phash: int
    quality_version: int = QUALITY_VERSION
    phash_mirrored: int | None = None


#: The numbers among the fields, in order: columns of a manifest and of rules.
QUALITY_NUMBERS = tuple(field.name for field in fields(ImageQuality) if field.type == "float")


def quality_of(row: Mapping[str, Any]) -> ImageQuality | None:
    """Return the quality in a row of a manifest; None where it was not measured."""
    if row.get("quality_version") is None:
        return None
    values: dict[str, Any] = {field.name: row.get(field.name) for field in fields(ImageQuality)}
    return ImageQuality(**values)
