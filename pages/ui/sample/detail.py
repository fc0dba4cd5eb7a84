"""Draw the details of one sample: image, decision, scores, spectrum, neighbours and sensitivity."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from jepascore_core.curation.columns.marks import corrected_labels_about
from jepascore_core.curation.decisions import decisions_about
from jepascore_core.curation.rules.model import NEAR_RADIUS
from jepascore_core.errors import DatasetNotReadyError, UnknownNameError
from jepascore_core.figures.scores import place_figure, spectrum_figure
from jepascore_core.formatting import count_text, estimate_text, percentile_text, score_text
from jepascore_core.records.datasets import Sample
from jepascore_core.score import ESTIMATED
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_SHORT, DEFINITION_TITLES
from jepascore_core.views.detail import SampleDetail, scores_by_definition
from jepascore_core.views.neighbours import Neighbour, nearest_samples
from jepascore_core.views.reference import ReferenceImage, nearest_in_reference
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.sample import texts
from pages.ui.sample.picture import picture
from pages.ui.sample.sensitivity import draw_closeup
from pages.ui.sample.tiles import to_tile
from pages.ui.widgets.charts import chart
from pages.ui.widgets.deck import Card, decision_bar
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.texts import NO_SPECTRUM


def draw_detail(detail: SampleDetail, scores: ScoreSet, reference: str | None = None) -> None:
    """Draw image, decision and facts, then figures, all scores, neighbours and singular vectors.

    With the id of a `reference` dataset, also the images of that which are nearest.
    """
    sample = detail.sample
    left, right = st.columns([1, 1], gap="large")
    with left:
        picture(scores.dataset_id, sample.content_id, sample.sample_key, sample.width, sample.height)
    with right:
        st.markdown(f"**{plain(sample.sample_key)}**")
        _draw_decision(sample, scores.dataset_id)
        _draw_scores(detail)
        _draw_facts(detail, scores.dataset_id)
    if reference is not None:
        _draw_reference(sample, scores, reference)
    if detail.chosen is None:
        st.info(plain(_why_no_score(scores)))
        place = st.container()
    else:
        _draw_figures(detail, store().has_views(scores.key))
        _draw_all_scores(detail, scores)
        place = st.container()
        draw_closeup(scores, sample)
    _draw_link(scores, sample)
    if detail.chosen is not None or not scores.key.has_scores:
        # Last, because the search takes longest: everything else is visible meanwhile.
        with place:
            _draw_neighbours(detail, scores)


def _why_no_score(scores: ScoreSet) -> str:
    if not scores.key.has_scores:
        return no_scores_text(store(), scores.dataset_id, scores.key)
    if scores.key.is_calibrated and scores.definition not in ESTIMATED:
        return texts.no_exact_score(DEFINITION_SHORT[scores.definition], NO_SPECTRUM)
    return texts.NO_SCORE


def _draw_decision(sample: Sample, dataset_id: str) -> None:
    who = reviewer()
    decided = decisions_about(store(), dataset_id, {sample.sample_key: sample.content_id}).get(sample.sample_key)
    card = Card(sample.sample_key, sample.content_id, decided_by="" if decided is None else decided.who)
    decision_bar("detail-desk", dataset_id, who, [card])
    st.caption(texts.decided_by(plain(who)))


def _draw_scores(detail: SampleDetail) -> None:
    for score in detail.scores:
        with st.container(gap="xxsmall"):
            st.markdown(f"**{score_text(score.score, score.is_exact)}** nats under {plain(score.title)}")
            estimate = estimate_text(score.lower, score.upper, score.is_exact)
            st.caption(
                plain(". ".join(part for part in (estimate, texts.standing(score)) if part)), help=texts.RANK_HELP
            )


def _draw_facts(detail: SampleDetail, dataset_id: str) -> None:
    sample = detail.sample
    dataset = store().catalogue.dataset(dataset_id)
    corrected = corrected_labels_about(store(), dataset, {sample.sample_key: sample.content_id})
    facts = [
        ("Class", detail.class_title),
        (texts.CORRECTED, corrected.get(sample.sample_key, "")),
        ("Split", sample.split or ""),
        ("Size", texts.size(sample.width, sample.height, sample.num_bytes)),
        *((name, str(value)) for name, value in sample.metadata.items()),
        ("File", sample.uri),
    ]
    with st.container(gap="xxsmall"):
        for name, value in facts:
            if value:
                st.markdown(f":gray[{plain(name)}]  {plain(value)}")


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


def _draw_neighbours(detail: SampleDetail, scores: ScoreSet) -> None:
    st.markdown(f"**{texts.NEIGHBOURS}**")
    with st.spinner(texts.SEARCHING):
        found = nearest_samples(store(), scores, detail.sample.content_id)
    num_near = sum(item.distance <= NEAR_RADIUS for item in found)
    sections = [
        Section(
            [
                Tile(twin.sample_key, twin.content_id, texts.SAME_BYTES, tooltip=twin.sample_key)
                for twin in detail.duplicates
            ],
            texts.EXACT_DUPLICATES,
            count_text(detail.num_duplicates),
        ),
        Section(
            [_neighbour_tile(item) for item in found],
            texts.NEAREST,
            texts.nearest(num_near, NEAR_RADIUS),
        ),
    ]
    link = {state.DATASET: scores.dataset_id, state.BACKBONE: scores.key.text, state.VIEW: "search"}
    if found:
        like = link | {state.LIKE: detail.sample.sample_key}
        st.page_link("pages/explore.py", label=texts.MORE_LIKE_THIS, icon=":material/image_search:", query_params=like)
    sections = [section for section in sections if section.tiles]
    if not sections:
        st.caption(texts.NOTHING_TO_COMPARE)
        return
    event = gallery(
        sections, "detail-neighbours", label="Neighbours", size=84, layout="row", remember=state.SAMPLE, tools=(),
        dataset_id=scores.dataset_id, who=reviewer(),
    )  # fmt: skip
    if event is not None:
        st.rerun()


def _neighbour_tile(item: Neighbour) -> Tile:
    tile = to_tile(item.sample)
    is_near = item.distance <= NEAR_RADIUS
    return Tile(
        tile.sample_key,
        tile.content_id,
        tile.caption,
        f"{item.distance:.3f}",
        tile.percentile,
        tooltip=f"{tile.tooltip}\ncosine distance {item.distance:.4f}",
        label=tile.label,
        note=texts.NEAR_DUPLICATE if is_near else tile.note,
    )


def _draw_link(scores: ScoreSet, sample: Sample) -> None:
    base = (st.context.url or "").partition("?")[0]
    st.caption(texts.PERMALINK)
    st.code(
        base + state.link(scores.dataset_id, scores.key.text, scores.definition, sample.sample_key),
        language=None,
        wrap_lines=True,
    )
