"""The LeJEPA objective (arXiv 2511.08544): views of one image agree, embeddings of all images are N(0, I)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jepascore_core.training.sigreg import sigreg


@dataclass(frozen=True, slots=True)
class LossTerms:
    """Scalars of one batch; `total` is the one to minimise."""

    total: Tensor
    invariance: Tensor
    gaussianity: Tensor


def invariance(embeddings: Tensor) -> Tensor:
    """Compute the mean squared distance of each view's embedding to the mean over views: [V, B, K] -> scalar."""
    return (embeddings - embeddings.mean(dim=0)).square().mean()


def lejepa_loss(embeddings: Tensor, directions: Tensor, weight: float, frequency: float = 1.0) -> LossTerms:
    """Compute (1 - weight) * invariance + weight * SIGReg for `embeddings` [V, B, K] and unit `directions` [K, S].

    Each view's batch is compared with N(0, I) separately: views of one image are not independent samples. For
    `frequency` see `epps_pulley`.
    """
    agreement = invariance(embeddings)
    gaussianity = torch.stack([sigreg(view, directions, frequency=frequency) for view in embeddings]).mean()
    return LossTerms((1 - weight) * agreement + weight * gaussianity, agreement, gaussianity)
