"""Draw the score distributions of many datasets under many backbones, and the samples of a selected range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from jepascore_core.figures.scores import Shape, histogram_figure
from jepascore_core.formatting import count_text, score_text, z_text
from jepascore_core.score import Definition
from jepascore_core.scores.measured import BackboneChoice, backbone_choices, offered
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.distribution import (
    GROUPINGS,
    GroupBy,
    HistogramOptions,
    Histograms,
    HistogramSeries,
    histograms,
)
from jepascore_core.views.estimates import estimates
from jepascore_core.views.references import default_reference
from jepascore_core.views.shapes import FINE_BINS
from pages.ui.app import state
from pages.ui.app.live import await_change
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.distributions import texts
from pages.ui.distributions.bar_samples import draw_bar_samples, keep_bars
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import (
    choose_definition,
    marked_title,
    measured_id,
    nothing_yet,
    say_no_scores,
    say_what_failed,
)
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.url_widgets import pick_many, pick_one
from pages.ui.widgets.verdict_badge import draw_badges

MAX_DATASETS = 6
#: Parameters that lose their meaning with another figure.
RESETS = (state.BARS,)
#: Panels, one per backbone, side by side.
PANELS_IN_A_ROW = 2


@dataclass(frozen=True)
class Chosen:
    """What the page shows: score sets by backbone, and the id of the reference dataset."""

    panels: tuple[tuple[str, tuple[ScoreSet, ...]], ...]
    reference: str

    @property
    def score_sets(self) -> list[ScoreSet]:
        """All score sets."""
        return [scores for _, sets in self.panels for scores in sets]


def choose_score_sets() -> Chosen | None:
    """Return datasets, backbones and score variant; say what to do where nothing was measured."""
    every = offered(store(), backbone_choices(store()))
    choices = {measured_id(choice): choice for choice in every if choice.key.has_scores}
    if not choices:
        if every:
            say_no_scores(ScoreSet(every[0].datasets[0].dataset_id, every[0].key))
        elif store().catalogue.datasets():
            nothing_yet(texts.NOTHING_MEASURED)
        else:
            nothing_yet(widget_texts.NO_DATASET, home=True)
        say_what_failed()
        await_change(lambda: len(store().measured_keys()))
        return None
    columns = st.columns([6, 6, 5, 3], vertical_alignment="bottom")
    with columns[0]:
        looked_at = state.read_id(state.DATASET)
        first = _backbone_first(choices, looked_at)
        titles = {key: marked_title(choice) for key, choice in choices.items()}
        picked = pick_many("Backbones", state.BACKBONES, titles, (first,), resets=RESETS) or (first,)
    chosen = [choices[identifier] for identifier in picked]
    with columns[1]:
        options = {dataset.dataset_id: dataset.name for choice in chosen for dataset in choice.datasets}
        home = default_reference(store(), chosen[0])
        shown = _shown_first(chosen, tuple(options), home, looked_at)
        dataset_ids = pick_many("Datasets", state.DATASETS, options, shown, resets=RESETS) or shown
    with columns[2]:
        reference = (
            pick_one(texts.REFERENCE, state.REFERENCE, options, default=home, help=texts.REFERENCE_HELP, resets=RESETS)
            or dataset_ids[0]
        )
    with columns[3]:
        definition = choose_definition(RESETS)
    panels = tuple((choice.title, _score_sets(choice, dataset_ids, definition)) for choice in chosen)
    found = Chosen(tuple(panel for panel in panels if panel[1]), reference)
    draw_badges(found.score_sets)
    draw_coverage(found.score_sets)
    return found


def _backbone_first(choices: Mapping[str, BackboneChoice], looked_at: str | None) -> str:
    """Return the backbone shown by default: the one that other pages show; if that has not measured the dataset that
    they show, one that has."""
    measured = [name for name, choice in choices.items() if looked_at in {item.dataset_id for item in choice.datasets}]
    carried = state.read_id(state.BACKBONE)
    among = measured or list(choices)
    return carried if carried in among else among[0]


def _shown_first(chosen: Sequence[BackboneChoice], dataset_ids: Sequence[str], *always: str | None) -> tuple[str, ...]:
    """Return the datasets shown by default: those measured completely by every backbone, else any; and `always` the
    reference and the dataset that other pages show."""
    parts = {item.dataset_id for choice in chosen for item in choice.datasets if item.dataset_id not in choice.complete}
    complete = [name for name in dataset_ids if name not in parts or name in always]
    first_ones = sorted(complete or dataset_ids, key=lambda name: name not in always)[:MAX_DATASETS]
    return tuple(sorted(first_ones, key=list(dataset_ids).index))


def _score_sets(choice: BackboneChoice, dataset_ids: Sequence[str], definition: Definition) -> tuple[ScoreSet, ...]:
    measured = {dataset.dataset_id for dataset in choice.datasets}
    return tuple(ScoreSet(dataset_id, choice.key, definition) for dataset_id in dataset_ids if dataset_id in measured)


def draw_histograms(chosen: Chosen) -> None:
    """Draw the figures, their numbers as a table, and the samples of the selected ranges."""
    shape, share, options = _choose_options(chosen)
    views = _views(chosen, options)
    if not any(view.series for _, view in views):
        st.info(texts.NO_SCORES)
        return
    for first in range(0, len(views), PANELS_IN_A_ROW):
        row = views[first : first + PANELS_IN_A_ROW]
        columns = st.columns(len(row), gap="large")
        for position, (column, (title, view)) in enumerate(zip(columns, row, strict=True), first):
            with column:
                _draw_panel(title, view, shape, share, position, alone=len(views) == 1)
    if not draw_bar_samples([view for _, view in views]):
        st.caption(texts.CLICK_A_BAR if shape == "histogram" else texts.DRAG_ACROSS)
    _draw_table(views)


def _choose_options(chosen: Chosen) -> tuple[Shape, bool, HistogramOptions]:
    with st.container(horizontal=True, gap="medium"):
        grouping = pick_one(texts.GROUP_BY, state.GROUP_BY, texts.GROUP_TITLES, segments=True, resets=RESETS)
        shape: Shape = (
            pick_one(texts.SHAPE, state.SHAPE, texts.SHAPE_TITLES, segments=True, resets=RESETS) or "histogram"
        )
        unit = "share"
        if shape == "histogram":
            unit = pick_one(texts.Y_AXIS, state.UNIT, texts.UNIT_TITLES, segments=True) or unit
        scale = pick_one(
            texts.X_AXIS, state.SCALE, texts.SCALE_TITLES, segments=True, help=texts.X_AXIS_HELP, resets=RESETS
        )
    group_by: GroupBy = grouping or GROUPINGS[0]
    options = HistogramOptions(group_by=group_by, reference=chosen.reference if scale == "reference" else None)
    return shape, unit == "share", options if shape == "histogram" else replace(options, bins=FINE_BINS)


def _views(chosen: Chosen, options: HistogramOptions) -> list[tuple[str, Histograms]]:
    """Return a view for each backbone, on one axis where scores are on a common scale."""
    if options.reference is not None and len(chosen.panels) > 1:
        everything = histograms(store(), chosen.score_sets, options)
        options = replace(options, edges=everything.edges or None)
    return [(title, histograms(store(), sets, options)) for title, sets in chosen.panels]


def _draw_panel(title: str, view: Histograms, shape: Shape, share: bool, position: int, alone: bool) -> None:
    if not alone:
        st.markdown(f"**{plain(title)}**")
    if not view.series:
        st.caption(texts.NOTHING_TO_SHOW)
        return
    figure = histogram_figure(view, share=share, shape=shape, half_widths=[_half_width(item) for item in view.series])
    # While dragging selects, Streamlit ignores clicks: bars are clicked, lines are dragged along.
    figure.update_layout(dragmode=False if shape == "histogram" else "select", selectdirection="h")
    # Only the markers of a line can be selected: they are transparent.
    unseen = {"size": 7, "color": "rgba(0,0,0,0)"}
    figure.update_traces(mode="lines+markers", marker=unseen, selector={"type": "scatter"})
    key = "histograms" if position == 0 else f"histograms-{position}"
    keep = partial(keep_bars, key, position)
    chart(figure, key, texts.figure_title(title), selects=("points", "box"), on_select=keep)
    if view.num_hidden:
        st.caption(texts.groups_hidden(view.num_hidden))
    if view.num_without_reference:
        st.caption(texts.without_reference(view.num_without_reference))


def _draw_table(panels: Sequence[tuple[str, Histograms]]) -> None:
    """Draw the numbers of every series; relative to a reference they have no unit."""
    on_scale = any(view.reference is not None for _, view in panels)
    has_estimates = any(_half_width(series) is not None for _, view in panels for series in view.series)
    show = z_text if on_scale else score_text
    rows = []
    for title, view in panels:
        for series in view.series:
            backbone = {"Backbone": plain(title)} if len(panels) > 1 else {}
            numbers = {
                "Median": series.median,
                "Lower quartile": series.lower_quartile,
                "Upper quartile": series.upper_quartile,
                "Least likely": series.minimum,
                "Most likely": series.maximum,
            }
            shown = {name: show(value) for name, value in numbers.items()}
            if has_estimates:
                shown[texts.INTERVAL] = _interval_cell(series, show)
            rows.append({"Scores": plain(series.title)} | backbone | {"Samples": count_text(series.num_scored)} | shown)
    st.table(rows)
    st.caption(texts.unit(on_scale))


def _interval_cell(series: HistogramSeries, show: Callable[[float], str]) -> str:
    if estimates(store(), series.scores) is None:
        return texts.EXACT
    half_width = _half_width(series)
    return texts.UNKNOWN if half_width is None else f"± {show(half_width)}"


def _half_width(series: HistogramSeries) -> float | None:
    """Return the half width of an estimate's interval, on the scale of the figure; None if exact or unknown."""
    found = estimates(store(), series.scores)
    if found is None or found.half_width is None:
        return None
    return found.half_width / (series.standard.width if series.standard else 1.0)
