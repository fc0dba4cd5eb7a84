"""Draw whether scores may be read as densities: Gaussianity of the embeddings, and baseline scores."""

from __future__ import annotations

import streamlit as st

from jepascore_core.errors import TooFewImagesError
from jepascore_core.figures.trust import baselines_figure, lengths_figure, projections_figure
from jepascore_core.scores.coverage import MIN_COMMON, coverage
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.agreement import BaselineView, baseline_view
from jepascore_core.trust.gaussianity import MAX_IMAGES, Gaussianity, dataset_gaussianity
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.trust import texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.precompute import draw_precompute


def draw_gaussianity(scores: ScoreSet) -> None:
    """Draw random projections and norms of the stored embeddings, beside those of a true Gaussian."""
    st.subheader(texts.GAUSSIANITY, anchor=False)
    try:
        view = dataset_gaussianity(store(), scores)
    except TooFewImagesError as error:
        st.info(plain(str(error)))
        return
    (st.info if view.verdict == "near" else st.warning)(texts.VERDICTS[view.verdict])
    left, right = st.columns(2, gap="large")
    with left:
        chart(projections_figure(view), "projections", texts.PROJECTIONS_FIGURE)
    with right:
        chart(lengths_figure(view), "lengths", texts.LENGTHS_FIGURE)
    _draw_numbers(view, scores)


def _draw_numbers(view: Gaussianity, scores: ScoreSet) -> None:
    rows = [
        _row(texts.DISTANCE, view.distance, view.normal_distance),
        _row(texts.AXIS_DISTANCE, view.axis_distance, view.normal_axis_distance),
        _row(texts.SPREAD, view.spread, view.normal_spread),
    ]
    st.table(rows)
    st.caption(texts.gaussianity(view, view.num_images == MAX_IMAGES, *coverage(store(), scores)))


def _row(what: str, value: float, normal: float) -> dict[str, str]:
    return {texts.QUANTITY: what, texts.OBSERVED: f"{value:.3f}", texts.EXPECTED: f"{normal:.3f}"}


def draw_baselines(scores: ScoreSet) -> None:
    """Draw rank correlations of the baseline scores with the score and, where defects are named, which finds them."""
    view = baseline_view(store(), scores)
    if not view.agreements and view.num_images >= MIN_COMMON:
        return  # none is computed yet
    st.subheader(texts.BASELINES, anchor=False)
    if not view.agreements:
        st.info(texts.too_few_images(MIN_COMMON, view.num_images))
        return
    st.caption(texts.BASELINES_ABOUT)
    left, right = st.columns(2, gap="large")
    with left:
        chart(baselines_figure(view.agreements), "baselines", texts.BASELINES_FIGURE)
        st.caption(texts.overlaps([(row.title, row.shared_least) for row in view.agreements]))
        if view.missing:
            st.caption(texts.missing(view.missing))
    with right:
        _draw_defects(view)


def draw_slow_baselines(scores: ScoreSet) -> None:
    """Offer the computations that are missing, which take the worker."""
    draw_precompute(scores, baseline_view(store(), scores).pending)


def _draw_defects(view: BaselineView) -> None:
    if not view.defects:
        return
    rows = [
        {texts.DEFECT: plain(row.defect), "Samples": f"{row.num_samples:,}"}
        | {title: f"{value:.2f}" for title, value in row.by_title.items()}
        for row in view.defects
    ]
    st.table(rows)
    st.caption(texts.DEFECTS_ABOUT)
