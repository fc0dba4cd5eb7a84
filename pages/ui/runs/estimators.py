"""Choose how scores are measured: exactly, or faster with a stated error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.measuring.specs import DEFAULT_PROBES, DEFAULT_TOP, ESTIMATORS, LEAST_CALIBRATION
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.pilots import Pilot
from pages.ui.app import state
from pages.ui.runs import texts
from pages.ui.widgets.url_widgets import pick_count, pick_number, pick_one

DEFAULTS = ApproximationPlan()
#: Images of a pilot, and of each class of one, until somebody says otherwise.
USUAL_PILOT, USUAL_PER_CLASS = 200, 20


def pick_estimator() -> dict[str, Any]:
    """The estimator and its options, as `MeasurementRequest` takes them."""
    titles = {name: texts.ESTIMATORS[name] for name in ESTIMATORS}
    estimator = pick_one(texts.ESTIMATOR, state.ESTIMATOR, titles, segments=True) or "exact"
    st.caption(texts.MEANINGS[estimator])
    if estimator in ("exact", "embed"):
        return {"estimator": estimator}
    columns = st.columns(5)
    if estimator == "sketch":
        with columns[0]:
            return {
                "estimator": estimator,
                "probes": pick_count(texts.PASSES, state.PASSES, DEFAULT_PROBES, 1, 4096, help=texts.PASSES_HELP),
            }
    return {"estimator": estimator, "plan": _pick_plan(columns, is_cascade=estimator == "cascade")}


def pick_pilot(estimator: str) -> dict[str, Pilot]:
    """Which images alone are measured, as `MeasurementRequest` takes it; an estimate needs all."""
    if estimator in ("calibrated", "cascade"):
        return {}
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        resets = (state.PILOT_IMAGES,)
        which = pick_one(texts.PILOT, state.PILOT, texts.PILOTS, segments=True, resets=resets, help=texts.PILOT_HELP)
    if which in (None, "all"):
        return {}
    is_per_class = which == "class"
    with right:
        usual = USUAL_PER_CLASS if is_per_class else USUAL_PILOT
        title = texts.PILOT_PER_CLASS if is_per_class else texts.PILOT_IMAGES
        number = pick_count(title, state.PILOT_IMAGES, usual, 1, 100_000) or usual
    return {"pilot": Pilot(number, is_per_class)}


def _pick_plan(columns: Sequence[DeltaGenerator], is_cascade: bool) -> ApproximationPlan:
    with columns[0]:
        fidelity = pick_number(
            texts.FIDELITY, state.FIDELITY, DEFAULTS.target_fidelity, 0.5, 0.999, 0.005, help=texts.FIDELITY_HELP
        )
    with columns[1]:
        images = pick_count(
            texts.IMAGES,
            state.CALIBRATION,
            DEFAULTS.num_calibration,
            LEAST_CALIBRATION,
            100_000,
            help=texts.IMAGES_HELP,
        )
    with columns[2]:
        coverage = pick_number(
            texts.COVERAGE, state.COVERAGE, DEFAULTS.coverage, 0.5, 0.99, 0.05, help=texts.COVERAGE_HELP
        )
    plan = replace(DEFAULTS, target_fidelity=fidelity, num_calibration=images or LEAST_CALIBRATION, coverage=coverage)
    if not is_cascade:
        return plan
    with columns[3]:
        top = pick_count(texts.TOP, state.TOP, DEFAULT_TOP, 1, 10_000, help=texts.TOP_HELP)
    with columns[4]:
        confidence = pick_number(
            texts.CONFIDENCE, state.CONFIDENCE, DEFAULTS.confidence, 0.5, 0.999, 0.01, help=texts.CONFIDENCE_HELP
        )
    return replace(plan, top=top, confidence=confidence)
