"""Names of estimators and precisions, and how a request becomes a measurement spec. No torch: the web asks too."""

from __future__ import annotations

from jepascore_core.errors import UnknownNameError
from jepascore_core.records import MeasurementSpec

ESTIMATORS = ("exact", "sketch")
DEFAULT_PROBES = 32
PRECISIONS = ("bfloat16", "tf32", "float32", "float64")


def resolve_spec(
    estimator: str = "exact", precision: str = "auto", probes: int | None = None, seed: int = 0
) -> MeasurementSpec:
    """A measurement spec with nothing left open; it names the shards that the results go to.

    Raises:
        UnknownNameError: for an unknown estimator or precision, or a number of probes that makes no sense.
    """
    if estimator not in ESTIMATORS:
        raise UnknownNameError(f"There is no estimator {estimator!r}. Known: {', '.join(ESTIMATORS)}.")
    if precision not in ("auto", *PRECISIONS):
        raise UnknownNameError(f"There is no precision {precision!r}. Known: auto, {', '.join(PRECISIONS)}.")
    if probes is not None and (estimator == "exact" or probes < 1):
        raise UnknownNameError("Only a sketch has a number of probes, and it needs at least 1.")
    precision = "float32" if precision == "auto" else precision
    if estimator == "exact":
        return MeasurementSpec(estimator, precision)
    return MeasurementSpec(estimator, precision, probes or DEFAULT_PROBES, seed)
