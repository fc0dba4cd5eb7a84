"""Embeddings alone: one forward pass per image, while other images are read and decoded.

On a CPU every core reads, decodes and encodes blocks of its own: cores that share one forward pass would wait for each
other in every layer, and for the decoder. On a GPU threads load blocks, and one thread encodes them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.backbones.build import load_ref
from jepascore_core.datasets.decoding import decode
from jepascore_core.errors import OutOfMemoryError, SampleError
from jepascore_core.measuring.loading import PendingImage, load_image, load_threads
from jepascore_core.measuring.rate_meter import RateMeter
from jepascore_core.measuring.rows import FinishedBatch, to_failure
from jepascore_core.measuring.shard_writer import ShardWriter
from jepascore_core.measuring.task import MeasureProgress, MeasureTask
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.measurements import Measurement

#: Images that one thread loads, and that pass through the encoder together. Larger blocks of ViT-Ti/16 are no faster
#: on a CPU (benchmarks/embed.py), and a cancelled run waits for one.
CPU_BLOCK, GPU_BLOCK = 16, 64
NOT_FINITE = "The encoder's embedding is not finite: it contains NaN or infinity."


@dataclass(frozen=True)
class _Block:
    """Loaded images [n, C, H, W] in order of `images`; `failures` are those that could not be loaded."""

    images: list[PendingImage]
    tensors: list[Tensor]
    failures: list[tuple[PendingImage, SampleError]]
    started: float


def embed_pending(task: MeasureTask, pending: Iterable[PendingImage]) -> MeasureProgress:
    """Embed pending images on one device and store them shard by shard. Return the final progress.

    Raises:
        OutOfMemoryError: if a single image does not fit.
    """
    writer, meter = ShardWriter(task), RateMeter()
    try:
        for batch in embed_images(task.backbone, pending, task.listener.check):
            writer.append(batch)
            writer.flush_if_due()
            meter.record(batch)
            task.listener.on_progress(meter.progress, batch.failures)
    finally:
        # Also if cancelled or failed: finished images are kept.
        writer.flush()
    return meter.progress


def embed_images(
    backbone: Backbone, pending: Iterable[PendingImage], check: Callable[[], None] = lambda: None
) -> Iterator[FinishedBatch]:
    """Yield the embeddings of pending images, block by block; `check` is called before each and may raise to stop.

    Raises:
        OutOfMemoryError: if a single image does not fit.
    """
    is_cpu = backbone.device.type == "cpu"
    threads = torch.get_num_threads() if is_cpu else load_threads(torch.get_num_threads())
    upcoming = iter(pending)
    waiting: deque[Future[_Block] | Future[FinishedBatch]] = deque()

    def work(images: list[PendingImage]) -> FinishedBatch:
        return _encode_block(_load_block(images, backbone), backbone)

    with _pool(threads, is_cpu) as pool:
        while True:
            while len(waiting) < threads + 1 and (images := list(islice(upcoming, CPU_BLOCK if is_cpu else GPU_BLOCK))):
                waiting.append(pool.submit(work, images) if is_cpu else pool.submit(_load_block, images, backbone))
            if not waiting:
                return
            check()
            found = waiting.popleft().result()
            yield _encode_block(found, backbone) if isinstance(found, _Block) else found


@contextmanager
def _pool(threads: int, is_cpu: bool) -> Iterator[ThreadPoolExecutor]:
    """Threads that compute on one core each; the number of others is restored at the end."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, "embed", initializer=torch.set_num_threads, initargs=(1 if is_cpu else before,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _load_block(images: list[PendingImage], backbone: Backbone) -> _Block:
    block = _Block([], [], [], time.monotonic())
    for image in images:
        try:
            block.tensors.append(load_image(image, backbone))
            block.images.append(image)
        except SampleError as error:
            block.failures.append((image, error))
    return block


def _encode_block(block: _Block, backbone: Backbone) -> FinishedBatch:
    batch = FinishedBatch(failures=[to_failure(image, error) for image, error in block.failures])
    if not block.images:
        return batch
    embeddings = _encode(block.tensors, backbone).cpu()
    seconds = (time.monotonic() - block.started) / len(block.images)
    finite, rows = embeddings.isfinite().all(dim=1).tolist(), embeddings.half().numpy()
    for image, is_finite, embedding in zip(block.images, finite, rows, strict=True):
        if not is_finite:
            batch.failures.append(to_failure(image, SampleError(NOT_FINITE, "measure")))
            continue
        batch.images.append(image)
        batch.rows.append(embedding_row(image.content_id, embedding, seconds))
    return batch


def embed_picture(ref: BackboneRef, data: bytes) -> npt.NDArray[np.float32]:
    """Embed the bytes of one picture -> [K], on the CPU.

    Raises:
        SampleError: if it cannot be decoded or preprocessed.
        JepaScoreError: if the backbone cannot be loaded.
    """
    backbone = load_ref(ref, "cpu")
    embedding = backbone.encode(backbone.preprocess(decode(data))[None])[0].float().numpy()
    if not np.isfinite(embedding).all():
        raise SampleError(NOT_FINITE, "measure")
    return np.asarray(embedding, np.float32)


def embedding_row(content_id: str, embedding: npt.NDArray[np.float16], seconds: float) -> Measurement:
    """Return the row of an image that has an embedding and no score."""
    return Measurement(content_id, None, None, None, None, embedding, seconds)


def _encode(tensors: list[Tensor], backbone: Backbone) -> Tensor:
    """Return embeddings [n, K]; where memory runs out, of one half after the other."""
    try:
        return backbone.encode(torch.stack(tensors))
    except (torch.OutOfMemoryError, MemoryError) as error:
        half = len(tensors) // 2
        if not half:
            raise OutOfMemoryError(
                f"Out of memory: {backbone.device} cannot hold even one image. Choose a smaller backbone or image "
                "size, or another device."
            ) from error
    return torch.cat([_encode(tensors[:half], backbone), _encode(tensors[half:], backbone)])
