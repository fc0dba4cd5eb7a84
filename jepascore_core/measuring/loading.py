"""Pending images -> preprocessed tensors: read, verified, decoded and preprocessed in threads, ahead of the passes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import FileChangedError, SampleError

_PREFETCH = 64


@dataclass(frozen=True)
class PendingImage:
    """A distinct image that has no measurement yet, with one of the samples that show it."""

    content_id: str
    sample_key: str
    uri: str


#: An image and its tensor, or the error that loading raised.
Loaded = tuple[PendingImage, Tensor | SampleError]


@contextmanager
def load_ahead(pending: Iterable[PendingImage], backbone: Backbone) -> Iterator[Iterator[Loaded]]:
    """Pending images in their order, a bounded number of them loaded ahead; at the end the others are cancelled."""
    with ThreadPoolExecutor(load_threads(os.cpu_count() or 1), thread_name_prefix="load") as pool:
        try:
            yield _load_in_order(pool, pending, backbone)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def load_threads(num_processors: int) -> int:
    """Return the number of threads that read and decode images: a GPU sketches some hundred images a second."""
    return max(4, min(16, num_processors))


def load_image(image: PendingImage, backbone: Backbone) -> Tensor:
    """Read, verify, decode and preprocess one image. -> [C, H, W].

    Raises:
        SampleError: naming the stage that failed.
    """
    data = read_bytes(image.uri)
    if content_id(data) != image.content_id:
        raise FileChangedError()
    decoded = decode(data)
    try:
        return backbone.preprocess(decoded)
    except (ValueError, OSError, RuntimeError) as error:
        raise SampleError(f"The image cannot be preprocessed: {error}.", "preprocess") from error


def _load_in_order(pool: ThreadPoolExecutor, pending: Iterable[PendingImage], backbone: Backbone) -> Iterator[Loaded]:
    waiting: deque[tuple[PendingImage, Future[Tensor]]] = deque()
    upcoming = iter(pending)
    while True:
        while len(waiting) < _PREFETCH and (image := next(upcoming, None)) is not None:
            waiting.append((image, pool.submit(load_image, image, backbone)))
        if not waiting:
            return
        image, future = waiting.popleft()
        try:
            yield image, future.result()
        except SampleError as error:
            yield image, error
