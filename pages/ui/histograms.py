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
    HistogramSeries,
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
MIN_SHOWN = 6
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
    columns = st.columns([4, 3, 4])
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
    # While a drag selects, Streamlit takes no click for a choice.
    figure.update_layout(dragmode="select", selectdirection="h")
    # Of a line only its markers can be selected.
    figure.update_traces(mode="lines+markers", marker={"size": 5}, selector={"type": "scatter"})
    event: Any = st.plotly_chart(figure, key="histograms", on_select="rerun", selection_mode=("points", "box"))
    if view.num_hidden:
        st.caption(f"{plural(view.num_hidden, 'smaller group')} not shown.")
    bars = [point["customdata"] for point in event.selection.points if point.get("customdata")]
    if bars:
        _draw_bars(view, bars)
    else:
        st.caption("Drag across bars to see the samples in them.")
    _draw_table(view)


def _draw_bars(view: Histograms, bars: list[list[int]]) -> None:
    """Samples of the selected bars, a block for each series that has any there."""
    places: dict[int, list[int]] = {}
    for position, place in bars:
        if view.series[position].counts[place]:
            places.setdefault(position, []).append(place)
    chosen = [(view.series[position], sorted(found)) for position, found in sorted(places.items())]
    if not chosen:
        st.caption("There is no sample in the chosen bars.")
        return
    limit = max(MIN_SHOWN, SAMPLES_SHOWN // len(chosen))
    sections = [_section(view, series, found, limit) for series, found in chosen]
    event = gallery(sections, "bar-samples", label="Samples of the chosen bars")
    if event is not None:
        scores = chosen[event.section][0].scores
        where = {state.DATASET: scores.dataset_id, state.SAMPLE: event.sample_key}
        where[state.BACKBONE] = f"{scores.backbone_id}@{scores.spec_id}"
        st.switch_page("pages/explore.py", query_params=where)


def _section(view: Histograms, series: HistogramSeries, places: list[int], limit: int) -> Section:
    low, high = bin_range(view, places[0])[0], bin_range(view, places[-1])[1]
    group = [series.group]
    found = samples_between(
        store(),
        series.scores,
        low,
        high,
        limit=limit,
        labels=group if view.group_by == "label" else None,
        splits=group if view.group_by == "split" else None,
    )
    total = sum(series.counts[places[0] : places[-1] + 1])
    shown = f"{count_text(len(found))} of " if len(found) < total else ""
    return Section(to_tiles(found), series.title, f"{shown}{plural(total, 'sample')} between the chosen scores")


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
