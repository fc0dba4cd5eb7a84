"""Convert decoded images to encoder inputs: exactly timm's and open_clip's evaluation transforms, from one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from jepascore_core.errors import PreprocessingError, SampleError
from jepascore_core.records.backbones import Preprocessing

#: An image one pixel wide could be resized to gigabytes; no real encoder needs this many pixels after resizing.
MAX_RESIZED_PIXELS = 1 << 27


def build_transform(preprocessing: Preprocessing) -> Callable[[Image.Image], Tensor]:
    """Build the function from an RGB image to the encoder's input [C, H, W] float32.

    "crop": shorter side to `resize` (default: to cover the target), centre crop, black where the image is too small.
    "squash": both sides to `resize` (default: the target), centre crop. "pad": longer side to `resize` (default: to
    fit into the target), filled up with the mean colour.

    Raises:
        PreprocessingError: for unsupported settings.
    """
    if preprocessing.fit not in _SIZES:
        raise PreprocessingError(f"Unknown fit {preprocessing.fit!r}; choose one of {', '.join(_SIZES)}.")
    modes = {mode.value: mode for mode in InterpolationMode}
    if preprocessing.interpolation not in modes:
        raise PreprocessingError(
            f"Unknown interpolation {preprocessing.interpolation!r}; choose one of {', '.join(modes)}."
        )
    if preprocessing.channels not in (1, 3) or len(preprocessing.std) != preprocessing.channels:
        raise PreprocessingError(
            f"mean and std need 1 or 3 values each, but have {preprocessing.channels} and {len(preprocessing.std)}."
        )
    return _ImageTransform(preprocessing, modes[preprocessing.interpolation])


@dataclass(frozen=True)
class _ImageTransform:
    preprocessing: Preprocessing
    interpolation: InterpolationMode

    def __call__(self, image: Image.Image) -> Tensor:
        settings = self.preprocessing
        image = image.convert("RGB" if settings.channels == 3 else "L")
        height, width = _SIZES[settings.fit](settings, image.height, image.width)
        if height * width > MAX_RESIZED_PIXELS:
            raise SampleError(
                f"An image of {image.width} x {image.height} pixels is too elongated: it would become "
                f"{width} x {height}.",
                "preprocess",
            )
        image = F.resize(image, [max(height, 1), max(width, 1)], self.interpolation)
        if settings.fit == "pad":
            image = _pad(image, settings)
        pixels: Tensor = F.to_tensor(F.center_crop(image, [settings.height, settings.width]))
        normalized: Tensor = F.normalize(pixels, list(settings.mean), list(settings.std))
        return normalized


def _crop_size(settings: Preprocessing, height: int, width: int) -> tuple[int, int]:
    """Return the size (height, width) after resizing, aspect kept, of an image that will be cropped."""
    if settings.height == settings.width:
        shorter = settings.resize or settings.height
        # Rounded down, as torchvision's Resize does.
        return (shorter, int(shorter * width / height)) if height <= width else (int(shorter * height / width), shorter)
    return _scaled(settings, height, width, min)


def _pad_size(settings: Preprocessing, height: int, width: int) -> tuple[int, int]:
    return _scaled(settings, height, width, max)


def _scaled(
    settings: Preprocessing, height: int, width: int, choose: Callable[[float, float], float]
) -> tuple[int, int]:
    """Resize with aspect kept: `min` covers the target, `max` fits into it. Rounded to nearest, as in timm."""
    target_height, target_width = _target(settings)
    ratio = choose(height / target_height, width / target_width)
    return round(height / ratio), round(width / ratio)


def _squash_size(settings: Preprocessing, height: int, width: int) -> tuple[int, int]:  # noqa: ARG001
    return _target(settings)


def _target(settings: Preprocessing) -> tuple[int, int]:
    """Return the (height, width) to resize to: the input's, enlarged so that its shorter side is `resize`."""
    if settings.resize is None:
        return settings.height, settings.width
    shorter = min(settings.height, settings.width)
    return settings.height * settings.resize // shorter, settings.width * settings.resize // shorter


def _pad(image: Image.Image, settings: Preprocessing) -> Image.Image:
    down, across = max(settings.height - image.height, 0), max(settings.width - image.width, 0)
    fill = [round(255 * value) for value in settings.mean]
    margins = [across // 2, down // 2, across - across // 2, down - down // 2]
    padded: Image.Image = F.pad(image, margins, fill=fill)
    return padded


_SIZES = {"crop": _crop_size, "squash": _squash_size, "pad": _pad_size}
