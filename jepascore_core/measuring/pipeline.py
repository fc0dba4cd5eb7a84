"""One run, from pending samples to shards: load -> encode and differentiate -> score -> store.

Images are loaded ahead in threads. On a GPU the spectra of a batch are worked out on the processor while the next batch
passes through the encoder; on a processor they would only take turns.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.errors import NonFiniteError, OutOfMemoryError, SampleError
from jepascore_core.jacobian.engine import Engine
from jepascore_core.jacobian.gram import EIGEN_THREADS, eigen_threads
from jepascore_core.measuring.batching import BatchPlan, images_that_fit, plan_batches
from jepascore_core.measuring.estimators import Measurements, build_engine, finish, run_backward
from jepascore_core.measuring.loading import Loaded, PendingImage, load_ahead
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.score import jepa_score, log_spectrum
from jepascore_core.storage.store import Store

#: A shard is written when it holds this many images, or when its time has come (`flush_interval`).
SHARD_IMAGES = 1024

#: Share of a device's free memory that the Jacobians of one batch may take; those that wait for their spectra may take
#: as much again, and the passes need the rest.
JACOBIAN_SHARE = 0.2
CPU_JACOBIAN_BYTES = 1 << 30


@dataclass(frozen=True)
class Progress:
    """State of the run after a batch; counts of this call only. `rate` in images per second."""

    num_measured: int
    num_failed: int
    rate: float | None


def flush_interval(elapsed: float) -> float:
    """Seconds between shards after `elapsed` seconds of a run.

    A young run shows its first results soon; a long one loses at most 2 % of its time to a crash, 5 minutes at most,
    and writes few files.
    """
    return min(max(0.02 * elapsed, 3.0), 300.0)


def measure_pending(
    store: Store,
    backbone: Backbone,
    spec: MeasurementSpec,
    pending: Iterable[PendingImage],
    *,
    on_progress: Callable[[Progress, list[SampleFailure]], None],
    check: Callable[[], None],
    engine: Engine | None = None,
    nested: MeasurementSpec | None = None,
    on_shard: Callable[[list[Measurement]], None] | None = None,
) -> Progress:
    """Measure the pending images and store them shard by shard.

    Args:
        store: where shards go.
        backbone: what measures.
        spec: what is measured.
        pending: images that no shard has.
        on_progress: called after every batch with the counts so far and the batch's failures.
        check: called often; raises to stop. What is finished by then is stored first.
        engine: from `build_engine`, for a caller that measures in several parts.
        nested: nested sketches to store besides, as a by-product of exact measurements.
        on_shard: called with the rows of every shard once it is stored.

    Returns:
        The final progress.

    Raises:
        OutOfMemoryError: if one image and one cotangent at a time do not fit.
    """
    session = _Session(store, backbone, spec, check, engine or build_engine(backbone, spec), nested, on_shard)
    with load_ahead(pending, backbone) as loaded:
        try:
            while batch := list(islice(loaded, session.plan.batch)):
                failures = session.measure(batch)
                on_progress(session.progress(), failures)
            if failures := session.catch_up():
                on_progress(session.progress(), failures)
        finally:
            # Also when cancelled or failing: what was measured is kept.
            session.close()
    return session.progress()


def first_plan(backbone: Backbone, engine: Engine) -> BatchPlan:
    """The batch plan to start with, from the memory of the backbone's device."""
    num_pixels, chunk = _num_pixels(backbone), engine.default_chunk()
    memory = jacobian_bytes(backbone.device)
    if backbone.device.type != "cuda":
        return plan_batches(backbone.info.dimension, num_pixels, chunk, memory)
    return gpu_plan(backbone.info.dimension, num_pixels, chunk, memory)


def jacobian_bytes(device: torch.device) -> int:
    """Memory that the Jacobians of one batch may take."""
    if device.type != "cuda":
        return CPU_JACOBIAN_BYTES
    return int(JACOBIAN_SHARE * torch.cuda.mem_get_info(device)[0])


