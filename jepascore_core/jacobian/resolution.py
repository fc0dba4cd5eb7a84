"""Whether coarse matrix products resolve the rank: their first image is measured in float32 too.

Rounding of bfloat16 shows as null directions of 1e-3 of the largest singular value, above the smallest real ones of
many encoders. Where the structure's rank is the true one the logarithms of those come out well enough; where weights
or blocks have collapsed they are noise, and no number of the coarse passes alone would tell.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jepascore_core.jacobian.gram import singular_values
from jepascore_core.score import measured_rank

#: Largest error of the score of the first image that still is a matter of precision, in nats for each direction.
#: Trained encoders are off by 0.003; those whose smallest values drown, by 0.05 and more.
LARGEST_ERROR = 0.03


def what_drowns(coarse: Tensor, fine: Tensor, most: int | None) -> str | None:
    """Compare the rows that coarse and float32 passes find of one image: [1, R, .] each.

    Returns:
        What the coarse passes do not resolve, empty if nothing; None if the image does not tell, since the output does
        not depend on it or is not finite.
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
