"""Choosing how scores are measured: exactly, or faster with a stated error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.measuring.specs import DEFAULT_PROBES, DEFAULT_TOP, ESTIMATORS, LEAST_CALIBRATION
from jepascore_core.records.approximation import ApproximationPlan
from pages.ui.app import state
from pages.ui.widgets.url_widgets import pick_count, pick_number, pick_one

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
    "each of those lists is right with the confidence that you ask for.",
}
PASSES_HELP = "Reverse passes for each image, each of a random combination of the encoder's outputs: more tell more."
FIDELITY_HELP = "Spearman's rank correlation with exact scores that the estimates shall reach."
IMAGES_HELP = "Measured exactly: the estimates are fitted on some of them and checked on the others."
COVERAGE_HELP = "Share of the intervals that shall hold the exact score, 0 to 1."
TOP_HELP = "So many least and most likely samples of each class are measured until each list is right, that surely."
CONFIDENCE_HELP = "How sure each list shall be before measuring ends, 0 to 1."
DEFAULTS = ApproximationPlan()


def pick_estimator() -> dict[str, Any]:
    """The estimator and its options, as `MeasurementRequest` takes them."""
    titles = {name: TITLES[name] for name in ESTIMATORS}
    estimator = pick_one("Estimator", state.ESTIMATOR, titles, segments=True) or "exact"
    st.caption(MEANINGS[estimator])
    if estimator == "exact":
        return {"estimator": estimator}
    columns = st.columns(5)
    if estimator == "sketch":
        with columns[0]:
            return {
                "estimator": estimator,
                "probes": pick_count("Passes", state.PASSES, DEFAULT_PROBES, 1, 4096, help=PASSES_HELP),
            }
    return {"estimator": estimator, "plan": _pick_plan(columns, is_cascade=estimator == "cascade")}


def _pick_plan(columns: Sequence[DeltaGenerator], is_cascade: bool) -> ApproximationPlan:
    with columns[0]:
        fidelity = pick_number(
            "Target fidelity", state.FIDELITY, DEFAULTS.target_fidelity, 0.5, 0.999, 0.005, help=FIDELITY_HELP
        )
    with columns[1]:
        images = pick_count(
            "Calibration images",
            state.CALIBRATION,
            DEFAULTS.num_calibration,
            LEAST_CALIBRATION,
            100_000,
            help=IMAGES_HELP,
        )
    with columns[2]:
        coverage = pick_number(
            "Interval coverage", state.COVERAGE, DEFAULTS.coverage, 0.5, 0.99, 0.05, help=COVERAGE_HELP
        )
    plan = replace(DEFAULTS, target_fidelity=fidelity, num_calibration=images or LEAST_CALIBRATION, coverage=coverage)
    if not is_cascade:
        return plan
    with columns[3]:
        top = pick_count("Settle the top", state.TOP, DEFAULT_TOP, 1, 10_000, help=TOP_HELP)
    with columns[4]:
        confidence = pick_number(
            "Confidence of a list", state.CONFIDENCE, DEFAULTS.confidence, 0.5, 0.999, 0.01, help=CONFIDENCE_HELP
        )
    return replace(plan, top=top, confidence=confidence)