def gpu_plan(dimension: int, num_pixels: int, chunk: int, memory: int) -> BatchPlan:
    """The plan to start with on a GPU where Jacobians may take so many bytes."""
    # The chunk is what the memory holds of a single image: several images share it.
    return plan_batches(dimension, num_pixels, chunk, memory, max(1, chunk // max(1, dimension)))


def _num_pixels(backbone: Backbone) -> int:
    preprocessing = backbone.info.preprocessing
    return preprocessing.channels * preprocessing.height * preprocessing.width


def is_overlapping(device: torch.device) -> bool:
    """Whether spectra are worked out while the next batch passes: where the device is not the processor itself."""
    return device.type == "cuda"


_Part = list[tuple[PendingImage, Tensor]]


@dataclass(frozen=True)
class _Batch:
    """Images that have passed through the encoder, and how to get what was found."""

    part: _Part
    started: float
    result: Callable[[], Measurements]


class _Session:
    """The moving parts of one call of `measure_pending`: batch plan, unwritten rows, counters and rate."""

    def __init__(
        self,
        store: Store,
        backbone: Backbone,
        spec: MeasurementSpec,
        check: Callable[[], None],
        engine: Engine,
        nested: MeasurementSpec | None,
        on_shard: Callable[[list[Measurement]], None] | None,
    ) -> None:
        self.store, self.backbone, self.spec, self.check, self.engine = store, backbone, spec, check, engine
        self.nested, self.on_shard = nested, on_shard
        self.plan = first_plan(backbone, engine)
        self.is_overlapping = is_overlapping(backbone.device)
        # Those that conclude only wait, for the GPU and for those that work.
        self.concluding = ThreadPoolExecutor(EIGEN_THREADS, thread_name_prefix="conclude")
        self.eigen_threads = eigen_threads()
        self.stream = torch.cuda.Stream(backbone.device) if backbone.device.type == "cuda" else None
        self.waiting: deque[_Batch] = deque()
        # Enough images to keep the threads busy, as far as their Jacobians have room; one batch in any case.
        fitting = images_that_fit(backbone.info.dimension, _num_pixels(backbone), jacobian_bytes(backbone.device))
        self.most_waiting = min(EIGEN_THREADS, fitting)
        self.rows: list[Measurement] = []
        self.nested_rows: list[Measurement] = []
        self.num_measured = self.num_failed = 0
        self.started = self.flushed = self.collected = time.monotonic()
        self.recent: deque[tuple[float, int]] = deque([(self.started, 0)], maxlen=50)

    def measure(self, batch: list[Loaded]) -> list[SampleFailure]:
        """Measure one batch; returns the failures that became known meanwhile."""
        self.check()
        failures = [_failure(image, loaded) for image, loaded in batch if isinstance(loaded, SampleError)]
        failures += self._measure_all([(image, loaded) for image, loaded in batch if isinstance(loaded, Tensor)])
        self._count(failures)
        if len(self.rows) >= SHARD_IMAGES or self._is_due():
            self.flush()
        return failures

    def catch_up(self) -> list[SampleFailure]:
        """Wait for what is not concluded yet; returns its failures."""
        failures: list[SampleFailure] = []
        while self.waiting:
            again, failed = self._collect(self.waiting.popleft())
            failures += failed + self._measure_all(again)
        self._count(failures)
        return failures

    def close(self) -> None:
        """Keep what was measured, whatever happened."""
        for batch in self.waiting:
            with contextlib.suppress(NonFiniteError, torch.OutOfMemoryError, MemoryError):
                self._keep([image for image, _ in batch.part], batch.result(), 0.0)
        self.concluding.shutdown()
        self.eigen_threads.shutdown()
        self.flush()

    def _count(self, failures: list[SampleFailure]) -> None:
        self.num_failed += len(failures)
        self.recent.append((time.monotonic(), self.num_measured + self.num_failed))

    def _measure_all(self, good: _Part) -> list[SampleFailure]:
        failures: list[SampleFailure] = []
        while good:
            part, good = good[: self.plan.batch], good[self.plan.batch :]
            again, failed = self._measure_part(part)
            good = again + good
            failures += failed
        return failures

    def _measure_part(self, part: _Part) -> tuple[_Part, list[SampleFailure]]:
        """Pass some images through the encoder; returns those to try again and those that are known to have failed."""
        started = time.monotonic()
        try:
            images = torch.stack([tensor for _, tensor in part])
            passes = run_backward(
                self.engine,
                self.backbone.device,
                images,
                self.spec,
                chunk=self.plan.chunk,
                on_chunk=lambda _: self.check(),
                nested=self.nested,
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            if self.waiting:
                # What waits holds memory: the same again without.
                again, failed = self._collect(self.waiting.popleft())
                return again + part, failed
            self._shrink(error)
            return part, []
        # While the batch size is still sought, batches are timed one by one.
        if not self.is_overlapping or self.plan.growing:
            return self._collect(_Batch(part, started, lambda: finish(passes)))
        concluded = self.concluding.submit(finish, passes, self.stream, self.eigen_threads)
        self.waiting.append(_Batch(part, started, concluded.result))
        if len(self.waiting) > max(1, self.most_waiting // self.plan.batch):
            return self._collect(self.waiting.popleft())
        return [], []

    def _collect(self, batch: _Batch) -> tuple[_Part, list[SampleFailure]]:
        """Conclude a batch; returns its images to try again and those that failed."""
        try:
            result = batch.result()
        except NonFiniteError as error:
            bad = set(error.positions)
            failed = [
                _failure(image, SampleError("The embedding or Jacobian is not finite.", "measure"))
                for position, (image, _) in enumerate(batch.part)
                if position in bad
            ]
            return [item for position, item in enumerate(batch.part) if position not in bad], failed
        except (torch.OutOfMemoryError, MemoryError) as error:
            self._shrink(error)
            return batch.part, []
        now = time.monotonic()
        seconds, self.collected = now - max(batch.started, self.collected), now
        self.plan = self.plan.after(len(batch.part), seconds)
        return [], self._keep([image for image, _ in batch.part], result, seconds / len(batch.part))

    def _keep(self, images: list[PendingImage], result: Measurements, seconds: float) -> list[SampleFailure]:
        failures = []
        rows = to_rows([image.content_id for image in images], result, seconds)
        for position, image in enumerate(images):
            if rows[position].rank == 0:
                error = SampleError(
                    "The encoder's output does not depend on this image (its Jacobian is 0).", "measure"
                )
                failures.append(_failure(image, error))
                continue
            self.rows.append(rows[position])
            if self.nested is not None and result.nested is not None:
                logs = result.nested[position].numpy().astype("float32")
                # By-products cost nothing of their own.
                self.nested_rows.append(replace(rows[position], log_singular_values=logs, seconds=0.0))
            self.num_measured += 1
        return failures

    def _shrink(self, error: BaseException) -> None:
        smaller = self.plan.smaller()
        if smaller is None:
            raise OutOfMemoryError(
                f"One image and one cotangent at a time do not fit in the memory of {self.backbone.device}. "
                "Choose a smaller backbone or image size, or another device."
            ) from error
        self.plan = smaller
        if self.backbone.device.type == "cuda":
            torch.cuda.empty_cache()

    def _is_due(self) -> bool:
        now = time.monotonic()
        return bool(self.rows) and now - self.flushed >= flush_interval(now - self.started)

    def flush(self) -> None:
        """Write the finished rows as one shard, by-products after what they came with."""
        rows, nested_rows = self.rows, self.nested_rows
        self.rows, self.nested_rows = [], []
        if rows:
            self.store.write_measurements(self.backbone.info.backbone_id, self.spec, rows)
        if nested_rows and self.nested is not None:
            self.store.write_measurements(self.backbone.info.backbone_id, self.nested, nested_rows)
        if rows and self.on_shard is not None:
            self.on_shard(rows)
        self.flushed = time.monotonic()

    def progress(self) -> Progress:
        """Counts and rate so far."""
        (first, before), (last, done) = self.recent[0], self.recent[-1]
        rate = (done - before) / (last - first) if last > first else None
        return Progress(self.num_measured, self.num_failed, rate)


def to_rows(content_ids: Sequence[str], result: Measurements, seconds: float) -> list[Measurement]:
    """What was measured of a batch as rows for the store; `seconds` an image."""
    logs = log_spectrum(result.singular_values) if result.nested is None or result.spec.is_exact else result.nested
    paper = jepa_score(result.singular_values, "paper")
    embedding = result.embedding.double()
    lengths = embedding.norm(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny).log()
    features = lengths if result.features is None else torch.cat([result.features.double(), lengths], dim=1)
    return [
        Measurement(
            content_id=content_id,
            log_singular_values=np.asarray(logs[position], dtype=np.float32),
            rank=int(result.rank[position]),
            score=float(result.score[position]),
            score_paper=float(paper[position]),
            embedding=embedding[position].half().numpy(),
            seconds=seconds,
            features=features[position].float().numpy(),
        )
        for position, content_id in enumerate(content_ids)
    ]


def _failure(image: PendingImage, error: SampleError) -> SampleFailure:
    return SampleFailure(
        sample_key=image.sample_key,
        uri=image.uri,
        stage=error.stage,
        error_class=type(error.__cause__ or error).__name__,
        message=str(error),
        content_id=image.content_id,
    )
