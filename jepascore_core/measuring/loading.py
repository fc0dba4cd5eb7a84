"""Load pending images: read, verify, decode and preprocess in threads, ahead of the passes.

If views are measured, each view of an image is one tensor.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from PIL.Image import Image
from torch import Tensor

from jepascore_core.backbones.augmentation import parse_augmentation
from jepascore_core.backbones.backbone import Backbone
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import FileChangedError, SampleError
from jepascore_core.measuring.image_views import make_view, view_generator
from jepascore_core.records.measurements import MeasurementSpec

_PREFETCH = 64


@dataclass(frozen=True)
class PendingImage:
    """A distinct image that has no measurement yet, with one of the samples that show it."""

    content_id: str
    sample_key: str
    uri: str


@dataclass(frozen=True, eq=False)
class PendingView(PendingImage):
    """One view of a pending image, counted from 0; `original` is the image itself, preprocessed [C, H, W]."""

    view: int
    original: Tensor


#: An image or one of its views, and its tensor, or the error that loading raised.
Loaded = tuple[PendingImage, Tensor | SampleError]


@contextmanager
def load_ahead(
    pending: Iterable[PendingImage], backbone: Backbone, spec: MeasurementSpec
) -> Iterator[Iterator[Loaded]]:
    """Yield pending images in order, loading a bounded number ahead; cancel the rest when stopped.

    With a spec that has views, yield all views of an image one after the other.
    """
    threads = load_threads(os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="load") as pool:
        try:
            ahead = max(threads, _PREFETCH // spec.views)
            yield _load_in_order(pool, pending, partial(_load, backbone=backbone, spec=spec), ahead)
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
    return _preprocess(_decode(image), backbone)


def load_views(image: PendingImage, backbone: Backbone, spec: MeasurementSpec) -> list[tuple[PendingView, Tensor]]:
    """Read, verify and decode an image, and make its views, each with a tensor [C, H, W]. The spec has views.

    Raises:
        SampleError: naming the stage that failed.
    """
    decoded, augmentation = _decode(image), parse_augmentation(spec.augmentation or "")
    original = _preprocess(decoded, backbone)
    views = []
    for number in range(spec.views):
        random = view_generator(image.content_id, number)
        view = PendingView(image.content_id, image.sample_key, image.uri, number, original)
        views.append((view, _in_stage(partial(make_view, decoded, original, backbone, augmentation, random))))
    return views


def _load(image: PendingImage, backbone: Backbone, spec: MeasurementSpec) -> Sequence[tuple[PendingImage, Tensor]]:
    return load_views(image, backbone, spec) if spec.has_views else [(image, load_image(image, backbone))]


def _decode(image: PendingImage) -> Image:
    data = read_bytes(image.uri)
    if content_id(data) != image.content_id:
        raise FileChangedError()
    return decode(data)


def _preprocess(decoded: Image, backbone: Backbone) -> Tensor:
    return _in_stage(partial(backbone.preprocess, decoded))


def _in_stage(preprocess: Callable[[], Tensor]) -> Tensor:
    try:
        return preprocess()
    except (ValueError, OSError, RuntimeError) as error:
        raise SampleError(f"The image cannot be preprocessed: {error}.", "preprocess") from error


def _load_in_order(
    pool: ThreadPoolExecutor,
    pending: Iterable[PendingImage],
    load: Callable[[PendingImage], Sequence[tuple[PendingImage, Tensor]]],
    ahead: int,
) -> Iterator[Loaded]:
    waiting: deque[tuple[PendingImage, Future[Sequence[tuple[PendingImage, Tensor]]]]] = deque()
    upcoming = iter(pending)
    while True:
        while len(waiting) < ahead and (image := next(upcoming, None)) is not None:
            waiting.append((image, pool.submit(load, image)))
        if not waiting:
            return
        image, future = waiting.popleft()
        try:
            yield from future.result()
        except SampleError as error:
            yield image, error
