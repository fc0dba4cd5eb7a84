"""Spectrum -> JEPA-SCORE, under each definition (arXiv 2510.05949). NumPy only, so that the web process may use it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Definition = Literal["rank", "paper", "tail", "top"]

DEFINITIONS: tuple[Definition, ...] = get_args(Definition)

#: Sums over the whole spectrum, which can be estimated without it; what the others leave out is not known then.
ESTIMATED: tuple[Definition, ...] = ("rank", "paper")

#: The paper's appendix clips singular values at this value before the logarithm.
PAPER_CLIP = 1e-6

#: "tail" leaves out the largest tenth of the singular values that count, rounded up.
TAIL_DROPS_ONE_IN = 10

#: "top" sums so many of the largest singular values, or all that count if there are fewer.
TOP_K = 32

#: Singular values are stored as logarithms, floored here so that a null direction stays finite (log 1e-12 = -27.6).
LOG_FLOOR = 1e-12

#: A singular value counts towards the rank when it exceeds this share of the largest one. Rounding noise of a float32
#: reverse pass comes out near 1e-7 of the largest value, the smallest real ones of trained encoders near 1e-3; the
#: float64 limit is set by the Gram matrix after refinement (see jacobian/gram.py).
RANK_TOLERANCE: dict[str, float] = {"bfloat16": 1e-4, "tf32": 5e-5, "float32": 1e-5, "float64": 1e-9}


def numerical_rank(singular_values: Any, precision: str = "float32") -> npt.NDArray[np.int64]:
    """Number of singular values above the tolerance of `precision`. [..., K] -> [...]."""
    values = _as_array(singular_values)
    return np.sum(values > RANK_TOLERANCE[precision] * values[..., :1], axis=-1, dtype=np.int64)


def log_spectrum(singular_values: Any) -> npt.NDArray[np.float64]:
    """Natural logarithms floored at `LOG_FLOOR`, the form in which spectra are stored. [..., K] -> [..., K]."""
    return np.log(np.maximum(_as_array(singular_values), LOG_FLOOR))


def jepa_score(
    singular_values: Any, definition: Definition = "rank", *, rank: Any = None, precision: str = "float32"
) -> npt.NDArray[np.float64]:
    """JEPA-SCORE in nats; higher = more likely under the encoder's implicit density.

    "rank": sum of the logs of the first `rank` singular values, the formula of the paper over the non-null directions.
    "paper": sum of the logs of all of them, clipped from below at 1e-6, the paper's appendix listing.
    "tail": as "rank", without the largest tenth of those singular values (rounded up).
    "top": as "rank", of the 32 largest singular values only.

    Args:
        singular_values: [..., K], descending; array, nested list or tensor.
        definition: "rank", "paper", "tail" or "top".
        rank: [...], number of non-null directions; found with the tolerance of `precision` when not given.
        precision: precision of the passes that the values come from.

    Returns:
        [...] float64.

    Raises:
        ValueError: for an unknown definition, or values that are no spectrum.
    """
    if rank is None and definition != "paper":
        _check_spectrum(_as_array(singular_values))
        rank = numerical_rank(singular_values, precision)
    return score_of_log_spectrum(log_spectrum(singular_values), rank, definition)


def score_of_log_spectrum(log_values: Any, rank: Any, definition: Definition = "rank") -> npt.NDArray[np.float64]:
    """Like `jepa_score`, from stored logarithms: [..., K] and [...] -> [...]."""
    logs = _as_array(log_values)
    if definition == "paper":
        return np.sum(np.maximum(logs, np.log(PAPER_CLIP)), axis=-1)
    if definition not in DEFINITIONS:
        raise ValueError(f"Unknown definition {definition!r}; choose one of {', '.join(DEFINITIONS)}.")
    index, ranks = np.arange(logs.shape[-1]), _as_array(rank)[..., None]
    counted = index < ranks
    if definition == "tail":
        counted &= index >= np.ceil(ranks / TAIL_DROPS_ONE_IN)
    if definition == "top":
        counted &= index < TOP_K
    return np.sum(np.where(counted, logs, 0.0), axis=-1)


def _check_spectrum(values: npt.NDArray[np.float64]) -> None:
    # Comparisons with what is not a number are false.
    if values.ndim and not ((values >= 0).all() and (values[..., 1:] <= values[..., :-1]).all()):
        raise ValueError("Singular values are numbers from 0, in descending order along the last axis.")


def _as_array(values: Any) -> npt.NDArray[np.float64]:
    # A tensor may live on another device or carry gradients; numpy.asarray refuses both.
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)
