"""Choose the radius of near duplicates on a curve, beside the pairs at its border."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation.columns.radius_curve import RadiusCurve, radius_curve
from jepascore_core.curation.precompute.steps import pending_radii
from jepascore_core.figures.radius_curve import radius_curve_figure
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.reference import first_keys
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.duplicates import texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.precompute import steps_done
from pages.ui.widgets.url_widgets import pick_number

#: Pairs at the border that are shown.
NUM_PAIRS = 6
LOWEST, HIGHEST, STEP = 0.001, 1.0, 0.001


def choose_radius(scores: ScoreSet) -> float | None:
    """Return the chosen radius, by default the encoder's own; None while the curve is computed."""
    asked = state.read_number(state.RADIUS, 0.0, 0.0, HIGHEST) or None
    if not steps_done(scores, list(pending_radii(store(), scores, asked))):
        return None
    curve = radius_curve(store(), scores)
    left, right = st.columns([3, 2])
    with left:
        radius = pick_number(
            texts.RADIUS, state.RADIUS, curve.default_radius, LOWEST, HIGHEST, STEP, help=texts.RADIUS_HELP
        )
        st.caption(texts.radius_about(curve.default_radius, curve.median))
        _draw_border(scores, curve, radius)
    with right:
        chart(radius_curve_figure(curve, radius), "radius-curve", texts.CURVE)
    return radius


def _draw_border(scores: ScoreSet, curve: RadiusCurve, radius: float) -> None:
    pairs = curve.border(radius, NUM_PAIRS)
    if not pairs:
        return
    ids = sorted({name for pair in pairs for name in pair[1:]})
    keys = first_keys(store(), scores.dataset_id, ids)
    st.caption(texts.BORDER)
    sections = [
        Section([Tile(keys[name], name, "", tooltip=keys[name]) for name in pair], "", texts.distance(distance))
        for distance, *pair in pairs
        if all(name in keys for name in pair)
    ]
    gallery(sections, "border", label=texts.BORDER_LABEL, size=72, layout="flow", tools=())
