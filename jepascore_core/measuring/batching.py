"""How many images and cotangents at once: found by trying, halved when memory runs out."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: A larger batch must be faster per image by this factor to be worth its memory.
WORTHWHILE = 0.95


@dataclass(frozen=True)
class BatchPlan:
    """Images in a batch, cotangents in a chunk, and what was learnt about larger batches.

    Starts with one image, doubles while that makes an image cheaper, and never grows past `limit`.
    """

    batch: int
    chunk: int
    limit: int
    best_seconds: float | None = None
    growing: bool = True

    def after(self, num_images: int, seconds: float) -> BatchPlan:
        """The plan after a batch of `num_images` took `seconds`."""
        if not self.growing or num_images < self.batch:
            return self
        each = seconds / num_images
        if self.best_seconds is not None and each > WORTHWHILE * self.best_seconds:
            return replace(self, batch=max(1, self.batch // 2), growing=False)
        doubled = min(self.batch * 2, self.limit)
        return replace(self, batch=doubled, best_seconds=each, growing=doubled > self.batch)

    def smaller(self) -> BatchPlan | None:
        """The plan after memory ran out: half the images, then half the cotangents; None when nothing is left."""
        if self.batch > 1:
            return replace(self, batch=self.batch // 2, limit=self.batch // 2, growing=False)
        if self.chunk > 1:
            return replace(self, chunk=self.chunk // 2, growing=False)
        return None


def plan_batches(dimension: int, num_pixels: int, chunk: int, memory: int, largest: int = 256) -> BatchPlan:
    """First plan for Jacobians of [dimension, num_pixels] float32 values in `memory` bytes."""
    limit = min(largest, images_that_fit(dimension, num_pixels, memory))
    return BatchPlan(batch=1, chunk=min(chunk, dimension), limit=max(1, limit))


def images_that_fit(dimension: int, num_pixels: int, memory: int) -> int:
    """How many images' Jacobians of [dimension, num_pixels] float32 values `memory` bytes hold."""
    return memory // (4 * dimension * num_pixels)
