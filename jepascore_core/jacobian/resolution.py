"""Check whether coarse matrix products resolve the rank, by measuring the first image in float32, too.

Rounding of bfloat16 shows as null directions of 1e-3 of the largest singular value, above the smallest real ones of
many encoders. If the rank of the structure is the true one, their logarithms are accurate enough; if weights or
blocks have collapsed they are noise, and the coarse passes alone cannot show it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jepascore_core.jacobian.gram import singular_values
from jepascore_core.score import measured_rank

#: Largest acceptable error of the score of the first image, in nats per direction. It is 0.003 for trained encoders,
#: and at least 0.05 if the smallest values are lost in noise.
LARGEST_ERROR = 0.03


def what_drowns(coarse: Tensor, fine: Tensor, most: int | None) -> str | None:
    """Compare the rows of coarse and float32 passes of one image: [1, R, .] each.

    Returns:
        What the coarse passes do not resolve, empty if nothing; None if the image is not conclusive, since the output
        does not depend on it or is not finite.
    """
    if not (coarse.isfinite().all() and fine.isfinite().all()):
        return None
    found, expected = singular_values(coarse), singular_values(fine)
    rank = int(measured_rank(expected, most)[0])
    if rank == 0:
        return None
    seen = int(measured_rank(found, most, is_coarse=True)[0])
    if seen != rank:
        return f"the rank: of the first image it finds {seen} singular values where float32 finds {rank}"
    error = abs(float((torch.log(found[0, :rank]) - torch.log(expected[0, :rank])).sum()))
    if error <= LARGEST_ERROR * rank:
        return ""
    return f"the smallest singular values: the score of the first image is {error:.1f} nats off from float32"
