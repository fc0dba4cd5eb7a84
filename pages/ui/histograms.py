"""Score histograms of several datasets under one backbone, and the samples behind a bar."""

from __future__ import annotations

from typing import Any

import streamlit as st

from jepascore_core.figures import histogram_figure
from jepascore_core.score import Definition
from jepascore_core.views.choices import BackboneChoice, backbone_choices
from jepascore_core.views.distribution import (
    GROUPINGS,
    GroupBy,
    HistogramOptions,
    Histograms,
    bin_range,
    histograms,
    samples_between,
)
from jepascore_core.views.formats import count_text, plural, score_text
from jepascore_core.views.score_set import ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.choose import choose_definition, measured_id, nothing_yet
from pages.ui.gallery import Section, gallery
from pages.ui.live import await_change
from pages.ui.pick import pick_many, pick_one
from pages.ui.samples import to_tiles
from pages.ui.text import plain

GROUP_TITLES = {"none": "Whole datasets", "label": "By class", "split": "By split"}
UNIT_TITLES = {"share": "Share", "count": "Count"}
SAMPLES_SHOWN = 48
MAX_DATASETS = 6


def choose_score_sets() -> list[ScoreSet]:
    """Several datasets under one backbone; says what to do where nothing was measured."""
    choices = {measured_id(choice): choice for choice in backbone_choices(store())}
    if not choices:
        nothing_yet("Nothing is measured yet. Start a run on the Runs page; this page fills as it goes on.")
        await_change(lambda: len(store().measured_specs()))
        return []
    columns = st.columns([3, 4, 4])
    with columns[0]:
        picked = pick_one("Backbone", state.BACKBONE, {key: choice.title for key, choice in choices.items()})
    chosen = choices[picked or ""]
    with columns[1]:
        options = {dataset.dataset_id: dataset.name for dataset in chosen.datasets}
        dataset_ids = pick_many("Datasets", state.DATASETS, options, tuple(options)[:MAX_DATASETS])
    with columns[2]:
        definition = choose_definition()
    return [_score_set(chosen, dataset_id, definition) for dataset_id in dataset_ids]


def _score_set(choice: BackboneChoice, dataset_id: str, definition: Definition) -> ScoreSet:
    return ScoreSet(dataset_id, choice.backbone_id, choice.spec_id, definition)


def draw_histograms(score_sets: list[ScoreSet]) -> None:
    """The figure, its medians as a table, and the samples of the bars that are selected."""
    columns = st.columns([3, 4, 4])
    with columns[0]:
        grouping = pick_one("Split up", state.GROUP_BY, GROUP_TITLES, segments=True)
    with columns[1]:
        unit = pick_one("Height of a bar", state.UNIT, UNIT_TITLES, segments=True)
    group_by: GroupBy = next(name for name in GROUPINGS if name == grouping)
    view = histograms(store(), score_sets, HistogramOptions(group_by=group_by))
    if not view.series:
        st.info("None of these datasets has a score yet.")
        return
    figure = histogram_figure(view, share=unit == "share")
    event: Any = st.plotly_chart(figure, key="histograms", on_select="rerun", selection_mode=("points", "box"))
    if view.num_hidden:
        st.caption(f"{plural(view.num_hidden, 'smaller group')} not shown.")
    bars = [point["customdata"] for point in event.selection.points if point.get("customdata")]
    if bars:
        _draw_bars(view, bars)
    else:
        st.caption("Click a bar, or drag a box over several, to see the samples in it.")
    _draw_table(view)


def _draw_bars(view: Histograms, bars: list[list[int]]) -> None:
    """Samples of the selected bars of the first selected series."""
    position = bars[0][0]
    places = [place for series, place in bars if series == position]
    series = view.series[position]
    low, high = bin_range(view, min(places))[0], bin_range(view, max(places))[1]
    labels = [series.group] if view.group_by == "label" else None
    found = samples_between(store(), series.scores, low, high, limit=SAMPLES_SHOWN, labels=labels)
    total = sum(series.counts[place] for place in places)
    shown = f"{count_text(len(found))} of " if len(found) < total else ""
    section = Section(to_tiles(found), series.title, f"{shown}{plural(total, 'sample')} between the chosen scores")
    event = gallery([section], "bar-samples", label="Samples of the chosen bars")
    if event is not None:
        where = {state.DATASET: series.scores.dataset_id, state.SAMPLE: event.sample_key}
        where[state.BACKBONE] = f"{series.scores.backbone_id}@{series.scores.spec_id}"
        st.switch_page("pages/explore.py", query_params=where)


def _draw_table(view: Histograms) -> None:
    rows = [
        {
            "Scores": plain(series.title),
            "Samples": count_text(series.num_scored),
            "Median (nats)": score_text(series.median),
            "Lower quartile": score_text(series.lower_quartile),
            "Upper quartile": score_text(series.upper_quartile),
            "Least likely": score_text(series.minimum),
            "Most likely": score_text(series.maximum),
        }
        for series in view.series
    ]
    st.table(rows)
