"""Scored samples as tiles, and everything about one of them."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from jepascore_core.figures import place_figure, spectrum_figure
from jepascore_core.views.detail import SampleDetail, SampleScore, sample_detail
from jepascore_core.views.formats import (
    bytes_text,
    count_text,
    estimate_text,
    interval_text,
    percentile_text,
    score_text,
)
from jepascore_core.views.score_set import ScoredSample, ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.errors import errors_shown
from pages.ui.gallery import Tile, Tone
from pages.ui.picture import picture
from pages.ui.text import plain

#: Names of exact duplicates that are spelled out.
NUM_TWINS = 5


def to_tiles(samples: Iterable[ScoredSample], tone: Tone | None = None) -> list[Tile]:
    """Score below on the left, within-class percentile on the right."""
    return [
        Tile(
            sample_key=sample.sample_key,
            content_id=sample.content_id,
            caption=score_text(sample.score, sample.is_exact),
            badge=percentile_text(sample.class_percentile),
            percentile=sample.class_percentile,
            tone=tone,
            tooltip=_tooltip(sample),
            label=sample.label or "",
            note=interval_text(sample.lower, sample.upper, sample.is_exact),
        )
        for sample in samples
    ]


def _tooltip(sample: ScoredSample) -> str:
    lines = [
        sample.sample_key,
        f"score {score_text(sample.score, sample.is_exact)} nats, higher is more likely",
        f"{percentile_text(sample.class_percentile)} of its class score lower",
        estimate_text(sample.lower, sample.upper, sample.is_exact),
    ]
    return "\n".join(line for line in lines if line)


def show_chosen_sample(scores: ScoreSet) -> None:
    """Open the detail of the sample that the URL names, if any; closing it takes it out of the URL."""
    key = state.read_text(state.SAMPLE)
    if key is not None:
        _dialog(scores, key)


def _forget_sample() -> None:
    state.write(state.SAMPLE, None)


@st.dialog("Sample", width="large", on_dismiss=_forget_sample)
def _dialog(scores: ScoreSet, key: str) -> None:
    with errors_shown():
        draw_detail(sample_detail(store(), scores, key), scores.dataset_id)


def draw_detail(detail: SampleDetail, dataset_id: str) -> None:
    """Large image and facts, then spectrum and place."""
    sample = detail.sample
    left, right = st.columns([1, 1], gap="large")
    with left:
        picture(dataset_id, sample.content_id, sample.sample_key, sample.width, sample.height)
    with right:
        st.markdown(f"**{plain(sample.sample_key)}**")
        _draw_facts(detail)
    if detail.chosen is None:
        st.info("This sample was not measured under the chosen backbone. The Runs page lists failures.")
    if detail.place is None:
        return
    one, two = st.columns(2)
    with one:
        if detail.spectrum is None:
            st.caption("An estimated score has no spectrum: measure exactly to see the singular values.")
        else:
            st.caption("Singular values of its Jacobian; the band is 5 to 95 % of its class")
            st.plotly_chart(spectrum_figure(detail.spectrum), key="detail-spectrum")
    with two:
        st.caption("Its score among those of its class and of the dataset")
        st.plotly_chart(place_figure(detail.place), key="detail-place")


def _draw_facts(detail: SampleDetail) -> None:
    sample = detail.sample
    for score in detail.scores:
        st.markdown(f"**{score_text(score.score, score.is_exact)}** nats under {plain(score.title)}")
        estimate = estimate_text(score.lower, score.upper, score.is_exact)
        st.caption(plain(". ".join(part for part in (estimate, _standing(score)) if part)))
    facts = [
        ("Class", detail.class_title),
        ("Split", sample.split or ""),
        ("Size", f"{sample.width} × {sample.height} pixels, {bytes_text(sample.num_bytes)}"),
        *((name, str(value)) for name, value in sample.metadata.items()),
        ("File", sample.uri),
    ]
    if detail.num_duplicates:
        twins = ", ".join(twin.sample_key for twin in detail.duplicates[:NUM_TWINS])
        facts.append(("Exact duplicates", f"{count_text(detail.num_duplicates)}: {twins}"))
    with st.container(gap="xxsmall"):
        for name, value in facts:
            if value:
                st.markdown(f":gray[{plain(name)}]  {plain(value)}")


def _standing(score: SampleScore) -> str:
    in_class = f"{count_text(score.class_place)} of {count_text(score.num_scored_in_class)} in its class"
    in_dataset = f"{count_text(score.place)} of {count_text(score.num_scored)} in the dataset"
    share = percentile_text(score.class_percentile)
    return f"Counted from the least likely: {in_class} ({share}), {in_dataset}; rank {score.rank}"
