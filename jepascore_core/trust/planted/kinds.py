"""Kinds of defects, each a pure function of an image, a random generator and some other images.

Strengths are such that a person notices the defect in a gallery; an invisible defect would not test a score. The sizes
of blur, border, text and noise are relative to the image, so that a thumbnail and a photograph look equally damaged.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Others = Sequence[Image.Image]
Apply = Callable[[Image.Image, np.random.Generator, Others], Image.Image]
#: Which other images a kind needs: none, more of the same dataset, or images from outside it.
Needs = Literal["nothing", "same", "foreign"]

#: Images beside the original in the largest collage.
NUM_OTHERS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A named kind of defect.

    Attributes:
        name: its identifier, in options and files.
        title: its name in texts.
        apply: make the defective image, RGB, of an RGB image; equal generators give equal images.
        needs: which images `apply` gets as its third argument.
        keeps_original: whether the original stays in the dataset, as for duplicates.
        swaps_label: whether the image gets the label of another class.
    """

    name: str
    title: str
    apply: Apply
    needs: Needs = "nothing"
    keeps_original: bool = False
    swaps_label: bool = False


def unchanged(image: Image.Image, _rng: np.random.Generator, _others: Others) -> Image.Image:
    """Return the image unchanged."""
    return image


def foreign(_image: Image.Image, _rng: np.random.Generator, others: Others) -> Image.Image:
    """Return an image that does not belong to the dataset."""
    return others[0]


def noise(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Add Gaussian noise of 12 to 22 % of the range of values."""
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + rng.normal(0.0, 255 * rng.uniform(0.12, 0.22), pixels.shape)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def blur(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Apply Gaussian blur with a radius of 2 to 4 % of the shorter side, at least one pixel."""
    return image.filter(ImageFilter.GaussianBlur(max(1.0, rng.uniform(0.02, 0.04) * min(image.size))))


def occlusion(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Cover 20 to 40 % of the area with a grey box."""
    share = np.sqrt(rng.uniform(0.2, 0.4))
    width, height = (max(1, round(share * side)) for side in image.size)
    left, top = (int(rng.integers(0, side - size + 1)) for side, size in zip(image.size, (width, height), strict=True))
    covered = image.copy()
    covered.paste((int(rng.integers(96, 160)),) * 3, (left, top, left + width, top + height))
    return covered


def strong_jpeg(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Compress as JPEG of quality 4 to 10."""
    return _through_jpeg(image, int(rng.integers(4, 11)))


def inverted(image: Image.Image, _rng: np.random.Generator, _others: Others) -> Image.Image:
    """Replace each colour by its complement."""
    return ImageOps.invert(image)


def rotation(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Rotate by 90, 180 or 270 degrees."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return image.transpose(turns[int(rng.integers(len(turns)))])


def collage(image: Image.Image, rng: np.random.Generator, others: Others) -> Image.Image:
    """Combine two images side by side, or four in a square, at the size of the first."""
    columns, rows = (2, 1) if rng.random() < 0.5 else (2, 2)
    made = Image.new("RGB", image.size)
    xs, ys = (
        np.linspace(0, side, n + 1).round().astype(int) for side, n in zip(image.size, (columns, rows), strict=True)
    )
    cells = [(int(xs[x]), int(ys[y]), int(xs[x + 1]), int(ys[y + 1])) for y in range(rows) for x in range(columns)]
    for cell, part in zip(cells, [image, *others], strict=False):
        made.paste(ImageOps.fit(part, (cell[2] - cell[0], cell[3] - cell[1])), cell[:2])
    return made


def border(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Draw a white or black frame of 8 to 15 % of the shorter side over the image."""
    width = max(1, round(rng.uniform(0.08, 0.15) * min(image.size)))
    colour = (255,) * 3 if rng.random() < 0.5 else (0,) * 3
    inner = image.crop((width, width, max(width + 1, image.width - width), max(width + 1, image.height - width)))
    return ImageOps.expand(inner, width, colour)


def watermark(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Write the word SAMPLE across the image, half transparent and tilted."""
    large = 8 * max(image.size)
    font = ImageFont.load_default(size=large / 5)
    mask = Image.new("L", (large, large))
    ImageDraw.Draw(mask).text((large / 2, large / 2), "SAMPLE", fill=160, font=font, anchor="mm")
    tilted = mask.rotate(float(rng.uniform(20, 40))).resize((max(image.size),) * 2, Image.Resampling.BOX)
    left, top = ((tilted.width - side) // 2 for side in image.size)
    alpha = tilted.crop((left, top, left + image.width, top + image.height))
    return Image.composite(Image.new("RGB", image.size, (255, 255, 255)), image, alpha)


def overexposed(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Multiply the brightness by 2.2 to 3, clipped at white."""
    return ImageEnhance.Brightness(image).enhance(float(rng.uniform(2.2, 3.0)))


def underexposed(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Reduce the brightness to 15 to 25 %."""
    return ImageEnhance.Brightness(image).enhance(float(rng.uniform(0.15, 0.25)))


def crop(image: Image.Image, rng: np.random.Generator, _others: Others) -> Image.Image:
    """Crop a random part of 35 to 50 % of each side, at least two pixels."""
    share = rng.uniform(0.35, 0.5)
    width, height = (max(2, round(share * side)) for side in image.size)
    left, top = (int(rng.integers(0, side - size + 1)) for side, size in zip(image.size, (width, height), strict=True))
    return image.crop((left, top, left + width, top + height))


def near_duplicate(image: Image.Image, _rng: np.random.Generator, _others: Others) -> Image.Image:
    """Remove the first row and column, and compress as JPEG of quality 90."""
    return _through_jpeg(image.crop((1, 1, image.width, image.height)), 90)


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


#: All kinds, in display order. To add a kind, add its row.
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("foreign", "Foreign image", foreign, needs="foreign"),
        Kind("noise", "Noise", noise),
        Kind("blur", "Blur", blur),
        Kind("occlusion", "Occlusion", occlusion),
        Kind("jpeg", "Strong JPEG", strong_jpeg),
        Kind("inverted", "Inverted colours", inverted),
        Kind("rotation", "Rotation", rotation),
        Kind("collage", "Collage", collage, needs="same"),
        Kind("border", "Border", border),
        Kind("watermark", "Watermark", watermark),
        Kind("overexposed", "Overexposure", overexposed),
        Kind("underexposed", "Underexposure", underexposed),
        Kind("crop", "Crop", crop),
        Kind("near_duplicate", "Near duplicate", near_duplicate, keeps_original=True),
        Kind("swapped_label", "Swapped label", unchanged, swaps_label=True),
    )
}

#: Not defects: the same picture as files of other formats would hold it, for the check of file formats.
RESAVED: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("png", "PNG", unchanged),
        Kind("jpeg_90", "JPEG, quality 90", lambda image, _rng, _others: _through_jpeg(image, 90)),
        Kind("jpeg_75", "JPEG, quality 75", lambda image, _rng, _others: _through_jpeg(image, 75)),
    )
}


def folder_kind(name: str) -> Kind:
    """Return a kind whose defective images come from a folder: they replace the originals unchanged."""
    return Kind(name, name, foreign, needs="foreign")
