"""Convert the measurements of a batch to rows for the store, and to failures for images without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from jepascore_core.errors import SampleError
from jepascore_core.measuring.estimators import Measurements
from jepascore_core.measuring.loading import PendingImage, PendingView
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurements import Measurement
from jepascore_core.score import jepa_score, log_spectrum


@dataclass(frozen=True)
class FinishedBatch:
    """Every image of a batch as a row or a failure; `nested_rows` are the by-products of `rows`.

    `images` are those of the rows.
    """

    rows: list[Measurement] = field(default_factory=list)
    nested_rows: list[Measurement] = field(default_factory=list)
    failures: list[SampleFailure] = field(default_factory=list)
    images: list[PendingImage] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.failures)


def finished_batch(images: Sequence[PendingImage], result: Measurements, seconds: float) -> FinishedBatch:
    """Sort measured images into rows and failures; `seconds` per image."""
    batch = FinishedBatch()
    for index, row in enumerate(to_rows([image.content_id for image in images], result, seconds)):
        if row.rank == 0:
            error = SampleError("The Jacobian is 0: the encoder's output does not depend on this image.", "measure")
            batch.failures.append(to_failure(images[index], error))
            continue
        batch.rows.append(row)
        batch.images.append(images[index])
        if result.nested is not None and result.spec.is_exact:
            logs = result.nested[index].numpy().astype("float32")
            # By-products have no cost of their own.
            batch.nested_rows.append(replace(row, log_singular_values=logs, seconds=0.0))
    return batch


def to_rows(content_ids: Sequence[str], result: Measurements, seconds: float) -> list[Measurement]:
    """Convert the measurements of a batch to rows for the store; `seconds` per image."""
    logs = log_spectrum(result.singular_values) if result.nested is None or result.spec.is_exact else result.nested
    paper = jepa_score(result.singular_values, "paper")
    embedding = result.embedding.double()
    lengths = embedding.norm(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny).log()
    features = lengths if result.features is None else torch.cat([result.features.double(), lengths], dim=1)
    return [
        Measurement(
            content_id=content_id,
            log_singular_values=np.asarray(logs[index], dtype=np.float32),
            rank=int(result.rank[index]),
            score=float(result.score[index]),
            score_paper=float(paper[index]),
            embedding=embedding[index].half().numpy(),
            seconds=seconds,
            features=features[index].float().numpy(),
        )
        for index, content_id in enumerate(content_ids)
    ]


def to_failure(image: PendingImage, error: SampleError) -> SampleFailure:
    """Describe why an image, or one of its views, has no measurement."""
    return SampleFailure(
        sample_key=image.sample_key,
        uri=image.uri,
        stage=error.stage,
        error_class=type(error.__cause__ or error).__name__,
        message=f"View {image.view + 1}: {error}" if isinstance(image, PendingView) else str(error),
        content_id=image.content_id,
    )
