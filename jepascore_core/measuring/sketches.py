"""Sketches: random orthonormal combinations of the outputs, and the spectra of many sizes from one Jacobian."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jepascore_core.jacobian.gram import REFINE_BELOW, gram_matrix, singular_values


def sketch_cotangents(probes: int, seed: int, dimension: int) -> Tensor:
    """Draw random orthonormal combinations of the outputs, the same on every machine. -> [min(probes, K), K] float64.

    Rows of a Haar-distributed orthogonal matrix: the Q of a Gaussian matrix, signs fixed by R. A smaller sketch of the
    same seed is a prefix of a larger one.
    """
    # NumPy's generator is stable across versions and devices; torch's is not.
    normal = np.random.default_rng(seed).standard_normal((min(probes, dimension), dimension))
    basis, triangle = torch.linalg.qr(torch.from_numpy(normal).T)
    cotangents: Tensor = (basis * triangle.diagonal().sign()).T.contiguous()
    return cotangents


def nested_singular_values(rows: Tensor, sizes: Sequence[int], cotangents: Tensor | None = None) -> list[Tensor]:
    """Return singular values of sketches of several sizes, without additional passes.

    Args:
        rows: [B, K, P] of J; without cotangents [B, R, P] of W J.
        sizes: ascending, at most R.
        cotangents: W [R, K] float64.

    Returns:
        For each size the values [B, size], descending, float64 on the CPU: those of the first `size` rows of W J.
    """
    spectra = [_nested_of_one(one.cpu() if one.device.type == "mps" else one, sizes, cotangents) for one in rows]
    return [torch.stack(values) for values in zip(*spectra, strict=True)]


def _nested_of_one(rows: Tensor, sizes: Sequence[int], cotangents: Tensor | None) -> list[Tensor]:
    gram = gram_matrix(rows)
    if cotangents is not None:
        cotangents = cotangents.to(gram)
        gram = cotangents @ gram @ cotangents.T
    found = []
    for size in sizes:
        values = torch.linalg.eigvalsh(gram[:size, :size]).clamp(min=0).sqrt().flip(0)
        if values[-1] < REFINE_BELOW * values[0]:
            # Too small for a Gram matrix to resolve: null directions of the encoder.
            combined = rows[:size] if cotangents is None else cotangents[:size] @ rows.double()
            values = singular_values(combined[None])[0]
        found.append(values.cpu())
    return found
