"""How views of an image are made: two kinds with named parameters, and their texts, which are part of a spec."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar, Self

from jepascore_core.errors import UnknownNameError, one_of, unknown


@dataclass(frozen=True, slots=True)
class _Named:
    """Mixin: to and from the text "kind:name=value,..."."""

    kind: ClassVar[str]

    @property
    def text(self) -> str:
        """Every parameter by name, so that equal views have equal texts."""
        values = dataclasses.asdict(self).items()
        return f"{self.kind}:" + ",".join(f"{name}={value!r}".removesuffix(".0") for name, value in values)

    @classmethod
    def from_values(cls, values: dict[str, float]) -> Self:
        """Make one; parameters that are not given keep their defaults.

        Raises:
            UnknownNameError: for an unknown parameter.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise unknown(f"parameter of {cls.kind}", name, names)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CropViews(_Named):
    """Random resized crops, horizontal flips and colour jitter, as the global crops of DINOv2's training.

    Attributes:
        crop: smallest share of the image's area that a crop has; 1 keeps the whole image.
        ratio: largest factor between the sides' proportion in the crop and in the image; 1 keeps it.
        flip: share of views that are mirrored.
        jitter: share of views whose colours change.
        brightness: largest relative change.
        contrast: likewise.
        saturation: likewise.
        hue: largest change, as a share of the colour circle.
    """

    kind: ClassVar[str] = "crops"

    crop: float = 0.32
    ratio: float = 1.3333
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1

    def __post_init__(self) -> None:
        _check(0 < self.crop <= 1, self.kind, "crop", "above 0 and at most 1", self.crop)
        _check(1 <= self.ratio <= 100, self.kind, "ratio", "from 1 to 100", self.ratio)
        _check(0 <= self.hue <= 0.5, self.kind, "hue", "from 0 to 0.5", self.hue)
        for name in ("flip", "jitter", "brightness", "contrast", "saturation"):
            value = getattr(self, name)
            _check(0 <= value <= 1, self.kind, name, "from 0 to 1", value)


@dataclass(frozen=True, slots=True)
class WarpViews(_Named):
    """Small geometric and photometric changes at the encoder's input size, as `jepascore train` makes its views.

    A zero switches the change off. Angles in degrees, `shift` and `warp` as shares of the image side, `scale`,
    `stretch` and `contrast` as largest relative changes, `noise` and `blur` as largest standard deviations (of pixel
    values in 0..1, and in pixels).
    """

    kind: ClassVar[str] = "warps"

    rotation: float = 12.0
    shear: float = 8.0
    scale: float = 0.12
    stretch: float = 0.08
    shift: float = 0.06
    warp: float = 0.02
    contrast: float = 0.2
    blur: float = 0.8
    noise: float = 0.1

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            _check(0 <= value <= most, self.kind, name, f"from 0 to {most:g}", value)


#: Largest values of a warp's parameters: beyond them an image is turned over or blurred away, or a kernel gets huge.
_MOST = {
    "rotation": 180.0, "shear": 80.0, "scale": 0.9, "stretch": 0.9, "shift": 1.0, "warp": 1.0,
    "contrast": 1.0, "blur": 20.0, "noise": 1.0,
}  # fmt: skip

Augmentation = CropViews | WarpViews

KINDS: dict[str, type[CropViews] | type[WarpViews]] = {"crops": CropViews, "warps": WarpViews}
#: Leaves the choice to the backbone: its training's own views where they are known, else crops.
AUTO = "auto"


def parse_augmentation(text: str) -> Augmentation:
    """Read "crops", "warps", or either with parameters: "crops:flip=0,hue=0"; the others keep their defaults.

    Raises:
        UnknownNameError: for an unknown kind or parameter, or a value out of range.
    """
    kind, _, rest = text.strip().partition(":")
    one_of(kind, (AUTO, *KINDS), "view augmentation")
    if kind == AUTO:
        raise UnknownNameError("auto stands alone: write crops or warps to set their parameters.")
    values: dict[str, float] = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        name, is_assigned, value = item.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not is_assigned or not math.isfinite(number):
            raise UnknownNameError(f"A view augmentation has parameters such as crop=0.5, not {item!r}. Change it.")
        values[name.strip()] = number
    return KINDS[kind].from_values(values)


def _check(is_valid: bool, kind: str, name: str, range_text: str, value: float) -> None:
    if not is_valid:
        raise UnknownNameError(f"Parameter {name} of {kind} must be {range_text}, got {value:g}.")
