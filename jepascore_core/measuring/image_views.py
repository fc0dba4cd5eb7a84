"""Augmented views of an image, which depend on its content id and their number and on nothing else.

Crops are cut from the decoded image, before the backbone's own preprocessing: a view then has the pixels that a person
would have got by cropping the file, and is resized once, in the way that belongs to the backbone. Warps follow the
preprocessing, as in the training that they repeat: their blur and noise are in the encoder's pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import xxhash
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as F

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.training_views import random_view
from jepascore_core.records.augmentation import Augmentation, CropViews, WarpViews


def view_generator(content_id: str, number: int) -> np.random.Generator:
    """Return the random numbers of one view of an image; views of fewer are the first of more."""
    return np.random.default_rng(xxhash.xxh3_128_intdigest(f"{content_id}/{number}".encode()))


def make_view(
    image: Image.Image, original: Tensor, backbone: Backbone, augmentation: Augmentation, random: np.random.Generator
) -> Tensor:
    """Make one view as the encoder's input. `original` is the preprocessed `image`. -> [C, H, W].

    Raises:
        SampleError: as `Backbone.preprocess`.
    """
    if isinstance(augmentation, WarpViews):
        return _warped(original, backbone, augmentation, random)
    return backbone.preprocess(cropped(image, augmentation, random))


def cropped(image: Image.Image, views: CropViews, random: np.random.Generator) -> Image.Image:
    """Return a random crop of an RGB image, perhaps mirrored and in other colours, at its own resolution."""
    # All numbers are drawn whatever the parameters are: without colours the crop is the same.
    share, proportion, left, top, flip, jitter, *changes = random.random(10)
    image = image.crop(_box(image.size, views, share, proportion, left, top))
    if flip < views.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if jitter >= views.jitter:
        return image
    brightness, contrast, saturation, hue = (2 * change - 1 for change in changes)
    image = F.adjust_brightness(image, 1 + views.brightness * brightness)
    image = F.adjust_contrast(image, 1 + views.contrast * contrast)
    image = F.adjust_saturation(image, 1 + views.saturation * saturation)
    # Not with 0: colours go through 8-bit HSV and come back rounded.
    return F.adjust_hue(image, views.hue * hue) if views.hue else image


def _box(
    size: tuple[int, int], views: CropViews, share: float, proportion: float, left: float, top: float
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a crop, from four numbers between 0 and 1."""
    area = views.crop + (1 - views.crop) * share
    stretch = views.ratio ** (2 * proportion - 1)
    # A side that would be longer than the image's is as long, and the other keeps the area.
    across = min(1.0, max(area, math.sqrt(area * stretch)))
    width, height = (max(1, round(side * part)) for side, part in zip(size, (across, area / across), strict=True))
    x, y = round(left * (size[0] - width)), round(top * (size[1] - height))
    return x, y, x + width, y + height


def _warped(original: Tensor, backbone: Backbone, views: WarpViews, random: np.random.Generator) -> Tensor:
    preprocessing = backbone.info.preprocessing
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    generator = torch.Generator().manual_seed(int(random.integers(2**63)))
    return (random_view((original * std + mean)[None], views, generator)[0] - mean) / std
