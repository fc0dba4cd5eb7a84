"""Rows of views -> rows of images: an image is finished when all its views are, in whichever batches they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from jepascore_core.backbones.backbone import Backbone
from jepascore_core.errors import SampleError
from jepascore_core.jacobian.generic import callers_modes_off
from jepascore_core.measuring.loading import PendingView
from jepascore_core.measuring.rows import FinishedBatch, to_failure
from jepascore_core.records.measurements import Measurement, ViewScores
from jepascore_core.score import expected_score, score_of_log_spectrum


class ViewCollector:
    """Keeps the rows of views until an image has all `num_views` of them; the first failure of a view is the image's.

    Only whole images are passed on, so that a run that is stopped resumes with the images that lack a view.
    """

    def __init__(self, backbone: Backbone, num_views: int) -> None:
        self._backbone, self._num_views = backbone, num_views
        self._waiting: dict[str, dict[int, Measurement]] = {}
        self._failed: set[str | None] = set()

    def collect(self, batch: FinishedBatch) -> FinishedBatch:
        """Take in the views of a batch; return the images that are finished by it."""
        finished = FinishedBatch()
        for failure in batch.failures:
            if failure.content_id not in self._failed:
                self._failed.add(failure.content_id)
                self._waiting.pop(failure.content_id or "", None)
                finished.failures.append(failure)
        whole = []
        for image, row in zip(batch.images, batch.rows, strict=True):
            assert isinstance(image, PendingView)
            if image.content_id in self._failed:
                continue
            views = self._waiting.setdefault(image.content_id, {})
            views[image.view] = row
            if len(views) == self._num_views:
                whole.append((image, self._waiting.pop(image.content_id)))
        self._finish(whole, finished)
        return finished

    def _finish(self, whole: Sequence[tuple[PendingView, Mapping[int, Measurement]]], finished: FinishedBatch) -> None:
        """Add the rows of images with all their views; the embedding is that of the image itself."""
        if not whole:
            return
        with callers_modes_off(self._backbone.device.type):
            embeddings = self._backbone.encode(torch.stack([image.original for image, _ in whole])).cpu()
        for (image, views), embedding in zip(whole, embeddings, strict=True):
            if embedding.isfinite().all():
                finished.images.append(image)
                finished.rows.append(_combined([views[number] for number in range(self._num_views)], embedding))
            else:
                reason = "The encoder's embedding of the image itself is not finite: it contains NaN or infinity."
                finished.failures.append(to_failure(image, SampleError(reason, "measure")))


def _combined(views: Sequence[Measurement], embedding: Tensor) -> Measurement:
    """Combine the rows of the views of one image."""
    logs, ranks = [row.log_singular_values for row in views], [row.rank for row in views if row.rank is not None]
    scores = ViewScores(
        rank=np.array([row.score for row in views]),
        paper=np.array([row.score_paper for row in views]),
        tail=score_of_log_spectrum(logs, ranks, "tail"),
        top=score_of_log_spectrum(logs, ranks, "top"),
    )
    length = embedding.double().norm().clamp(min=torch.finfo(torch.float32).tiny).log()
    return Measurement(
        content_id=views[0].content_id,
        log_singular_values=None,
        rank=min(ranks),
        score=float(expected_score(scores.rank)),
        score_paper=float(expected_score(scores.paper)),
        embedding=embedding.half().numpy(),
        seconds=sum(row.seconds for row in views),
        features=np.array([length], dtype=np.float32),
        views=scores,
    )
