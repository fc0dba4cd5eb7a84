"""Choose the preprocessing: the published one with the requested changes, or that of a transformers processor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jepascore_core.backbones.specs import Resampling
from jepascore_core.errors import PreprocessingError
from jepascore_core.records.backbones import BackboneRef, Preprocessing

#: Options for the preprocessing used in training.
STATED_AS = "--mean, --std and --image-size (in the app under Advanced)"

#: Pillow's filter numbers, as transformers stores them.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def adjusted(published: Preprocessing, ref: BackboneRef) -> Preprocessing:
    """Return the published preprocessing with the requested size, mean and std.

    The shorter side before the crop keeps its ratio to the input size.
    """
    height, width, resize = published.height, published.width, published.resize
    if ref.image_size:
        resize = math.floor(ref.image_size * resize / min(height, width)) if resize else None
        height = width = ref.image_size
    return replace(
        published,
        height=height,
        width=width,
        resize=resize,
        mean=ref.mean or published.mean,
        std=ref.std or published.std,
    )


def resampling(own: Resampling, ref: BackboneRef) -> Resampling:
    """Return how positions are resampled: as by the authors, unless timm's way was requested."""
    return "timm" if ref.preprocessing == "timm" else own


def stated(ref: BackboneRef) -> Preprocessing:
    """Return the preprocessing given for custom weights: shorter side to the image size (bicubic), centre crop.

    Raises:
        PreprocessingError: if mean, std or image size is missing.
    """
    if ref.image_size is None or ref.mean is None or ref.std is None:
        raise PreprocessingError(f"{ref.name} needs {STATED_AS}.")
    return Preprocessing(ref.image_size, ref.image_size, ref.mean, ref.std, ref.image_size)


def from_processor(values: Mapping[str, Any], source: str) -> Preprocessing:
    """Return the preprocessing of a transformers image processor, from its `preprocessor_config.json`.

    Raises:
        PreprocessingError: if it does not define size or normalisation.
    """
    size, crops = values.get("size"), bool(values.get("do_center_crop", "crop_size" in values))
    shorter = _shorter_side(size, crops and not str(values.get("image_processor_type", "")).startswith("DeiT"))
    sides = _sides(values.get("crop_size") if crops else size)
    mean, std = tuple(values.get("image_mean") or ()), tuple(values.get("image_std") or ())
    if not values.get("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if sides is None or not mean or not std or not values.get("do_resize", True):
        raise PreprocessingError(f"{source} does not define the preprocessing completely. Give {STATED_AS}.")
    squashed = _sides(size)
    return Preprocessing(
        height=sides[0],
        width=sides[1],
        mean=mean,
        std=std,
        resize=shorter or (min(squashed) if squashed else min(sides)),
        interpolation=_FILTERS.get(int(values.get("resample") or 2), "bilinear"),
        fit="crop" if shorter else "squash",
    )


def _shorter_side(size: Any, crops: bool) -> int | None:
    """Return the length of the shorter side after resizing; None if both are resized. A number means either."""
    if isinstance(size, Mapping):
        return size.get("shortest_edge")
    return size if crops and isinstance(size, int) else None


def _sides(size: Any) -> tuple[int, int] | None:
    """Return (height, width), if a size has both."""
    if isinstance(size, Mapping):
        return (size["height"], size["width"]) if {"height", "width"} <= size.keys() else None
    return (size, size) if isinstance(size, int) else None
