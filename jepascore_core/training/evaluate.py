"""How good an encoder is, and whether its score notices what it should: numbers for a model card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from jepascore_core.jacobian.generic import jacobian
from jepascore_core.jacobian.gram import singular_values
from jepascore_core.training.sigreg import epps_pulley, random_directions

Floats = npt.NDArray[np.float64]


def embed(encoder: nn.Module, inputs: Tensor, batch_size: int = 256) -> Tensor:
    """Embeddings of preprocessed images: [N, C, H, W] -> [N, K]."""
    with torch.no_grad():
        return torch.cat([encoder(batch) for batch in inputs.split(batch_size)])


def log_volumes(encoder: nn.Module, inputs: Tensor, batch_size: int = 64) -> Floats:
    """JEPA-SCORE of preprocessed images over all K directions, in nats: [N, C, H, W] -> [N]."""
    spectra = [singular_values(jacobian(encoder, batch)[1]) for batch in inputs.split(batch_size)]
    return torch.cat(spectra).log().sum(dim=1).numpy()


def probe_accuracy(embeddings: Tensor, labels: npt.NDArray[np.int64], is_test: npt.NDArray[np.bool_]) -> float:
    """Share of held-out samples whose label a logistic regression, fitted on the others, gets right."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = embeddings.numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(probe.fit(values[~is_test], labels[~is_test]).score(values[is_test], labels[is_test]))


def neighbour_accuracy(
    embeddings: Tensor, labels: npt.NDArray[np.int64], is_test: npt.NDArray[np.bool_], neighbours: int = 5
) -> float:
    """Share of held-out samples whose label most of their nearest `neighbours` among the others have."""
    from sklearn.neighbors import KNeighborsClassifier

    values = embeddings.numpy()
    classifier = KNeighborsClassifier(neighbours).fit(values[~is_test], labels[~is_test])
    return float(classifier.score(values[is_test], labels[is_test]))


def gaussianity(embeddings: Tensor, directions: int = 1024, seed: int = 0) -> tuple[float, float]:
    """Mean Epps-Pulley statistic and mean Kolmogorov-Smirnov distance to N(0, 1) over random projections.

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


def detection(scores: Floats, contaminants: Sequence[str]) -> dict[str, float]:
    """For each kind of contaminant, how often one of its samples scores below a clean one (AUROC; ties count half).

    `contaminants` holds the kind of each sample, "" for a clean one. 0.5 is chance, 1 finds all, 0 is upside down.
    """
    kinds = np.asarray(contaminants)
    clean = scores[kinds == ""]
    result = {}
    for kind in dict.fromkeys(kind for kind in contaminants if kind):
        below = scores[kinds == kind][:, None] - clean[None, :]
        result[kind] = float((below < 0).mean() + 0.5 * (below == 0).mean())
    return result


def within_class(scores: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Each score as its percentile (0..1) among the samples of its class: what classes have in common drops out."""
    percentiles = np.empty(len(scores))
    for label in np.unique(labels):
        members = labels == label
        ranks = scores[members].argsort().argsort()
        percentiles[members] = (ranks + 0.5) / members.sum()
    return percentiles
