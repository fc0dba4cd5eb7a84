"""Batch sizes of images and cotangents: tuned by trial, within the device's memory, halved when it runs out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.jacobian.engine import Engine

#: A larger batch must be faster per image by this factor to be worth its memory.
WORTHWHILE = 0.95

#: Share of a device's free memory that the Jacobians of one batch may take; those queued for their spectra may take
#: as much again, and the passes need the rest.
JACOBIAN_SHARE = 0.2
CPU_JACOBIAN_BYTES = 1 << 30


@dataclass(frozen=True)
class BatchPlan:
    """Images in a batch, cotangents in a chunk, and what is known about larger batches.

    Starts with one image, doubles while that makes an image cheaper, and never grows past `limit`.
    """

    batch: int
    chunk: int
    limit: int
    best_seconds: float | None = None
    growing: bool = True

    def after(self, num_images: int, seconds: float) -> BatchPlan:
        """Return the plan after a batch of `num_images` took `seconds`."""
        if not self.growing or num_images < self.batch:
            return self
        each = seconds / num_images
        if self.best_seconds is not None and each > WORTHWHILE * self.best_seconds:
            return replace(self, batch=max(1, self.batch // 2), growing=False)
        doubled = min(self.batch * 2, self.limit)
        return replace(self, batch=doubled, best_seconds=each, growing=doubled > self.batch)

    def smaller(self) -> BatchPlan | None:
        """Return the plan after memory ran out: half the images, then half the cotangents; None if nothing is left."""
        if self.batch > 1:
            return replace(self, batch=self.batch // 2, limit=self.batch // 2, growing=False)
        if self.chunk > 1:
            return replace(self, chunk=self.chunk // 2, growing=False)
        return None


def plan_batches(dimension: int, num_pixels: int, chunk: int, memory: int, largest: int = 256) -> BatchPlan:
    """Return the first plan for Jacobians of [dimension, num_pixels] float32 values in `memory` bytes."""
    limit = min(largest, images_that_fit(dimension, num_pixels, memory))
    return BatchPlan(batch=1, chunk=min(chunk, dimension), limit=max(1, limit))


def images_that_fit(dimension: int, num_pixels: int, memory: int) -> int:
    """Return how many Jacobians of [dimension, num_pixels] float32 values fit in `memory` bytes."""
    return memory // (4 * dimension * num_pixels)


def most_images(backbone: Backbone) -> int:
    """Return how many images' Jacobians fit in the memory of the backbone's device."""
    return images_that_fit(backbone.info.dimension, _num_pixels(backbone), jacobian_bytes(backbone.device))


def first_plan(backbone: Backbone, engine: Engine) -> BatchPlan:
    """Make the batch plan to start with, from the memory of the backbone's device."""
    num_pixels, chunk = _num_pixels(backbone), engine.default_chunk()
    memory = jacobian_bytes(backbone.device)
    if backbone.device.type != "cuda":
        return plan_batches(backbone.info.dimension, num_pixels, chunk, memory)
    return gpu_plan(backbone.info.dimension, num_pixels, chunk, memory)


def gpu_plan(dimension: int, num_pixels: int, chunk: int, memory: int) -> BatchPlan:
    """Make the plan to start with on a GPU where Jacobians may take `memory` bytes."""
    # The chunk is the maximum for a single image: several images share it.
    return plan_batches(dimension, num_pixels, chunk, memory, max(1, chunk // max(1, dimension)))


def jacobian_bytes(device: torch.device) -> int:
    """Return the memory that the Jacobians of one batch may take."""
    if device.type != "cuda":
        return CPU_JACOBIAN_BYTES
    return int(JACOBIAN_SHARE * torch.cuda.mem_get_info(device)[0])


def _num_pixels(backbone: Backbone) -> int:
    preprocessing = backbone.info.preprocessing
    return preprocessing.channels * preprocessing.height * preprocessing.width
