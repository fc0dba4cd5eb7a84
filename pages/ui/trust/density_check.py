"""Draw the check on known densities: encoders trained on Gaussian mixtures, and samples from a learned score."""

from __future__ import annotations

import streamlit as st

from jepascore_core.density_check.results import DensityGrid, load_grid, load_langevin, quick_note
from jepascore_core.figures.trust import density_figure, langevin_figure
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.trust import texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.url_widgets import pick_one


def draw_density_check() -> None:
    """Draw heat maps with and without the Gaussianity loss and the Langevin animation, or say how to compute them."""
    st.subheader(texts.DENSITY, anchor=False)
    st.caption(texts.DENSITY_ABOUT)
    grid = load_grid(store().home)
    if not grid.cells:
        st.info(texts.DENSITY_MISSING)
    else:
        _draw_grid(grid)
    _draw_walk()


def _draw_grid(grid: DensityGrid) -> None:
    measure = pick_one(texts.CORRELATION, state.CORRELATION, texts.MEASURES, segments=True) or "pearson"
    trained, control = grid.of(control=False), grid.of(control=True)
    if note := quick_note(grid.cells):
        st.warning(note)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{texts.TRAINED}**")
        chart(density_figure(trained, measure), "density", texts.TRAINED_FIGURE)
    with right:
        st.markdown(f"**{texts.CONTROL}**")
        if control:
            chart(density_figure(control, measure), "density-control", texts.CONTROL_FIGURE)
        else:
            st.caption(texts.CONTROL_MISSING)
    st.caption(f"{texts.DENSITY_READING} {texts.OWN_RESULTS if grid.is_own else texts.SHIPPED_RESULTS}")


def _draw_walk() -> None:
    walk = load_langevin(store().home)
    st.subheader(texts.WALK, anchor=False)
    if walk is None:
        st.info(texts.WALK_MISSING)
        return
    left, right = st.columns([3, 2], gap="large")
    right.caption(texts.walk(walk.frame_log_density[0], walk.frame_log_density[-1], walk.true_log_density))
    with left:
        chart(langevin_figure(walk), "langevin", texts.WALK_FIGURE)
