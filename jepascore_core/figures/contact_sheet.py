"""Draw the paper's Figures 1, 4 and 5 as a picture: least likely, random and most likely samples of each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from jepascore_core.errors import SampleError
from jepascore_core.formatting import class_title, score_text
from jepascore_core.scores.score_set import ScoredSample
from jepascore_core.views.extremes import ClassExtremes

TILE = 128
GAP = 4
CAPTION = 16
HEAD = 28
GROUP_TITLES = ("least likely", "most likely", "random")
_INK, _GROUND, _MISSING = "#222222", "#FFFFFF", "#D0D4D8"


def extremes_sheet(
    classes: Sequence[ClassExtremes], pictures: Callable[[ScoredSample], Image.Image], title: str, per_group: int
) -> Image.Image:
    """Draw a row per class, with a block of `per_group` tiles for its least likely, most likely and random samples.

    `pictures` decodes a sample; a sample that raises SampleError becomes a grey tile. Under each tile is its score in
    nats, higher = more likely.
    """
    block = per_group * (TILE + GAP) + 3 * GAP
    width, height = len(GROUP_TITLES) * block + GAP, 2 * HEAD + len(classes) * (HEAD + TILE + CAPTION + GAP)
    sheet = Image.new("RGB", (width, height), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    draw.text((GAP, 6), title, fill=_INK, font=font)
    for number, name in enumerate(GROUP_TITLES):
        draw.text((GAP + number * block, HEAD + 6), name, fill=_INK, font=font)
    for row, found in enumerate(classes):
        top = 2 * HEAD + row * (HEAD + TILE + CAPTION + GAP)
        draw.text((GAP, top + 6), class_title(found.label, alone=len(classes) == 1), fill=_INK, font=font)
        for number, samples in enumerate((found.least, found.most, found.random)):
            for place, sample in enumerate(samples[:per_group]):
                left = GAP + number * block + place * (TILE + GAP)
                sheet.paste(_tile(sample, pictures), (left, top + HEAD))
                # Pillow's own font lacks the true minus sign.
                caption = score_text(sample.score, sample.is_exact).replace("−", "-").replace("≈", "~")
                draw.text((left, top + HEAD + TILE), caption, fill=_INK, font=font)
    return sheet


def _tile(sample: ScoredSample, pictures: Callable[[ScoredSample], Image.Image]) -> Image.Image:
    try:
        return ImageOps.fit(pictures(sample), (TILE, TILE), Image.Resampling.BICUBIC)
    except SampleError:
        return Image.new("RGB", (TILE, TILE), _MISSING)
