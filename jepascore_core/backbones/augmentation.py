"""Read how views of an image are made: "crops", "warps", or either with parameters. No torch: the web asks too."""

from __future__ import annotations

import math

from jepascore_core.errors import UnknownNameError, one_of, unknown
from jepascore_core.records.augmentation import AUTO, Augmentation, CropViews, WarpViews

_KINDS: dict[str, type[CropViews] | type[WarpViews]] = {"crops": CropViews, "warps": WarpViews}
#: Smallest and largest value of each parameter. Beyond them an image is empty, turned over or blurred away.
_RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "crops": {
        "crop": (0.01, 1),
        "ratio": (1, 100),
        "flip": (0, 1),
        "jitter": (0, 1),
        "brightness": (0, 1),
        "contrast": (0, 1),
        "saturation": (0, 1),
        "hue": (0, 0.5),
    },
    "warps": {
        "rotation": (0, 180),
        "shear": (0, 80),
        "scale": (0, 0.9),
        "stretch": (0, 0.9),
        "shift": (0, 1),
        "warp": (0, 1),
        "contrast": (0, 1),
        "blur": (0, 20),
        "noise": (0, 1),
    },
}


def parse_augmentation(text: str) -> Augmentation:
    """Read "crops", "warps", or either with parameters: "crops:flip=0,hue=0"; the others keep their defaults.

    Raises:
        UnknownNameError: for an unknown kind or parameter, or a value out of range.
    """
    kind, _, rest = text.strip().partition(":")
    one_of(kind, (AUTO, *_KINDS), "view augmentation")
    if kind == AUTO:
        raise UnknownNameError("auto stands alone: write crops or warps to set their parameters.")
    values = dict(_assigned(item.strip(), kind) for item in rest.split(",") if item.strip())
    return _KINDS[kind](**values)


def _assigned(item: str, kind: str) -> tuple[str, float]:
    """Read "name=value"."""
    name, _, text = (part.strip() for part in item.partition("="))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UnknownNameError(f"A view augmentation has parameters such as contrast=0.5, not {item!r}. Change it.")
    if name not in _RANGES[kind]:
        raise unknown(f"parameter of {kind}", name, _RANGES[kind])
    low, high = _RANGES[kind][name]
    if not low <= value <= high:
        raise UnknownNameError(f"Parameter {name} of {kind} must be from {low:g} to {high:g}, got {value:g}.")
    return name, value
