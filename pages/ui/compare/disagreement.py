"""What two backbones disagree about: percentiles against each other, and the samples behind the points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from jepascore_core.figures.agreement import percentile_scatter_figure
from jepascore_core.formatting import count_text, percentile_text, plural
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.agreement import PercentilePair, disagreements, percentile_scatter
from jepascore_core.views.estimates import estimates, percentile_intervals
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.compare.lasso import is_in_area, keep_area
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import measured_id
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_one

NUM_DISAGREEMENTS = 24
MAX_SELECTED = 96
WITHIN_TITLES = {"dataset": "Dataset", "class": "Class"}
WITHIN_HELP = "Among all common samples, or among those of the sample's own class: then classes as such do not count."
#: Other axes have other points.
RESETS = (state.AREA,)

Interval = tuple[float, float]


def draw_scatter(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    """A point a sample; beside it those that are selected, else those that the two disagree about most."""
    st.subheader("Percentiles of every sample", anchor=False)
    first, second = _pick_pair(chosen, score_sets)
    within = pick_one("Percentile within", state.WITHIN, WITHIN_TITLES, segments=True, help=WITHIN_HELP, resets=RESETS)
    by_class = within == "class"
    view = percentile_scatter(store(), first, second, within_class=by_class)
    left, right = st.columns(2, gap="large")
    with left:
        title = f"Percentiles under {view.first_title} and {view.second_title}"
        errors = _points(first), _points(second)
        figure = percentile_scatter_figure(view, errors)
        chart(figure, "scatter", title, selects=("points", "box", "lasso"), on_select=partial(keep_area, "scatter"))
        part = f"{count_text(len(view.points))} of " if len(view.points) < view.num_common else ""
        drawn = " drawn at random" if part else ""
        st.caption(
            f"{part}{plural(view.num_common, 'common sample')}{drawn}. On the diagonal they agree. Drag around samples "
            "to see them on the right."
        )
    inside = is_in_area(np.array([(point.first, point.second) for point in view.points]).reshape(-1, 2))
    selected = [point for point, is_inside in zip(view.points, inside, strict=True) if is_inside]
    subtitle = f"percentile under {view.first_title} on the left, {view.second_title} on the right"
    with right:
        if selected:
            selected.sort(key=lambda pair: (-abs(pair.difference), pair.sample_key))
            shown = f", {MAX_SELECTED} shown" if len(selected) > MAX_SELECTED else ""
            title = f"{count_text(len(selected))} selected{shown}"
            _draw_pairs(title, subtitle, selected[:MAX_SELECTED], (first, second), by_class)
            nothing = partial(state.write, state.AREA, None)
            st.button("Select nothing", type="tertiary", icon=":material/close:", on_click=nothing)
        else:
            largest = disagreements(store(), first, second, within_class=by_class, limit=NUM_DISAGREEMENTS)
            _draw_pairs("Largest disagreements", subtitle, largest, (first, second), by_class)


def scatter_views(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> list[Callable[[], object]]:
    """What `draw_scatter` will read, to begin with it sooner."""
    found = dict(zip(map(measured_id, chosen), score_sets, strict=True))
    across = state.read_choice(state.ACROSS, tuple(found), measured_id(chosen[0]))
    rest = [identifier for identifier in found if identifier != across]
    first, second = found[across], found[state.read_choice(state.UP, rest, rest[0])]
    by_class = state.read_choice(state.WITHIN, tuple(WITHIN_TITLES), "dataset") == "class"
    return [
        partial(percentile_scatter, store(), first, second, within_class=by_class),
        partial(disagreements, store(), first, second, within_class=by_class, limit=NUM_DISAGREEMENTS),
    ]


def _pick_pair(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> tuple[ScoreSet, ScoreSet]:
    """Which two to draw against each other; asks only where there are more than two."""
    if len(score_sets) == 2:
        return score_sets[0], score_sets[1]
    found = dict(zip(map(measured_id, chosen), score_sets, strict=True))
    titles = {measured_id(choice): choice.title for choice in chosen}
    left, right = st.columns(2)
    with left:
        across = pick_one("Across", state.ACROSS, titles, resets=RESETS)
    rest = {identifier: title for identifier, title in titles.items() if identifier != across}
    with right:
        up = pick_one("Up", state.UP, rest, resets=RESETS)
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
    """With a note where the estimates are so rough that the two need not disagree."""
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
        note="within the error" if is_rough else "",
    )


def open_sample(scores: ScoreSet, sample_key: str) -> None:
    """Remember what was clicked, and run the page again to show it."""
    state.write(state.BACKBONE, scores.key.text)
    state.write(state.SAMPLE, sample_key)
    st.rerun()
