"""Draw what a dataset adds to a reference: the least covered samples first, the scores of both, shared images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.curation.columns.reference import reference_scores
from jepascore_core.curation.precompute.steps import pending_reference
from jepascore_core.errors import JepaScoreError
from jepascore_core.figures.scores import histogram_figure
from jepascore_core.formatting import percentile_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.distribution import histograms
from jepascore_core.views.reference import (
    ComparedSample,
    ReferenceView,
    SharedImage,
    far_budget,
    farthest_samples,
    new_rule,
    reference_view,
)
from jepascore_core.views.references import comparable_datasets, measuring_command, other_datasets
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.explore import texts
from pages.ui.sample.tiles import to_tile
from pages.ui.widgets.charts import chart
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.precompute import steps_done
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_one, pick_open, pick_page


def draw_reference(scores: ScoreSet, places: Sequence[DeltaGenerator]) -> None:
    """Draw the comparison; reference, page size and page are chosen in three `places`."""
    options = _options(scores)
    if not options:
        _draw_none(scores)
        return
    _say_why_not(scores, options)
    with places[0]:
        reference = pick_one(texts.REFERENCE, state.REFERENCE, options, help=texts.REFERENCE_HELP, resets=(state.PAGE,))
    if reference is None or not steps_done(scores, list(pending_reference(store(), scores, reference))):
        return
    view = reference_view(store(), scores, reference)
    with places[1]:
        per_page = int(pick_one("Samples", state.PER_PAGE, texts.PAGE_SIZES, resets=(state.PAGE,)) or 48)
    with places[2]:
        page = pick_page(max(1, -(-view.num_compared // per_page)))
    st.markdown(plain(view.summary))
    (st.warning if view.is_partial else st.caption)(plain(f"{view.compared_text} {view.shared_text}"))
    _draw_farthest(scores, reference, per_page, page)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_scores(scores, reference, view)
    with right:
        _draw_rules(view)
        _draw_shared(scores, view)


def chosen_reference(scores: ScoreSet) -> str | None:
    """Return the id of the reference dataset of the URL, or else of the first one that is offered."""
    known = tuple(_options(scores))
    return state.read_choice(state.REFERENCE, known, known[0]) if known else None


def _options(scores: ScoreSet) -> dict[str, str]:
    return {item.dataset_id: item.name for item in comparable_datasets(store(), scores)}


def _say_why_not(scores: ScoreSet, options: Mapping[str, str]) -> None:
    """Say why the dataset that a link names is not compared with: another one is, instead."""
    asked = state.read_id(state.REFERENCE)
    if asked is None or asked in options or asked == scores.dataset_id:
        return
    try:
        reference_scores(store(), scores, asked)
    except JepaScoreError as error:
        st.info(plain(str(error)), icon=":material/info:")


def _draw_none(scores: ScoreSet) -> None:
    """Say what to measure, where no other dataset was measured in the same way."""
    others = other_datasets(store(), scores)
    if not others:
        st.info(texts.NO_REFERENCE)
        return
    largest = others[0]
    with st.container(border=True):
        st.markdown(plain(texts.none_comparable([item.name for item in others], largest.name)))
        st.code(measuring_command(store(), scores, largest.name), language="sh")
        link = {state.DATASET: largest.dataset_id, state.MEASURE_WITH: _name_of(scores)}
        st.page_link("pages/runs.py", label=texts.MEASURE_REFERENCE, icon=":material/play_circle:", query_params=link)


def _name_of(scores: ScoreSet) -> str:
    info = store().catalogue.backbones().get(scores.backbone_id)
    return info.name if info is not None else scores.backbone_id


def _draw_farthest(scores: ScoreSet, reference: str, per_page: int, page: int) -> None:
    found = farthest_samples(store(), scores, reference, per_page, (page - 1) * per_page)
    section = Section([_tile(item) for item in found], texts.FARTHEST)
    event = gallery(
        [section], "farthest", label=texts.FARTHEST, remember=state.SAMPLE, dataset_id=scores.dataset_id, who=reviewer()
    )
    st.caption(texts.DISTANCE_AND_PERCENTILE)
    if event is not None:
        st.rerun()


def _tile(item: ComparedSample) -> Tile:
    tile = to_tile(item.sample)
    percentile = percentile_text(item.percentile)
    return Tile(
        tile.sample_key,
        tile.content_id,
        f"{item.distance:.3f}",
        percentile,
        item.percentile,
        tooltip=texts.compared(tile.sample_key, item.distance, percentile),
        label=tile.label,
    )


def _draw_scores(scores: ScoreSet, reference: str, view: ReferenceView) -> None:
    st.markdown(f"**{texts.COMPARED_SCORES}**")
    both = [scores, ScoreSet(store().catalogue.dataset(reference).dataset_id, scores.key, scores.definition)]
    chart(histogram_figure(histograms(store(), both)), "reference-scores", texts.COMPARED_FIGURE)
    if view.quantiles:
        st.caption(texts.distances(view.quantiles))


def _draw_rules(view: ReferenceView) -> None:
    st.markdown(f"**{texts.RULES_TO_COPY}**")
    rule = new_rule(view)
    for line in filter(None, (rule, far_budget(view, "farthest"), far_budget(view, "diverse"))):
        st.code(line, language=None, wrap_lines=True)


def _draw_shared(scores: ScoreSet, view: ReferenceView) -> None:
    shared = view.shared
    groups = ((texts.SAME_BYTES, shared.num_exact, shared.exact), (texts.SAME_LOOK, shared.num_alike, shared.alike))
    if not any(images for _, _, images in groups):
        return
    place = pick_open(texts.IN_BOTH, "shared", ":material/content_copy:")
    if place is None:
        return
    with place:
        sections = [
            Section([_shared_tile(item) for item in images], title, texts.shared_names(count or 0))
            for title, count, images in groups
            if images
        ]
        event = gallery(
            sections, "in-both", label=texts.IN_BOTH, size=84, tools=(), remember=state.SAMPLE,
            dataset_id=scores.dataset_id, who=reviewer(),
        )  # fmt: skip
        if event is not None:
            st.rerun()


def _shared_tile(item: SharedImage) -> Tile:
    return Tile(
        item.sample_key, item.content_id, item.reference_key, tooltip=texts.also(item.sample_key, item.reference_key)
    )
