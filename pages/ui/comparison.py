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
from pages.ui.choose import label_id, measured_id
from pages.ui.gallery import Section, Tile, gallery
from pages.ui.pick import pick_int, pick_one
from pages.ui.samples import to_tiles

PER_GROUP = 8
MAX_PER_GROUP = 20
NUM_DISAGREEMENTS = 24
MAX_SELECTED = 96


def draw_comparison(dataset_id: str, chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    """Everything of Compare below the choice of backbones."""
    classes = class_choices(store(), dataset_id)
    columns = st.columns([3, 4, 4])
    with columns[0]:
        picked = pick_one("Class", state.LABEL, {label_id(choice.label): choice.title for choice in classes})
    with columns[1]:
        per_group = pick_int("Samples in each group", state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    label = next(choice.label for choice in classes if label_id(choice.label) == picked)
    _draw_rows(chosen, score_sets, label, per_group)
    _draw_agreement(score_sets, label, per_group)
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
    left, right = st.columns(2, gap="large")
    with left:
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
    with right:
        st.caption("How many of this class's extremes they have in common")
        if rows:
            st.table(rows)
        else:
            st.caption("No sample of this class is measured by all of them yet.")


def _draw_scatter(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    st.subheader("Percentiles of every sample", anchor=False)
    first, second = _pick_pair(chosen, score_sets)
    st.caption("On the diagonal they agree. Drag around samples to see them.")
    view = percentile_scatter(store(), first, second)
    left, right = st.columns(2, gap="large")
    with left:
        event: Any = st.plotly_chart(
            percentile_scatter_figure(view), key="scatter", on_select="rerun", selection_mode=("points", "box", "lasso")
        )
    keys = {point["customdata"][0] for point in event.selection.points if point.get("customdata")}
    selected = [point for point in view.points if point.sample_key in keys]
    subtitle = f"percentile under {view.first_title} on the left, {view.second_title} on the right"
    with right:
        if selected:
            shown = f", {MAX_SELECTED} shown" if len(selected) > MAX_SELECTED else ""
            _draw_pairs(f"{count_text(len(selected))} selected{shown}", subtitle, selected[:MAX_SELECTED], first)
        else:
            largest = disagreements(store(), first, second, limit=NUM_DISAGREEMENTS)
            _draw_pairs("Largest disagreements", subtitle, largest, first)


def _pick_pair(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> tuple[ScoreSet, ScoreSet]:
    """Which two to draw against each other; asks only where there are more than two."""
    if len(score_sets) == 2:
        return score_sets[0], score_sets[1]
    found = dict(zip(map(measured_id, chosen), score_sets, strict=True))
    titles = {measured_id(choice): choice.title for choice in chosen}
    left, right = st.columns(2)
    with left:
        across = pick_one("Across", state.ACROSS, titles)
    rest = {identifier: title for identifier, title in titles.items() if identifier != across}
    with right:
        up = pick_one("Up", state.UP, rest)
    return found[across or ""], found[up or ""]


def _draw_pairs(title: str, subtitle: str, pairs: Iterable[PercentilePair], scores: ScoreSet) -> None:
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
    event = gallery([Section(tiles, title, subtitle)], "pairs", label=title, size=80)
    if event is not None:
        _open(scores, event.sample_key)


def _open(scores: ScoreSet, sample_key: str) -> None:
    """Remember what was clicked, and run the page again to show it."""
    state.write(state.BACKBONE, f"{scores.backbone_id}@{scores.spec_id}")
    state.write(state.SAMPLE, sample_key)
    st.rerun()
