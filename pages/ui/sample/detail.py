"""Everything about one sample: image, decision, scores, spectrum, place, neighbours, and what encoders see in it."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation.decisions import decisions_about
from jepascore_core.curation.rules.model import NEAR_RADIUS
from jepascore_core.figures.scores import place_figure, spectrum_figure
from jepascore_core.formatting import bytes_text, count_text, estimate_text, percentile_text, score_text
from jepascore_core.records.datasets import Sample
from jepascore_core.score import ESTIMATED
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import DEFINITION_SHORT, DEFINITION_TITLES
from jepascore_core.views.detail import SampleDetail, SampleScore, scores_by_definition
from jepascore_core.views.neighbours import Neighbour, nearest_samples
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.sample.picture import picture
from pages.ui.sample.sensitivity import draw_closeup
from pages.ui.sample.tiles import to_tile
from pages.ui.widgets.charts import chart
from pages.ui.widgets.deck import Card, decision_bar
from pages.ui.widgets.estimate_notes import NO_SPECTRUM
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.reviewer import reviewer

RANK_HELP = "Rank: how many singular values of the Jacobian are not null, up to rounding; the score sums their logs."


def draw_detail(detail: SampleDetail, scores: ScoreSet) -> None:
    """Large image, decision and facts; then figures, scores of every kind, neighbours and singular vectors."""
    sample = detail.sample
    left, right = st.columns([1, 1], gap="large")
    with left:
        picture(scores.dataset_id, sample.content_id, sample.sample_key, sample.width, sample.height)
    with right:
        st.markdown(f"**{plain(sample.sample_key)}**")
        _draw_decision(sample, scores.dataset_id)
        _draw_scores(detail)
        _draw_facts(detail)
    if detail.chosen is None:
        st.info(_why_no_score(scores))
    else:
        _draw_figures(detail)
        _draw_all_scores(detail, scores)
        place = st.container()
        draw_closeup(scores, sample)
    _draw_link(scores, sample)
    if detail.chosen is not None:
        # Last, because it takes longest: everything else is there to be looked at while it is searched for.
        with place:
            _draw_neighbours(detail, scores)


def _why_no_score(scores: ScoreSet) -> str:
    if scores.key.is_calibrated and scores.definition not in ESTIMATED:
        return (
            f"This sample was not measured exactly, hence has no {DEFINITION_SHORT[scores.definition]}. {NO_SPECTRUM}"
        )
    return "This sample was not measured under the chosen backbone. The Runs page lists failures."


def _draw_decision(sample: Sample, dataset_id: str) -> None:
    who = reviewer()
    decided = decisions_about(store(), dataset_id, {sample.sample_key: sample.content_id}).get(sample.sample_key)
    card = Card(sample.sample_key, sample.content_id, decided_by="" if decided is None else decided.who)
    decision_bar("detail-desk", dataset_id, who, [card])
    st.caption(f"Decisions are made by {plain(who)}")


def _draw_scores(detail: SampleDetail) -> None:
    for score in detail.scores:
        with st.container(gap="xxsmall"):
            st.markdown(f"**{score_text(score.score, score.is_exact)}** nats under {plain(score.title)}")
            estimate = estimate_text(score.lower, score.upper, score.is_exact)
            st.caption(plain(". ".join(part for part in (estimate, _standing(score)) if part)), help=RANK_HELP)


def _draw_facts(detail: SampleDetail) -> None:
    sample = detail.sample
    facts = [
        ("Class", detail.class_title),
        ("Split", sample.split or ""),
        ("Size", f"{sample.width} × {sample.height} pixels, {bytes_text(sample.num_bytes)}"),
        *((name, str(value)) for name, value in sample.metadata.items()),
        ("File", sample.uri),
    ]
    with st.container(gap="xxsmall"):
        for name, value in facts:
            if value:
                st.markdown(f":gray[{plain(name)}]  {plain(value)}")


def _standing(score: SampleScore) -> str:
    in_class = f"{count_text(score.class_place)} of {count_text(score.num_scored_in_class)} in its class"
    in_dataset = f"{count_text(score.place)} of {count_text(score.num_scored)} in the dataset"
    share = percentile_text(score.class_percentile)
    return f"Counted from the least likely: {in_class} ({share}), {in_dataset}; rank {score.rank}"


def _draw_figures(detail: SampleDetail) -> None:
    one, two = st.columns(2)
    with one:
        if detail.spectrum is None:
            st.caption("An estimated score has no spectrum: measure exactly to see the singular values.")
        else:
            st.caption("Singular values of its Jacobian; the band is 5 to 95 % of its class")
            chart(spectrum_figure(detail.spectrum), "detail-spectrum", f"Singular values of {detail.sample.sample_key}")
    with two:
        if detail.place is not None:
            st.caption("Its score among those of its class and of the dataset")
            chart(place_figure(detail.place), "detail-place", f"Score of {detail.sample.sample_key} among others")


def _draw_all_scores(detail: SampleDetail, scores: ScoreSet) -> None:
    """Every backbone down, every definition across; the share of the class that scores lower beside each."""
    st.markdown("**Under every backbone and definition**")
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
    st.caption("In nats, higher = more likely; then the share of its class that scores lower. Only shares compare.")


def _draw_neighbours(detail: SampleDetail, scores: ScoreSet) -> None:
    st.markdown("**Nearest images in embedding space, and duplicates**")
    with st.spinner("Searching the embeddings"):
        found = nearest_samples(store(), scores, detail.sample.content_id)
    num_near = sum(item.distance <= NEAR_RADIUS for item in found)
    sections = [
        Section(
            [
                Tile(twin.sample_key, twin.content_id, "same bytes", tooltip=twin.sample_key)
                for twin in detail.duplicates
            ],
            "Exact duplicates",
            count_text(detail.num_duplicates),
        ),
        Section(
            [_neighbour_tile(item) for item in found],
            "Nearest",
            f"their scores, and the cosine distance · {count_text(num_near)} within {NEAR_RADIUS:g}: near duplicates",
        ),
    ]
    sections = [section for section in sections if section.tiles]
    if not sections:
        st.caption("There is no other image to compare it with.")
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
        note="near duplicate" if is_near else tile.note,
    )


def _draw_link(scores: ScoreSet, sample: Sample) -> None:
    base = (st.context.url or "").partition("?")[0]
    st.caption("Permanent link to this sample")
    st.code(
        base + state.link(scores.dataset_id, scores.key.text, scores.definition, sample.sample_key),
        language=None,
        wrap_lines=True,
    )
