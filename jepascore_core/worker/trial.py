"""What a run and its cost probe determine first: a precision that is already settled, and readable images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.errors import JepaScoreError, SampleError
from jepascore_core.measuring.loading import PendingImage, load_image
from jepascore_core.measuring.precision import TRIAL_IMAGES, known_precision
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor


def settled_precision(
    store: Store, backbone: Backbone, dataset: DatasetRecord, spec: MeasurementSpec, num_pending: int
) -> str | None:
    """Return what "auto" means where that needs no trial; `num_pending` images lack the spec's exact score."""
    precision = known_precision(store, backbone)
    if num_pending < store.count_images(dataset) or (precision is None and num_pending <= 2 * TRIAL_IMAGES):
        return spec.precision
    return precision


def readable_images(candidates: list[PendingImage], backbone: Backbone) -> list[Tensor]:
    """Return the inputs [C, H, W] of the images that can be read.

    Raises:
        JepaScoreError: if there are candidates and none of them can be read.
    """
    images, reasons = [], []
    for candidate in candidates:
        try:
            images.append(load_image(candidate, backbone))
        except SampleError as error:
            reasons.append(f"{candidate.sample_key}: {error}")
    if candidates and not images:
        raise JepaScoreError(f"None of the first {len(candidates)} images can be read. The first, {reasons[0]}")
    return images
