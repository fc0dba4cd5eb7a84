"""Spectrum -> JEPA-SCORE, under each definition (arXiv 2510.05949). NumPy only, so that the web process may use it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Definition = Literal["rank", "paper", "tail", "top"]

DEFINITIONS: tuple[Definition, ...] = get_args(Definition)

#: Sums over the whole spectrum can be estimated without it; the other variants cannot.
ESTIMATED: tuple[Definition, ...] = ("rank", "paper")

#: The paper's appendix clips singular values at this value before the logarithm.
PAPER_CLIP = 1e-6

#: "tail" leaves out the largest tenth of the singular values that count, rounded up.
TAIL_DROPS_ONE_IN = 10

#: "top" sums this many of the largest singular values, or all that count if there are fewer.
TOP_K = 32

#: Singular values are stored as logarithms, floored at this share of the largest one, or of 1 if that is larger, so
#: that a null direction stays finite (log 1e-12 = -27.6) and an encoder with tiny outputs keeps its spectrum.
LOG_FLOOR = 1e-12

#: A singular value counts towards the rank when it exceeds this share of the largest one. Null directions of float32
#: passes come out at 4e-7 or less, the smallest real values of public encoders at 6e-6. Weights, and with them the
#: directions that they make null, are stored in float32, so float64 passes resolve no more. The last two are for
#: spectra from elsewhere: spectra that this package measures in them use the float32 value, because the first image
#: of a run is compared with float32.
RANK_TOLERANCE: dict[str, float] = {"float32": 2e-6, "float64": 2e-6, "tf32": 5e-5, "bfloat16": 1e-4}

#: Where a direction is known to be null, its value is the rounding noise of that pass: values that count exceed it by
#: this factor.
NOISE_MARGIN = 10.0


def numerical_rank(singular_values: Any, precision: str = "float32") -> npt.NDArray[np.int64]:
    """Return the number of singular values above the tolerance of `precision`. [..., K] -> [...].

    Raises:
        ValueError: for an unknown precision.
    """
    if precision not in RANK_TOLERANCE:
        raise ValueError(f'Unknown precision "{precision}". Available: {", ".join(RANK_TOLERANCE)}.')
    values = as_array(singular_values)
    is_counted = values > RANK_TOLERANCE[precision] * values[..., :1]
    rank: npt.NDArray[np.int64] = np.sum(is_counted, axis=-1, dtype=np.int64)
    return rank


def measured_rank(singular_values: Any, most: int | None = None, is_coarse: bool = False) -> npt.NDArray[np.int64]:
    """Return the rank of measured Jacobians: the singular values above noise, at most as many as the structure allows.

    Args:
        singular_values: [..., K], descending.
        most: the structure's bound, None where it is unknown. Two or more directions beyond it are certainly null; a
            single one may be non-zero because of LayerNorm's eps.
        is_coarse: the passes rounded so much that the noise of null directions may exceed the smallest real values.

    Returns:
        [...] int64.
    """
    values = as_array(singular_values)
    counted = numerical_rank(values)
    if most is None:
        return counted
    if values.shape[-1] - most >= 2 and not is_coarse:
        counted = np.minimum(counted, np.sum(values > NOISE_MARGIN * values[..., -1:], axis=-1, dtype=np.int64))
    return np.minimum(counted, most)


def log_spectrum(singular_values: Any) -> npt.NDArray[np.float64]:
    """Return natural logarithms, floored (see `LOG_FLOOR`), as spectra are stored. [..., K] -> [..., K]."""
    values = as_array(singular_values)
    largest = values[..., :1]
    # The share of the smallest numbers underflows, and zero has no logarithm.
    scale = np.where(largest > 0, np.clip(largest, 1e-290, 1.0), 1.0)
    return np.log(np.maximum(values, LOG_FLOOR * scale))


def jepa_score(
    singular_values: Any, definition: Definition = "rank", *, rank: Any = None, precision: str = "float32"
) -> npt.NDArray[np.float64]:
    """Compute the JEPA-SCORE in nats; higher = more likely under the encoder's implicit density.

    "rank": sum of the logs of the first `rank` singular values, the formula of the paper over the non-null directions.
    "paper": sum of the logs of all of them, clipped from below at 1e-6, the paper's appendix listing.
    "tail": as "rank", without the largest tenth of those singular values (rounded up).
    "top": as "rank", of the 32 largest singular values only.

    Args:
        singular_values: [..., K], descending; array, nested list or tensor of any floating type.
        definition: "rank", "paper", "tail" or "top".
        rank: [...], number of non-null directions; computed with the tolerance of `precision` when not given.
        precision: precision of the passes that the values come from.

    Returns:
        [...] float64.

    Raises:
        ValueError: for an unknown definition or precision, values that are not a spectrum, or a rank beyond them.
    """
    values = as_array(singular_values)
    _check_spectrum(values)
    # Called for its check of the precision, too.
    found = numerical_rank(values, precision)
    counted = found if rank is None else _check_rank(as_array(rank), values)
    return score_of_log_spectrum(log_spectrum(values), counted, definition)


def score_of_log_spectrum(log_values: Any, rank: Any, definition: Definition = "rank") -> npt.NDArray[np.float64]:
    """Return the `jepa_score` of stored logarithms: [..., K] and [...] -> [...]."""
    score: npt.NDArray[np.float64]
    logs = as_array(log_values)
    if definition == "paper":
        score = np.sum(np.maximum(logs, np.log(PAPER_CLIP)), axis=-1)
        return score
    if definition not in DEFINITIONS:
        raise ValueError(f'Unknown definition "{definition}". Available: {", ".join(DEFINITIONS)}.')
    index, ranks = np.arange(logs.shape[-1]), as_array(rank)[..., None]
    counted = index < ranks
    if definition == "tail":
        counted &= index >= np.ceil(ranks / TAIL_DROPS_ONE_IN)
    if definition == "top":
        counted &= index < TOP_K
    score = np.sum(np.where(counted, logs, 0.0), axis=-1)
    return score


def expected_score(view_scores: Any) -> npt.NDArray[np.float64]:
    """Combine the scores of an image's views by the paper's theorem: -log mean exp(-score). [..., n] -> [...].

    The density is inversely proportional to the mean, over views T, of 1 / prod s_k(J_f(T)), and a view's score is the
    logarithm of that product. Small scores weigh most: it lies between the smallest one and that plus log n.

    Raises:
        ValueError: without views, or with scores that are not finite.
    """
    scores = _view_scores(view_scores)
    expected: npt.NDArray[np.float64] = np.log(scores.shape[-1]) - np.logaddexp.reduce(-scores, axis=-1)
    return expected


def view_spread(view_scores: Any) -> npt.NDArray[np.float64]:
    """Return the standard deviation (n - 1) of the scores of an image's views; NaN for one. [..., n] -> [...].

    Raises:
        ValueError: as `expected_score`.
    """
    scores = _view_scores(view_scores)
    if scores.shape[-1] == 1:
        return np.full(scores.shape[:-1], np.nan)
    spread: npt.NDArray[np.float64] = np.std(scores, axis=-1, ddof=1)
    return spread


def _view_scores(values: Any) -> npt.NDArray[np.float64]:
    scores = as_array(values)
    if not scores.ndim or not scores.shape[-1]:
        raise ValueError(f"Scores of views must be an array [..., n] with n of at least 1, not {list(scores.shape)}.")
    if not np.isfinite(scores).all():
        raise ValueError("Scores of views must be finite: some are NaN or infinite. Leave such images out.")
    return scores


def _check_spectrum(values: npt.NDArray[np.float64]) -> None:
    if not values.ndim or not values.shape[-1]:
        raise ValueError(
            f"Singular values must be an array [..., K] with K of at least 1, not of shape {list(values.shape)}."
        )
    if not np.isfinite(values).all():
        raise ValueError("Singular values must be finite: some are NaN or infinite. Leave such images out.")
    if (values < 0).any():
        raise ValueError("Singular values must not be negative: some are. Pass those of J, not its eigenvalues.")
    if (values[..., 1:] > values[..., :-1]).any():
        raise ValueError("Singular values must be in descending order along the last axis. Sort them.")


def _check_rank(rank: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = values.shape[-1]
    if not ((rank >= 0) & (rank <= size) & (rank == np.floor(rank))).all():
        raise ValueError(f"A rank must be a whole number from 0 to the number of singular values, {size}.")
    if rank.ndim and rank.shape != values.shape[:-1]:
        raise ValueError(f"Give one rank, or one for each spectrum: {list(values.shape[:-1])}, not {list(rank.shape)}.")
    return rank


def as_array(values: Any) -> npt.NDArray[np.float64]:
    """Return numbers as a float64 array, from a list, an array or a tensor."""
    # A tensor may be on another device, carry gradients or have a type that NumPy lacks: numpy.asarray rejects them.
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    return np.asarray(values, dtype=np.float64)
