"""Measure how good an encoder is: numbers for a model card."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from jepascore_core.training.sigreg import epps_pulley, random_directions


def embed(encoder: nn.Module, inputs: Tensor, batch_size: int = 256) -> Tensor:
    """Compute embeddings of preprocessed images: [N, C, H, W] -> [N, K]."""
    with torch.no_grad():
        return torch.cat([encoder(batch) for batch in inputs.split(batch_size)])


def probe_accuracy(embeddings: Tensor, labels: npt.NDArray[np.int64], is_test: npt.NDArray[np.bool_]) -> float:
    """Return the share of held-out samples that a logistic regression, fitted on the others, classifies correctly."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = embeddings.numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(probe.fit(values[~is_test], labels[~is_test]).score(values[is_test], labels[is_test]))


def neighbour_accuracy(
    embeddings: Tensor, labels: npt.NDArray[np.int64], is_test: npt.NDArray[np.bool_], neighbours: int = 5
) -> float:
    """Return the share of held-out samples that a vote of `neighbours` nearest others classifies correctly."""
    from sklearn.neighbors import KNeighborsClassifier

    values = embeddings.numpy()
    classifier = KNeighborsClassifier(neighbours).fit(values[~is_test], labels[~is_test])
    return float(classifier.score(values[is_test], labels[is_test]))


def gaussianity(embeddings: Tensor, directions: int = 1024, seed: int = 0) -> tuple[float, float]:
    """Return mean Epps-Pulley statistic and mean Kolmogorov-Smirnov distance to N(0, 1) over random projections.

    For N(0, I) they are 1.06 and about 0.87 / sqrt(N).
    """
    from scipy.special import ndtr

    generator = torch.Generator().manual_seed(seed)
    projected = embeddings @ random_directions(embeddings.shape[1], directions, generator)  # [N, S]
    count = len(projected)
    levels = ndtr(projected.sort(dim=0).values.numpy())
    steps = np.arange(count)[:, None] / count
    distances = np.maximum(np.abs(levels - steps), np.abs(levels - steps - 1 / count)).max(axis=0)
    return float(epps_pulley(projected).mean()), float(distances.mean())
