"""Draw the samples of selected bars of histograms; the URL holds the selection, and each dataset has a gallery."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from jepascore_core.views.bins import span_text
from jepascore_core.views.distribution import Histograms, HistogramSeries, bin_range, samples_between
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.distributions import texts
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, gallery
from pages.ui.widgets.navigate import navigate
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.texts import CLEAR_SELECTION

SAMPLES_SHOWN = 48
MIN_SHOWN = 6
#: Number of the panel, of the series in it, and the first and last bin.
_BARS = re.compile(r"([0-9]{1,2})-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})")

#: A series of a view, and the bins that are selected.
Chosen = tuple[Histograms, HistogramSeries, list[int]]


def keep_bars(key: str, panel: int) -> None:
    """Write the selection of the figure `key` to the URL; for a callback, which runs before the page."""
    places: dict[int, list[int]] = {}
    for point in st.session_state[key].selection.points:
        if point.get("customdata"):
            series, place = point["customdata"]
            places.setdefault(series, []).append(place)
    others = [item for item in state.read_ids(state.BARS) if not item.startswith(f"{panel}-")]
    state.write(
        state.BARS, [*others, *(f"{panel}-{series}-{min(found)}-{max(found)}" for series, found in places.items())]
    )


def draw_bar_samples(views: Sequence[Histograms]) -> bool:
    """Draw the samples of the selected bars, a block for each series with any; return False where none is selected."""
    selected = [found for item in state.read_ids(state.BARS) if (found := _read(item, views)) is not None]
    if not selected:
        return False
    chosen = [item for item in selected if any(item[1].counts[place] for place in item[2])]
    if not chosen:
        st.caption(texts.EMPTY_BARS)
    limit = max(MIN_SHOWN, SAMPLES_SHOWN // max(1, len(chosen)))
    # Decisions are about one dataset: each has a gallery of its own.
    for dataset_id in dict.fromkeys(series.scores.dataset_id for _, series, _ in chosen):
        _draw_samples(dataset_id, [item for item in chosen if item[1].scores.dataset_id == dataset_id], limit)
    st.button(
        CLEAR_SELECTION, type="tertiary", icon=":material/close:", on_click=state.write, args=(state.BARS, None)
    )  # fmt: skip
    return True


def _read(item: str, views: Sequence[Histograms]) -> Chosen | None:
    found = _BARS.fullmatch(item)
    if found is None:
        return None
    panel, position, first, last = map(int, found.groups())
    if panel >= len(views) or position >= len(views[panel].series) or not first <= last < len(views[panel].edges) - 1:
        return None
    return views[panel], views[panel].series[position], list(range(first, last + 1))


def _draw_samples(dataset_id: str, chosen: Sequence[Chosen], limit: int) -> None:
    sections = [_section(*item, limit) for item in chosen]
    label = texts.bar_gallery(store().catalogue.dataset(dataset_id).name)
    event = gallery(
        sections, f"bar-samples-{dataset_id}", label=label, tools=SCORE_TOOLS, dataset_id=dataset_id, who=reviewer()
    )
    if event is not None:
        scores = chosen[event.section][1].scores
        where = {state.DATASET: dataset_id, state.SAMPLE: event.sample_key, state.DEFINITION: scores.definition}
        where[state.BACKBONE] = scores.key.text
        navigate("pages/explore.py", where)


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
        standard=series.standard,
    )
    total = sum(series.counts[places[0] : places[-1] + 1])
    span = span_text(view, series, places[0], places[-1])
    return Section(to_tiles(found), series.title, texts.bar_samples(len(found), total, span))
