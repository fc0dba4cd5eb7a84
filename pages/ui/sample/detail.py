"""Draw the details of one sample, below its picture: scores, facts, spectrum and sensitivity."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from jepascore_core.errors import DatasetNotReadyError, UnknownNameError
from jepascore_core.figures.scores import place_figure, spectrum_figure
from jepascore_core.formatting import estimate_text, percentile_text, score_text
from jepascore_core.records.datasets import Sample
from jepascore_core.score import ESTIMATED
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_SHORT, DEFINITION_TITLES
from jepascore_core.views.detail import SampleDetail, scores_by_definition
from jepascore_core.views.reference import ReferenceImage, nearest_in_reference
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.sample import texts
from pages.ui.sample.sensitivity import draw_closeup
from pages.ui.widgets.charts import chart
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.texts import NO_SPECTRUM


def draw_detail(detail: SampleDetail, scores: ScoreSet, reference: str | None = None) -> None:
    """Draw scores and facts, figures, all scores and singular vectors.

    With the id of a `reference` dataset, also the images of that which are nearest.
    """
    sample = detail.sample
    left, right = st.columns([1, 1], gap="large")
    with left:
        _draw_scores(detail)
    with right:
        _draw_facts(sample)
        _draw_way_to_alike(scores, sample)
    if reference is not None:
        _draw_reference(sample, scores, reference)
    if detail.chosen is None:
        st.info(plain(_why_no_score(scores)))
    else:
        _draw_figures(detail, store().has_views(scores.key))
        _draw_all_scores(detail, scores)
        draw_closeup(scores, sample)
    _draw_link(scores, sample)


def _why_no_score(scores: ScoreSet) -> str:
    if not scores.key.has_scores:
        return no_scores_text(store(), scores.dataset_id, scores.key)
    if scores.key.is_calibrated and scores.definition not in ESTIMATED:
        return texts.no_exact_score(DEFINITION_SHORT[scores.definition], NO_SPECTRUM)
    return texts.NO_SCORE


def _draw_scores(detail: SampleDetail) -> None:
    for score in detail.scores:
        with st.container(gap="xxsmall"):
            st.markdown(f"**{score_text(score.score, score.is_exact)}** nats under {plain(score.title)}")
            estimate = estimate_text(score.lower, score.upper, score.is_exact)
            st.caption(
                plain(". ".join(part for part in (estimate, texts.standing(score)) if part)), help=texts.RANK_HELP
            )


def _draw_facts(sample: Sample) -> None:
    facts = [*((name, str(value)) for name, value in sample.metadata.items()), ("File", sample.uri)]
    with st.container(gap="xxsmall"):
        for name, value in facts:
            if value:
                st.markdown(f":gray[{plain(name)}]  {plain(value)}")


def _draw_way_to_alike(scores: ScoreSet, sample: Sample) -> None:
    if scores.is_measured:
        like = {state.DATASET: scores.dataset_id, state.BACKBONE: scores.key.text, state.VIEW: "search"}
        like |= {state.LIKE: sample.sample_key}
        icon = ":material/image_search:"
        st.page_link("pages/explore.py", label=texts.MORE_LIKE_THIS, icon=icon, query_params=like)


def _draw_reference(sample: Sample, scores: ScoreSet, reference: str) -> None:
    """Draw the nearest images of a reference dataset, where the sample was compared with it."""
    found: tuple[ReferenceImage, ...] = ()
    with suppress(UnknownNameError, DatasetNotReadyError):  # what is not comparable is said by the page behind
        found = nearest_in_reference(store(), scores, reference, sample.content_id)
    if found:
        tiles = [_reference_tile(item, sample) for item in found]
        title = texts.nearest_in(store().catalogue.dataset(reference).name)
        section = Section(tiles, title, texts.COSINE_DISTANCE)
        gallery([section], "detail-reference", label=title, layout="row", tools=(), dataset_id=reference)


def _reference_tile(item: ReferenceImage, sample: Sample) -> Tile:
    note = texts.SAME_IMAGE if item.content_id == sample.content_id else ""
    return Tile(item.sample_key, item.content_id, f"{item.distance:.3f}", tooltip=item.sample_key, note=note)


def _draw_figures(detail: SampleDetail, has_views: bool) -> None:
    one, two = st.columns(2)
    with one:
        if detail.spectrum is None:
            st.caption(texts.NO_SPECTRUM_OF_VIEWS if has_views else texts.NO_SPECTRUM_TO_SHOW)
        else:
            st.caption(texts.SPECTRUM_ABOUT)
            chart(spectrum_figure(detail.spectrum), "detail-spectrum", texts.spectrum_figure(detail.sample.sample_key))
    with two:
        if detail.place is not None:
            st.caption(texts.PLACE_ABOUT)
            chart(place_figure(detail.place), "detail-place", texts.place_figure(detail.sample.sample_key))


def _draw_all_scores(detail: SampleDetail, scores: ScoreSet) -> None:
    """Draw a table of scores and percentiles: a row per backbone, a column per definition."""
    st.markdown(f"**{texts.ALL_SCORES}**")
    rows = [
        {
            "Backbone": plain(title),
            **{
                DEFINITION_TITLES[name]: f"{score_text(found.score, found.is_exact)} nats · "
                f"{percentile_text(found.class_percentile)}"
                for name, found in by_definition.items()
            },
        }
        for title, by_definition in scores_by_definition(store(), scores, detail.sample).items()
    ]
    st.table(rows)
    st.caption(texts.ALL_SCORES_ABOUT)


def _draw_link(scores: ScoreSet, sample: Sample) -> None:
    base = (st.context.url or "").partition("?")[0]
    st.caption(texts.PERMALINK)
    st.code(
        base + state.link(scores.dataset_id, scores.key.text, scores.definition, sample.sample_key),
        language=None,
        wrap_lines=True,
    )
