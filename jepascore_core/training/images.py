"""Load the images of a dataset as one tensor of bytes, to train a small encoder on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jepascore_core.datasets.manifest import Dataset
from jepascore_core.errors import SampleError, TooFewImagesError
from jepascore_core.records.datasets import DatasetRecord, Sample
from jepascore_core.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

#: Number of images from which it is decided whether a dataset is greyscale.
GREY_LOOKS = 64
MIN_IMAGES = 16


@dataclass(frozen=True, eq=False)
class Pictures:
    """`pixels` [N, C, S, S] are bytes, C 1 or 3; `labels` are those of the samples, None if missing."""

    pixels: Tensor
    labels: tuple[str | None, ...]
    content_ids: tuple[str, ...]
    num_failed: int


def load_pictures(
    store: Store,
    dataset: DatasetRecord,
    size: int,
    most: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Pictures:
    """Load at most `most` distinct images of a dataset, shorter side resized to `size` and cropped.

    They are the first by content id, a hash, so they are a random sample. `progress` is called with the number of
    images done and their total. Images are greyscale if the first 64 are.

    Raises:
        TooFewImagesError: for fewer than 16 readable images.
        DatasetNotReadyError: if the dataset is not indexed yet.
    """
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    opened = Dataset(store.index_folder(dataset))
    samples = {sample.content_id: sample for sample in opened}
    chosen = [samples[name] for name in sorted(samples)][:most]
    images: list[Image.Image] = []
    kept: list[Sample] = []
    for number, sample in enumerate(chosen, start=1):
        try:
            image = opened.image(sample)
        except SampleError:
            continue
        finally:
            progress(number, len(chosen))
        images.append(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))
        kept.append(sample)
    if len(images) < MIN_IMAGES:
        raise TooFewImagesError(f"Training needs at least {MIN_IMAGES} readable images, not {len(images)}.")
    is_grey = all(_is_grey(image) for image in images[:GREY_LOOKS])
    arrays = np.stack([np.asarray(image.convert("L" if is_grey else "RGB")) for image in images])
    pixels = torch.from_numpy(arrays).unsqueeze(1) if is_grey else torch.from_numpy(arrays).permute(0, 3, 1, 2)
    return Pictures(
        pixels.contiguous(),
        tuple(sample.label for sample in kept),
        tuple(sample.content_id for sample in kept),
        len(chosen) - len(kept),
    )


def _is_grey(image: object) -> bool:
    import numpy as np

    values = np.asarray(image)
    return bool((values == values[..., :1]).all())
