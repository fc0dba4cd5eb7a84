"""Draw where two backbones disagree: a scatter plot of percentiles, and the samples of its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from jepascore_core.figures.agreement import percentile_scatter_figure
from jepascore_core.formatting import percentile_text
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.agreement import PercentilePair, disagreements, percentile_scatter
from jepascore_core.views.estimates import estimates, percentile_intervals
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.compare import texts
from pages.ui.compare.lasso import is_in_area, keep_area
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import measured_id
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.texts import CLEAR_SELECTION
from pages.ui.widgets.url_widgets import pick_one

NUM_DISAGREEMENTS = 24
MAX_SELECTED = 96
#: Parameters that lose their meaning with other axes.
RESETS = (state.AREA,)

Interval = tuple[float, float]


def draw_scatter(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    """Draw a point per sample, and beside it the selected samples, else the largest disagreements."""
    st.subheader(texts.SCATTER, anchor=False)
    first, second = _pick_pair(chosen, score_sets)
    within = pick_one(
        texts.WITHIN, state.WITHIN, texts.WITHIN_TITLES, segments=True, help=texts.WITHIN_HELP, resets=RESETS
    )
    by_class = within == "class"
    view = percentile_scatter(store(), first, second, within_class=by_class)
    left, right = st.columns(2, gap="large")
    with left:
        title = texts.scatter_figure(view.first_title, view.second_title)
        errors = _points(first), _points(second)
        figure = percentile_scatter_figure(view, errors)
        chart(figure, "scatter", title, selects=("points", "box", "lasso"), on_select=partial(keep_area, "scatter"))
        st.caption(texts.scatter_caption(len(view.points), view.num_common))
    inside = is_in_area(np.array([(point.first, point.second) for point in view.points]).reshape(-1, 2))
    selected = [point for point, is_inside in zip(view.points, inside, strict=True) if is_inside]
    subtitle = texts.pair_subtitle(view.first_title, view.second_title)
    with right:
        if selected:
            selected.sort(key=lambda pair: (-abs(pair.difference), pair.sample_key))
            title = texts.selected(len(selected), MAX_SELECTED)
            _draw_pairs(title, subtitle, selected[:MAX_SELECTED], (first, second), by_class)
            nothing = partial(state.write, state.AREA, None)
            st.button(CLEAR_SELECTION, type="tertiary", icon=":material/close:", on_click=nothing)
        else:
            largest = disagreements(store(), first, second, within_class=by_class, limit=NUM_DISAGREEMENTS)
            _draw_pairs(texts.LARGEST, subtitle, largest, (first, second), by_class)


def scatter_views(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> list[Callable[[], object]]:
    """Return what `draw_scatter` will read, so that reading can start earlier."""
    found = dict(zip(map(measured_id, chosen), score_sets, strict=True))
    across = state.read_choice(state.ACROSS, tuple(found), measured_id(chosen[0]))
    rest = [identifier for identifier in found if identifier != across]
    first, second = found[across], found[state.read_choice(state.UP, rest, rest[0])]
    by_class = state.read_choice(state.WITHIN, tuple(texts.WITHIN_TITLES), "dataset") == "class"
    return [
        partial(percentile_scatter, store(), first, second, within_class=by_class),
        partial(disagreements, store(), first, second, within_class=by_class, limit=NUM_DISAGREEMENTS),
    ]


def _pick_pair(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> tuple[ScoreSet, ScoreSet]:
    """Return the two to plot; ask only where there are more than two."""
    if len(score_sets) == 2:
        return score_sets[0], score_sets[1]
    found = dict(zip(map(measured_id, chosen), score_sets, strict=True))
    titles = {measured_id(choice): choice.title for choice in chosen}
    left, right = st.columns(2)
    with left:
        across = pick_one(texts.X_AXIS, state.ACROSS, titles, resets=RESETS)
    rest = {identifier: title for identifier, title in titles.items() if identifier != across}
    with right:
        up = pick_one(texts.Y_AXIS, state.UP, rest, resets=RESETS)
    return found[across or ""], found[up or ""]


def _points(scores: ScoreSet) -> float | None:
    found = estimates(store(), scores)
    return None if found is None else found.points


def _draw_pairs(
    title: str, subtitle: str, pairs: Sequence[PercentilePair], both: tuple[ScoreSet, ScoreSet], by_class: bool
) -> None:
    keys = [pair.sample_key for pair in pairs]
    across, up = (percentile_intervals(store(), scores, keys, within_class=by_class) for scores in both)
    tiles = [_tile(pair, across.get(pair.sample_key), up.get(pair.sample_key)) for pair in pairs]
    event = gallery(
        [Section(tiles, title, subtitle)], "pairs", label=title, size=80, dataset_id=both[0].dataset_id, who=reviewer()
    )
    if event is not None:
        open_sample(both[0], event.sample_key)


def _tile(pair: PercentilePair, across: Interval | None, up: Interval | None) -> Tile:
    """Return a tile, with a note where the difference is within the error of the estimates."""
    one, two = across or (pair.first, pair.first), up or (pair.second, pair.second)
    is_rough = (across or up) and one[0] <= two[1] and two[0] <= one[1]
    first, second = (
        f"{value:.1f}{f' (exact: {ends[0]:.0f} to {ends[1]:.0f})' if ends else ''}"
        for value, ends in ((pair.first, across), (pair.second, up))
    )
    return Tile(
        pair.sample_key,
        pair.content_id,
        caption=percentile_text(pair.first),
        badge=percentile_text(pair.second),
        tooltip=f"{pair.sample_key}\npercentile {first} under the first, {second} under the second",
        label=pair.label or "",
        note=texts.WITHIN_THE_ERROR if is_rough else "",
    )


def open_sample(scores: ScoreSet, sample_key: str) -> None:
    """Store the clicked sample in the URL, and rerun the page to show it."""
    state.write(state.BACKBONE, scores.key.text)
    state.write(state.SAMPLE, sample_key)
    st.rerun()
