"""Names of estimators and precisions, and how a request becomes a measurement spec. No torch: the web asks too."""

from __future__ import annotations

from jepascore_core.errors import UnknownNameError
from jepascore_core.records import MeasurementSpec

ESTIMATORS = ("exact",)
PRECISIONS = ("float32", "float64")


def resolve_spec(estimator: str = "exact", precision: str = "auto") -> MeasurementSpec:
    """A measurement spec with nothing left open; it names the shards that the results go to.

    Raises:
        UnknownNameError: for an unknown estimator or precision.
    """
    if estimator not in ESTIMATORS:
        raise UnknownNameError(f"There is no estimator {estimator!r}. Known: {', '.join(ESTIMATORS)}.")
    if precision not in ("auto", *PRECISIONS):
        raise UnknownNameError(f"There is no precision {precision!r}. Known: auto, {', '.join(PRECISIONS)}.")
    return MeasurementSpec(estimator=estimator, precision="float32" if precision == "auto" else precision)
