"""How views of an image are made: two kinds with named parameters, and their texts, which are part of a spec.

`backbones.augmentation` reads the texts and checks the parameters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

#: Leaves the choice to the backbone: its training's own views where they are known, else crops.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class _Named:
    """Mixin: the text "kind:name=value,..."."""

    kind: ClassVar[str]

    @property
    def text(self) -> str:
        """Every parameter by name, so that equal views have equal texts."""
        values = dataclasses.asdict(self).items()
        return f"{self.kind}:" + ",".join(f"{name}={value!r}".removesuffix(".0") for name, value in values)


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


Augmentation = CropViews | WarpViews
