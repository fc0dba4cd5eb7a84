"""Draw right singular vectors of one image's Jacobian: what the encoder is most and least sensitive to."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.jacobian.generic import jacobian
from jepascore_core.jacobian.gram import gram_matrix
from jepascore_core.measuring.estimators import build_engine
from jepascore_core.measuring.loading import PendingImage, load_image
from jepascore_core.records.backbones import Preprocessing
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.score import measured_rank
from jepascore_core.sensitivity.requests import (
    NUM_VECTORS,
    Closeup,
    Look,
    WantedCloseup,
    backbone_ref,
    picture_name,
    write_closeup,
)
from jepascore_core.storage.store import Store

#: Blue and orange, which colour-blind readers can distinguish, for the signs.
NEGATIVE, POSITIVE = (0.0, 0.447, 0.698), (0.902, 0.624, 0.0)
#: Values beyond this quantile of a vector's pixels are drawn at full strength.
STRONG = 0.99

Pixels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Directions:
    """Some right singular vectors of the Jacobian of an image [C, H, W], each of length 1 and shaped like the image."""

    values: Tensor  # [N] float64, descending
    vectors: Tensor  # [N, C, H, W] float32
    rank: int


def singular_directions(backbone: Backbone, image: Tensor, number: int) -> Directions:
    """Return the `number` leading and trailing singular vectors without null directions; all if there are no more.

    They follow from the left ones: J J^T = U S^2 U^T is cheap, and J^T u = s v costs one backward pass each.

    Args:
        backbone: the backbone to use.
        image: preprocessed, [C, H, W].
        number: of vectors at each end.

    Raises:
        EncoderError: if the encoder violates its contract.
    """
    engine = build_engine(backbone, MeasurementSpec())
    inputs = image[None].to(backbone.device, torch.float32)
    gram = gram_matrix(engine.pull_back(inputs).rows[0])
    squares, directions = torch.linalg.eigh(gram.cpu())
    values, left = squares.flip(0).clamp(min=0).sqrt(), directions.flip(1)
    rank = max(1, int(measured_rank(values, engine.structural_rank)))
    ends = sorted({*range(min(number, rank)), *range(max(0, rank - number), rank)})
    rows = jacobian(backbone.encoder, inputs, lambda _: left[:, ends].T.float().to(backbone.device))[1][0]
    vectors = torch.nn.functional.normalize(rows.float(), dim=1).cpu().reshape(len(ends), *image.shape)
    return Directions(values[ends], vectors, rank)


def work_out_closeup(store: Store, wanted: WantedCloseup) -> None:
    """Load the image and the backbone, and store the pictures.

    Raises:
        JepaScoreError: if the image is gone or the backbone cannot be loaded.
    """
    from jepascore_core.backbones.build import load_ref

    backbone = load_ref(*backbone_ref(store, wanted.backbone_id))
    uri = store.uri_of(wanted.dataset_id, wanted.content_id) or ""
    image = load_image(PendingImage(wanted.content_id, "", uri), backbone)
    found = singular_directions(backbone, image, NUM_VECTORS)
    half = (len(found.values) + 1) // 2
    leading = [(found.values[place], found.vectors[place]) for place in range(half)]
    trailing = [(found.values[-1 - place], found.vectors[-1 - place]) for place in range(len(found.values) - half)]
    shown = input_pixels(image, backbone.info.preprocessing)
    pictures = {"input.png": png(shown)}
    looks: tuple[Look, ...] = ("over", "alone")
    for name, end in (("leading", leading), ("trailing", trailing)):
        for place, (_, vector) in enumerate(end, start=1):
            for look in looks:
                pixels = over(shown, vector) if look == "over" else alone(vector)
                pictures[picture_name("leading" if name == "leading" else "trailing", place, look)] = png(pixels)
    largest, smallest = (tuple(float(value) for value, _ in end) for end in (leading, trailing))
    write_closeup(store, wanted, Closeup("done", largest, smallest), pictures)


def input_pixels(image: Tensor, preprocessing: Preprocessing) -> Pixels:
    """Return a preprocessed image [C, H, W] as it looks, [H, W, 3] in 0 to 1."""
    mean, std = (np.reshape(values, (-1, 1, 1)) for values in (preprocessing.mean, preprocessing.std))
    return _as_rgb(np.clip(image.double().numpy() * std + mean, 0, 1))


def alone(vector: Tensor) -> Pixels:
    """Render a singular vector [C, H, W] around middle grey, [H, W, 3]."""
    pixels = vector.double().numpy()
    return _as_rgb(np.clip(0.5 + 0.5 * pixels / _strength(pixels), 0, 1))


def over(shown: Pixels, vector: Tensor) -> Pixels:
    """Render a singular vector's channel mean over the image in grey: orange where positive, blue where negative."""
    signed = vector.double().numpy().mean(axis=0)
    amount = np.clip(np.abs(signed) / _strength(signed), 0, 1)[..., None]
    colour = np.where(signed[..., None] > 0, np.array(POSITIVE), np.array(NEGATIVE))
    grey = 0.2 + 0.6 * shown.mean(axis=2, keepdims=True)
    blended: Pixels = grey * (1 - amount) + colour * amount
    return blended


def png(pixels: Pixels) -> bytes:
    """Encode [H, W, 3] in 0 to 1 as a PNG file."""
    sink = io.BytesIO()
    Image.fromarray((255 * pixels).round().astype(np.uint8)).save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _as_rgb(channels: Pixels) -> Pixels:
    """Convert [C, H, W] -> [H, W, 3]; other numbers of channels than three become grey."""
    three = channels if len(channels) == 3 else np.repeat(channels.mean(axis=0, keepdims=True), 3, axis=0)
    return three.transpose(1, 2, 0)


def _strength(values: Pixels) -> float:
    return max(float(np.quantile(np.abs(values), STRONG)), 1e-30)
