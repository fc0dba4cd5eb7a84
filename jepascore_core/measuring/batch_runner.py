"""Loaded images -> finished batches: passes through the encoder, then spectra.

On a GPU the spectra of a batch are computed on the processor while the next batch passes through the encoder; on a
processor they would only take turns. When memory runs out, the batches in flight are finished first, then the batch is
halved.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from jepascore_core.errors import NonFiniteError, OutOfMemoryError, SampleError
from jepascore_core.jacobian.gram import EIGEN_THREADS, eigen_threads
from jepascore_core.measuring.batching import first_plan, most_images
from jepascore_core.measuring.estimators import Measurements, build_engine, finish, run_backward
from jepascore_core.measuring.loading import Loaded, PendingImage
from jepascore_core.measuring.rows import FinishedBatch, finished_batch, to_failure
from jepascore_core.measuring.task import MeasureTask

_Images = list[tuple[PendingImage, Tensor]]


@dataclass(frozen=True)
class _InFlight:
    """Images that have passed through the encoder, and the future of their measurements."""

    images: _Images
    started: float
    result: Callable[[], Measurements]


def is_overlapping(device: torch.device) -> bool:
    """Return whether spectra are computed while the next batch passes: only a GPU leaves the CPU free for it."""
    return device.type == "cuda"


class BatchRunner:
    """Measures images in batches of the size that suits the device; several may be in flight."""

    def __init__(self, task: MeasureTask) -> None:
        backbone = task.backbone
        self._task = task
        self._engine = task.engine or build_engine(backbone, task.spec)
        self._plan = first_plan(backbone, self._engine)
        self._is_overlapping = is_overlapping(backbone.device)
        # These threads mostly wait on the GPU and the eigenvalue pool.
        self._finishers = ThreadPoolExecutor(EIGEN_THREADS, thread_name_prefix="finish")
        self._eigen_threads = eigen_threads()
        self._stream = torch.cuda.Stream(backbone.device) if backbone.device.type == "cuda" else None
        self._in_flight: deque[_InFlight] = deque()
        # Enough images to keep the threads busy, as far as their Jacobians have room; one batch in any case.
        self._most_in_flight = min(EIGEN_THREADS, most_images(backbone))
        self._finished_at = time.monotonic()

    def run(self, loaded: Iterator[Loaded]) -> Iterator[FinishedBatch]:
        """Measure images batch after batch, and yield every batch once it is finished."""
        while batch := list(islice(loaded, self._plan.batch)):
            self._task.listener.check()
            failures = [to_failure(image, found) for image, found in batch if isinstance(found, SampleError)]
            if failures:
                yield FinishedBatch(failures=failures)
            yield from self._measure([(image, found) for image, found in batch if isinstance(found, Tensor)])
        yield from self._drain()

    def close(self) -> list[FinishedBatch]:
        """Finish what can still be finished of the batches in flight, and end the threads."""
        finished = []
        for batch in self._in_flight:
            with contextlib.suppress(NonFiniteError, torch.OutOfMemoryError, MemoryError):
                finished.append(finished_batch([image for image, _ in batch.images], batch.result(), 0.0))
        self._finishers.shutdown()
        self._eigen_threads.shutdown()
        return finished

    def _drain(self) -> Iterator[FinishedBatch]:
        """Wait for the batches in flight."""
        while self._in_flight:
            finished, again = self._finish_batch(self._in_flight.popleft())
            if finished:
                yield finished
            yield from self._measure(again)

    def _measure(self, images: _Images) -> Iterator[FinishedBatch]:
        while images:
            part, images = images[: self._plan.batch], images[self._plan.batch :]
            finished, again = self._measure_part(part)
            images = again + images
            if finished:
                yield finished

    def _measure_part(self, part: _Images) -> tuple[FinishedBatch, _Images]:
        """Pass some images through the encoder; return what is finished meanwhile, and the images to try again."""
        task, started = self._task, time.monotonic()
        try:
            backward = run_backward(
                self._engine,
                task.backbone.device,
                torch.stack([tensor for _, tensor in part]),
                task.spec,
                chunk=self._plan.chunk,
                on_chunk=lambda _: task.listener.check(),
                nested=task.nested,
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            if self._in_flight:
                # Queued batches hold GPU memory: finish the oldest one, then retry this batch.
                finished, again = self._finish_batch(self._in_flight.popleft())
                return finished, again + part
            self._shrink(error)
            return FinishedBatch(), part
        # While the batch size is being tuned, batches are timed one by one.
        if not self._is_overlapping or self._plan.growing:
            return self._finish_batch(_InFlight(part, started, lambda: finish(backward)))
        future = self._finishers.submit(finish, backward, self._stream, self._eigen_threads)
        self._in_flight.append(_InFlight(part, started, future.result))
        if len(self._in_flight) > max(1, self._most_in_flight // self._plan.batch):
            return self._finish_batch(self._in_flight.popleft())
        return FinishedBatch(), []

    def _finish_batch(self, batch: _InFlight) -> tuple[FinishedBatch, _Images]:
        """Get the measurements of a batch; return its rows and failures, and the images to try again."""
        try:
            result = batch.result()
        except NonFiniteError as error:
            reason = SampleError(
                "The encoder's output is not finite: its embedding or Jacobian contains NaN or infinity.", "measure"
            )
            failures = [to_failure(batch.images[index][0], reason) for index in error.positions]
            again = [each for index, each in enumerate(batch.images) if index not in error.positions]
            return FinishedBatch(failures=failures), again
        except (torch.OutOfMemoryError, MemoryError) as error:
            self._shrink(error)
            return FinishedBatch(), batch.images
        now = time.monotonic()
        seconds, self._finished_at = now - max(batch.started, self._finished_at), now
        self._plan = self._plan.after(len(batch.images), seconds)
        return finished_batch([image for image, _ in batch.images], result, seconds / len(batch.images)), []

    def _shrink(self, error: BaseException) -> None:
        device, smaller = self._task.backbone.device, self._plan.smaller()
        if smaller is None:
            raise OutOfMemoryError(
                f"Out of memory: {device} cannot hold even one image and one cotangent. "
                "Choose a smaller backbone or image size, or another device."
            ) from error
        self._plan = smaller
        if device.type == "cuda":
            torch.cuda.empty_cache()
