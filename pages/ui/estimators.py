"""Choosing how scores are measured: exactly, or faster with a stated error."""

from __future__ import annotations

from typing import Any

import streamlit as st

from jepascore_core.approximation import ApproximationPlan
from jepascore_core.measurement_specs import DEFAULT_PROBES, DEFAULT_TOP, ESTIMATORS, LEAST_CALIBRATION
from pages.ui import state

TITLES = {
    "exact": "Exact",
    "sketch": "Sketch",
    "calibrated": "Calibrated",
    "cascade": "Cascade",
}
MEANINGS = {
    "exact": "The JEPA-SCORE itself: one reverse pass for each output of the encoder.",
    "sketch": "The log-volume of some random output combinations: it orders images, but is not the score.",
    "calibrated": "Some images exactly, all others from a sketch, with an interval for each. The number of passes is "
    "chosen for the rank correlation that you ask for, which is checked on images that the fit has not seen.",
    "cascade": "Calibrated first, then exactly whatever could be among the least or most likely of each class, until "
    "those lists are settled.",
}
DEFAULTS = ApproximationPlan()


def pick_estimator() -> dict[str, Any]:
    """The estimator and its options, as `request_run` takes them."""
    estimator = (
        st.segmented_control(
            "Estimator",
            ESTIMATORS,
            default="exact",
            required=True,
            format_func=lambda name: TITLES[name],
            key=state.widget_key("new-estimator"),
        )
        or "exact"
    )
    st.caption(MEANINGS[estimator])
    if estimator == "exact":
        return {"estimator": estimator}
    if estimator == "sketch":
        probes = st.columns(5)[0].number_input("Passes", 1, 4096, DEFAULT_PROBES)
        return {"estimator": estimator, "probes": int(probes)}
    return {"estimator": estimator, "plan": _pick_plan(is_cascade=estimator == "cascade")}


def _pick_plan(is_cascade: bool) -> ApproximationPlan:
    columns = st.columns(5)
    fidelity = columns[0].number_input(
        "Target fidelity", 0.5, 0.999, DEFAULTS.target_fidelity, 0.005, format="%.3f", help="Spearman's correlation"
    )
    images = columns[1].number_input("Calibration images", LEAST_CALIBRATION, 100_000, DEFAULTS.num_calibration)
    coverage = columns[2].number_input("Interval coverage", 0.5, 0.99, DEFAULTS.coverage, 0.05)
    top = columns[3].number_input("Settle the top", 1, 10_000, DEFAULT_TOP) if is_cascade else None
    confidence = DEFAULTS.confidence
    if is_cascade:
        confidence = columns[4].number_input("Confidence of a list", 0.5, 0.999, DEFAULTS.confidence, 0.01)
    return ApproximationPlan(fidelity, int(images), coverage, None if top is None else int(top), None, confidence)
