"""What a reviewer with a budget finds, and which score is best over all kinds of planted defects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jepascore_core.scores.auroc import Z95, newcombe, placements

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeanAuroc:
    """AUROC of one score, averaged over the kinds of defects, in [`lower`, `upper`] (95 %).

    `behind` in [`behind_lower`, `behind_upper`] is by how much the best score's mean is higher, on the same images: 0
    for the best score itself.
    """

    score: str
    mean: float
    lower: float
    upper: float
    behind: float
    behind_lower: float
    behind_upper: float


def precision_at_budget(clean: Values, defects: Values, share: float) -> float:
    """Return the share of defects among the b lowest-scoring images of a mixture with b defects at that share.

    The mixture has all n clean images and b = n * share / (1 - share) defects; the result is the
    expectation over random choices of b of the m defects, with ties in random order. Chance gives `share`.
    """
    n, budget = len(clean), len(clean) * share / (1 - share)
    weights = np.concatenate([np.ones(n), np.full(len(defects), budget / len(defects))])
    is_defect = np.concatenate([np.zeros(n), np.ones(len(defects))])
    values = np.concatenate([clean, defects])
    _, groups = np.unique(values, return_inverse=True)
    seen = np.concatenate([[0.0], np.cumsum(np.bincount(groups, weights))])
    found = np.concatenate([[0.0], np.cumsum(np.bincount(groups, weights * is_defect))])
    return float(np.interp(budget, seen, found) / budget)


def mean_aurocs(
    values: Mapping[str, Values],
    defects: Sequence[str],
    originals: Sequence[str],
    kinds: Sequence[str],
    eligible: Collection[str],
) -> list[MeanAuroc]:
    """Average the AUROC of each score [N] over `kinds` of defects ("" for a clean image), and compare with the best.

    The best is that with the largest mean of the `eligible` scores.

    Each kind counts the same. Variances are DeLong's, for paired scores of the same images; defects that were made of
    one original (`originals` [N]) are one cluster, as Obuchowski (1997) takes them, since an image that is hard to tell
    from others is so in each of its versions. A score that is NaN for an image is compared without it.
    """
    names, kind_of = list(values), np.asarray(defects, np.str_)
    _, clusters = np.unique(np.asarray(originals, np.str_), return_inverse=True)
    parts = {name: _influence(values[name], kind_of, kinds) for name in names}
    best = max((name for name in names if name in eligible), key=lambda name: parts[name][0])
    sizes = int((kind_of == "").sum()), len(np.unique(clusters[kind_of != ""]))
    found = []
    for name in names:
        mean, influence = parts[name]
        reach = Z95 * _variance(influence, kind_of == "", clusters) ** 0.5
        lower, upper = (mean - reach, mean + reach) if reach > 0.0 else newcombe(mean, *sizes)
        behind = parts[best][0] - mean
        apart = Z95 * _variance(parts[best][1] - influence, kind_of == "", clusters) ** 0.5
        found.append(MeanAuroc(name, mean, max(0.0, lower), min(1.0, upper), behind, behind - apart, behind + apart))
    return found


def _influence(score: Values, kind_of: npt.NDArray[np.str_], kinds: Sequence[str]) -> tuple[float, Values]:
    """Return the mean AUROC, and by how much each image [N] moves it: sums of squares of these are its variance."""
    influence, areas = np.zeros(len(score)), []
    is_clean = (kind_of == "") & np.isfinite(score)
    for kind in kinds:
        is_kind = (kind_of == kind) & np.isfinite(score)
        above, below = placements(score[is_clean], score[is_kind])
        areas.append(float(below.mean()))
        influence[is_clean] += (above - areas[-1]) / (len(kinds) * is_clean.sum())
        influence[is_kind] += (below - areas[-1]) / (len(kinds) * is_kind.sum())
    return float(np.mean(areas)), influence


def _variance(influence: Values, is_clean: npt.NDArray[np.bool_], clusters: npt.NDArray[np.int64]) -> float:
    _, codes = np.unique(clusters[~is_clean], return_inverse=True)
    of_clusters: Values = np.bincount(codes, influence[~is_clean]).astype(np.float64)
    return _sum_of_squares(influence[is_clean]) + _sum_of_squares(of_clusters)


def _sum_of_squares(influence: Values) -> float:
    """Sum of squares, with the factor that makes a variance of n independent values unbiased."""
    n = len(influence)
    return float((influence * influence).sum()) * n / max(1, n - 1)
