"""Whether a backbone's scores of a dataset may be read as densities: shape of its embeddings, and cheaper scores."""

from __future__ import annotations

import streamlit as st

from jepascore_core.errors import TooFewImagesError
from jepascore_core.figures.trust import companions_figure, lengths_figure, projections_figure
from jepascore_core.formatting import PERCENT, percent_text, plural
from jepascore_core.scores.coverage import MIN_COMMON, coverage
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.agreement import CompanionView, companion_view
from jepascore_core.trust.gaussianity import MAX_IMAGES, Gaussianity, dataset_gaussianity
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.charts import chart
from pages.ui.widgets.precompute import draw_preparations

VERDICTS = {
    "near": (
        "success",
        "Near Gaussian, as far as this test sees: a JEPA-type encoder's score may be read as a density.",
    ),
    "some way off": ("warning", "Some way off a Gaussian: read the score as an order, not as a density."),
    "far": ("warning", "Far from Gaussian: the score's order may be anything. Look at both ends, and at companions."),
}


def draw_gaussianity(scores: ScoreSet) -> None:
    """Random projections and lengths of the stored embeddings, each beside a true Gaussian's."""
    st.subheader("Are the embeddings Gaussian?", anchor=False)
    try:
        view = dataset_gaussianity(store(), scores)
    except TooFewImagesError as error:
        st.info(plain(str(error)))
        return
    kind, text = VERDICTS[view.verdict]
    (st.success if kind == "success" else st.warning)(text)
    left, right = st.columns(2, gap="large")
    with left:
        chart(projections_figure(view), "projections", "Projections of the embeddings")
    with right:
        chart(lengths_figure(view), "lengths", "Lengths of the embeddings")
    _draw_numbers(view, scores)


def _draw_numbers(view: Gaussianity, scores: ScoreSet) -> None:
    rows = [
        _row("Distance of random projections to the normal", view.distance, view.normal_distance),
        _row("Distance of the worst principal axis", view.axis_distance, view.normal_axis_distance),
        _row("Spread of the lengths", view.spread, view.normal_spread),
    ]
    st.table(rows)
    looked_at = f"{view.num_directions:,} widest of {view.dimension:,} dimensions"
    drawn = " drawn at random" if view.num_images == MAX_IMAGES else ""
    scored, samples = coverage(store(), scores)
    part = f" ({scored:,} of {plural(samples, 'sample')} are scored)" if scored < samples else ""
    st.caption(
        f"{plural(view.num_images, 'image')}{drawn}{part}, the {looked_at}, whitened: a linear change of the embedding "
        "shifts all scores alike, so only the shape counts. A Gaussian of many dimensions lies near a sphere: its "
        f"lengths are nearly all 1. Isotropy before whitening: {percent_text(view.isotropy)} (100{PERCENT}: as wide in "
        "all directions). The limits of the word above were tried in simulation: a true Gaussian was never called "
        "anything but near, but neither are two clusters two standard deviations apart noticed. They are a convention, "
        "not a test of the density. Distances are Kolmogorov and Smirnov's; other data of the same backbone may look "
        "different."
    )


def _row(what: str, value: float, normal: float) -> dict[str, str]:
    return {"What": what, "These embeddings": f"{value:.3f}", "A Gaussian sample of this size": f"{normal:.3f}"}


def draw_companions(scores: ScoreSet) -> None:
    """Rank correlations of the companions with the score and, where defects are named, who finds them."""
    view = companion_view(store(), scores)
    if not view.agreements and view.num_images >= MIN_COMMON:
        return  # all of them are still to be worked out
    st.subheader("What cheaper scores say", anchor=False)
    if not view.agreements:
        st.info(f"Rank correlations need at least {MIN_COMMON} images with a score: {view.num_images:,} have one.")
        return
    st.caption(
        "Companions come from the embeddings alone: nearness to other images, to the centre, and length. Where one "
        "finds what you want to drop and the score does not, cut by it: rules on Curate take them by name."
    )
    left, right = st.columns(2, gap="large")
    with left:
        chart(companions_figure(view.agreements), "companions", "Score and companions")
        named = (f"{row.title} {percent_text(row.shared_least)}" for row in view.agreements)
        shared = ", ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in named)
        st.caption(f"Of the 5{PERCENT} least likely images shared with the score (5{PERCENT} by chance): {shared}.")
        if view.missing:
            st.caption(f"Of too few images to be worked out: {', '.join(view.missing)}.")
    with right:
        _draw_defects(view)


def draw_slow_companions(scores: ScoreSet) -> None:
    """What is still to be worked out of them, for the worker."""
    draw_preparations(scores, companion_view(store(), scores).pending)


def _draw_defects(view: CompanionView) -> None:
    if not view.defects:
        return
    rows = [
        {"Defect": plain(row.defect), "Samples": f"{row.num_samples:,}"}
        | {title: f"{value:.2f}" for title, value in row.by_title.items()}
        for row in view.defects
    ]
    st.table(rows)
    st.caption(
        "This dataset names its defects (column contaminant). How often one of them scores below a clean sample: 1 "
        "finds all of them, 0.5 is chance, 0 is upside down."
    )
