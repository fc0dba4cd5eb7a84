"""The check on known densities: encoders trained on mixtures of Gaussians, and samples drawn from a learned score."""

from __future__ import annotations

import streamlit as st

from jepascore_core.density_check.results import DensityGrid, load_grid, load_langevin
from jepascore_core.figures.trust import DensityMeasure, density_figure, langevin_figure
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.widgets.charts import chart
from pages.ui.widgets.url_widgets import pick_one

MEASURES: dict[DensityMeasure, str] = {"pearson": "Pearson", "spearman": "Spearman", "within": "Within a component"}


def draw_density_check() -> None:
    """Heat maps with and without the Gaussianity term, and the Langevin walk; says how to make them."""
    st.subheader("Does the score measure density?", anchor=False)
    st.caption(
        "Small encoders, trained by the bundled encoders' objective on mixtures of Gaussians, whose density is known: "
        "correlation of their JEPA-SCORE with the true log density of new points (Figure 2 of the paper)."
    )
    grid = load_grid(store().home)
    if not grid.cells:
        st.info("Not run yet: `jepascore density --quick` takes a few minutes, `jepascore density` about an hour.")
    else:
        _draw_grid(grid)
    _draw_walk()


def _draw_grid(grid: DensityGrid) -> None:
    measure = pick_one("Correlation", state.CORRELATION, MEASURES, segments=True) or "pearson"
    trained, control = grid.of(control=False), grid.of(control=True)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Trained with the Gaussianity term**")
        chart(density_figure(trained, measure), "density", "Score and density, trained")
    with right:
        st.markdown("**Control: without it**")
        if control:
            chart(density_figure(control, measure), "density-control", "Score and density, control")
        else:
            st.caption("Not run.")
    source = "Worked out in this home folder." if grid.is_own else "As shipped; `jepascore density` does it here."
    st.caption(
        "1 is the true order of densities. Components differ in width, which is most of what there is to tell in high "
        f"dimension; within one component less is told, the less the more dimensions. Hover for details. {source}"
    )


def _draw_walk() -> None:
    walk = load_langevin(store().home)
    st.subheader("Samples from the learned score", anchor=False)
    if walk is None:
        st.info("Not run yet: `jepascore langevin` takes a minute.")
        return
    left, right = st.columns([3, 2], gap="large")
    right.caption(
        "Walkers start anywhere and follow the gradient of the score with Langevin's noise. If the score is the log "
        "density, they end up as samples of the mixture: their mean true log density goes from "
        f"{walk.frame_log_density[0]:.1f} to {walk.frame_log_density[-1]:.1f} nats; the mixture's own samples have "
        f"{walk.true_log_density:.1f}.".replace("-", "−")
    )
    with left:
        chart(langevin_figure(walk), "langevin", "Langevin walk on the score")
