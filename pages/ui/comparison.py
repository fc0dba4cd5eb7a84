"""Two or more backbones on one dataset: the same class's extremes, how far they agree, and where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from jepascore_core.figures import agreement_figure, percentile_scatter_figure
from jepascore_core.views.agreement import (
    PercentilePair,
    agreement,
    disagreements,
    extreme_overlaps,
    percentile_scatter,
)
from jepascore_core.views.choices import MeasuredChoice, class_choices
from jepascore_core.views.extremes import class_extremes
from jepascore_core.views.formats import count_text, percent_text, percentile_text
from jepascore_core.views.score_set import Label, ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.gallery import Section, Tile, gallery
from pages.ui.pick import pick_int, pick_one
from pages.ui.samples import to_tiles

PER_GROUP = 8
MAX_PER_GROUP = 20


def draw_comparison(dataset_id: str, chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    """Everything of Compare below the choice of backbones."""
    classes = class_choices(store(), dataset_id)
    columns = st.columns([4, 4, 3], vertical_alignment="bottom")
    with columns[0]:
        options = {str(position): choice.title for position, choice in enumerate(classes)}
        position = int(pick_one("Class", state.LABEL, options) or 0)
    with columns[1]:
        per_group = pick_int("Samples in each group", state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    label = classes[position].label
    _draw_rows(chosen, score_sets, label, per_group)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_agreement(score_sets, label, per_group)
    with right:
        _draw_scatter(chosen, score_sets)


def _draw_rows(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet], label: Label, n: int) -> None:
    sections = []
    for choice, scores in zip(chosen, score_sets, strict=True):
        (found,) = class_extremes(store(), scores, [label], n)
        sections.append(Section([*to_tiles(found.least, "least"), *to_tiles(found.most, "most")], choice.title))
    event = gallery(sections, "backbone-rows", label="Extremes under each backbone", size=88, layout="row")
    if event is not None:
        _open(score_sets[event.section], event.sample_key)


def _draw_agreement(score_sets: Sequence[ScoreSet], label: Label, n: int) -> None:
    st.subheader("Agreement", anchor=False)
    found = agreement(store(), score_sets)
    st.caption(
        f"Spearman's rank correlation over {count_text(found.num_common)} samples that all of them measured: "
        "1 is the same order, 0 unrelated, below 0 the opposite. Raw scores of two backbones are never comparable."
    )
    st.plotly_chart(agreement_figure(found), key="agreement")
    titles = dict(zip(score_sets, found.titles, strict=True))
    rows = [
        {
            "Pair": f"{titles[item.first]} and {titles[item.second]}",
            f"Shared among the {item.n} least likely": percent_text(item.least),
            f"Among the {item.n} most likely": percent_text(item.most),
            "By chance": percent_text(item.by_chance),
        }
        for item in extreme_overlaps(store(), score_sets, n, [label])
    ]
    st.caption("How many of this class's extremes they have in common")
    st.table(rows)


def _draw_scatter(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    st.subheader("Percentiles of every sample", anchor=False)
    first, second = score_sets[0], score_sets[1]
    st.caption(f"{chosen[0].title} against {chosen[1].title}: on the diagonal they agree. Drag to select samples.")
    view = percentile_scatter(store(), first, second)
    event: Any = st.plotly_chart(
        percentile_scatter_figure(view), key="scatter", on_select="rerun", selection_mode=("points", "box", "lasso")
    )
    keys = {point["customdata"][0] for point in event.selection.points if point.get("customdata")}
    selected = [point for point in view.points if point.sample_key in keys]
    if selected:
        _draw_pairs("Selected", selected[:96], first)
    else:
        _draw_pairs("Largest disagreements", disagreements(store(), first, second, limit=24), first)


def _draw_pairs(title: str, pairs: Iterable[PercentilePair], scores: ScoreSet) -> None:
    tiles = [
        Tile(
            pair.sample_key,
            pair.content_id,
            caption=percentile_text(pair.first),
            badge=percentile_text(pair.second),
            tooltip=f"{pair.sample_key}\npercentile {pair.first:.1f} under the first, {pair.second:.1f} the second",
        )
        for pair in pairs
    ]
    event = gallery([Section(tiles, title)], "pairs", label=title, size=80)
    if event is not None:
        _open(scores, event.sample_key)


def _open(scores: ScoreSet, sample_key: str) -> None:
    """Remember what was clicked, and run the page again to show it."""
    state.write(state.BACKBONE, f"{scores.backbone_id}@{scores.spec_id}")
    state.write(state.SAMPLE, sample_key)
    st.rerun()
