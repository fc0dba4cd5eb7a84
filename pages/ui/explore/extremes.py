"""Draw the least likely, random and most likely samples of each class, one row per backbone (Figure 1 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.figures.scores import class_overview_figure
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.views.extremes import (
    CLASS_ORDERS,
    ClassExtremes,
    ClassOrder,
    ClassSummary,
    ScoreSpan,
    class_extremes,
    class_page,
    class_summaries,
    score_span,
    sorted_row,
)
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.explore import texts
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import label_id
from pages.ui.widgets.gallery import SCORE_TOOLS, Box, Section, Tile, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_int, pick_one, pick_open, pick_page

CLASSES_PER_PAGE = 12
CLASSES_LISTED = 48
LISTED_PER_GROUP = 5
PER_GROUP = 6
MAX_PER_GROUP = 30
MAX_SEED = 10**6
ALL_CLASSES = "every class"


def draw_extremes(
    score_sets: Sequence[ScoreSet], titles: Sequence[str], names: Sequence[str], places: Sequence[DeltaGenerator]
) -> None:
    """Draw large galleries of one class or all, under every backbone; the first one's scores order the classes.

    Order, class and number of images are chosen in three `places`.
    """
    with places[0]:
        order = _pick_order()
    summaries = class_summaries(store(), score_sets[0], order)
    with places[1]:
        chosen = _pick_classes(summaries)
    with places[2]:
        per_group = pick_int(texts.PER_GROUP, state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    num_pages = class_page(chosen, 0, CLASSES_PER_PAGE).num_pages
    seed = state.read_int(state.SEED, 0, 0, MAX_SEED)
    with st.container(horizontal=True, vertical_alignment="bottom" if num_pages > 1 else "center"):
        st.caption(texts.SCORE_AND_PERCENTILE)
        shown = class_page(chosen, pick_page(num_pages) - 1, CLASSES_PER_PAGE).classes
        st.button(texts.SHUFFLE, type="tertiary", icon=":material/shuffle:", on_click=_reseed, args=(seed,))
    rows = [_Row(scores, title, shown, per_group, seed) for scores, title in zip(score_sets, titles, strict=True)]
    sections: list[Section] = []
    owners: list[str] = []
    for place, summary in enumerate(shown):
        parts = _class_sections(summary, [row.section(place, len(rows) > 1) for row in rows], rows[0].random(place))
        sections += parts
        owners += [*names, names[0]][: len(parts)]
    event = gallery(
        sections, "extremes", label="Extremes", fits=True, remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=score_sets[0].dataset_id, who=reviewer(),
    )  # fmt: skip
    if event is not None:
        state.write(state.BACKBONE, owners[event.section])
        st.rerun()


class _Row:
    """The classes of a page under one backbone."""

    def __init__(self, scores: ScoreSet, title: str, shown: Sequence[ClassSummary], per_group: int, seed: int) -> None:
        self.title = title
        everything = class_summaries(store(), scores)
        self.span = score_span(everything)
        self.summaries = {summary.label: summary for summary in everything}
        self.found = class_extremes(store(), scores, [summary.label for summary in shown], per_group, seed)

    def section(self, place: int, is_one_of_many: bool) -> Section:
        found = self.found[place]
        summary = self.summaries[found.label]
        tiles, subtitle = _ends(summary, found)
        if not is_one_of_many and not self.is_small(place):
            tiles = [*tiles, *to_tiles(found.random, "random")]
        row = self.title if is_one_of_many else ""
        return Section(tiles, row=row, subtitle=subtitle, box=_box(summary, self.span))

    def random(self, place: int) -> Section | None:
        """The row of random samples; none for a class of which all samples are shown."""
        if self.is_small(place):
            return None
        note = texts.under(self.title)
        return Section(to_tiles(self.found[place].random, "random"), row=texts.AT_RANDOM, subtitle=note)

    def is_small(self, place: int) -> bool:
        """Whether all samples of a class are shown, as one row."""
        found = self.found[place]
        return sorted_row(found, self.summaries[found.label].num_scored) is not None


def _ends(summary: ClassSummary, found: ClassExtremes) -> tuple[list[Tile], str]:
    """Return the tiles of a class and what is said of it: both ends, or one sorted row where they would overlap."""
    everything = sorted_row(found, summary.num_scored)
    if everything is not None:
        return to_tiles(everything), texts.small_class_subtitle(summary)
    return [*to_tiles(found.least, "least"), *to_tiles(found.most, "most")], texts.class_subtitle(summary)


def _class_sections(summary: ClassSummary, rows: Sequence[Section], random: Section | None) -> list[Section]:
    """Return the rows of a class; under several backbones the random samples have their own row."""
    first = rows[0]
    titled = Section(first.tiles, summary.title, first.subtitle, first.row, first.box)
    return [titled, *rows[1:], *([random] if len(rows) > 1 and random is not None else [])]


def draw_class_list(scores: ScoreSet, title: str, place: DeltaGenerator) -> None:
    """Draw all classes as a compact list: box plot and extremes of each; `place` holds the order."""
    with place:
        order = _pick_order()
    summaries = class_summaries(store(), scores, order)
    span = score_span(summaries)
    num_pages = class_page(summaries, 0, CLASSES_LISTED).num_pages
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.caption(texts.class_list(title, span))
        shown = class_page(summaries, pick_page(num_pages) - 1, CLASSES_LISTED).classes
    found = class_extremes(store(), scores, [summary.label for summary in shown], LISTED_PER_GROUP)
    box = pick_open(texts.CLASSES_AS_FIGURE, "class-spread", ":material/align_horizontal_left:")
    if box is not None:
        with box:
            chart(class_overview_figure(shown), "class-spread-figure", texts.SPREAD_FIGURE)
    sections = [_listed(summary, item, span) for summary, item in zip(shown, found, strict=True)]
    event = gallery(
        sections, "class-list", label="Classes", fits=True, remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=scores.dataset_id, who=reviewer(), on_open=lambda place: _open(shown[place].label),
    )  # fmt: skip
    if event is not None:
        st.rerun()


def _listed(summary: ClassSummary, found: ClassExtremes, span: ScoreSpan) -> Section:
    tiles, subtitle = _ends(summary, found)
    return Section(tiles, summary.title, subtitle, box=_box(summary, span))


def _open(label: Label) -> None:
    state.write(state.LABEL, label_id(label))
    state.write(state.VIEW, "extremes")
    state.write(state.PAGE, None)


def _pick_order() -> ClassOrder:
    titles = {name: texts.CLASS_ORDER_TITLES[name] for name in CLASS_ORDERS}
    return (
        pick_one(texts.CLASS_ORDER, state.ORDER, titles, resets=(state.PAGE,), help=texts.CLASS_ORDER_HELP)
        or CLASS_ORDERS[0]
    )


def _reseed(seed: int) -> None:
    state.write(state.SEED, (seed + 1) % MAX_SEED)


def _pick_classes(summaries: tuple[ClassSummary, ...]) -> tuple[ClassSummary, ...]:
    """Return one class, or all."""
    by_id = {label_id(summary.label): summary for summary in summaries}
    titles = {ALL_CLASSES: texts.all_classes(len(summaries))} if len(summaries) > 1 else {}
    options = titles | {key: item.title for key, item in by_id.items()}
    picked = pick_one("Class", state.LABEL, options, resets=(state.PAGE,))
    return (by_id[picked],) if picked in by_id else summaries


def _box(summary: ClassSummary, span: ScoreSpan) -> Box | None:
    quantiles = (
        summary.minimum, summary.lower_quartile, summary.median, summary.upper_quartile, summary.maximum
    )  # fmt: skip
    known = [value for value in quantiles if value is not None]
    if len(known) < len(quantiles):
        return None
    at = span.percent
    low, lower, median, upper, high = known
    text = texts.class_box(low, lower, median, upper, high)
    return Box(at(low), at(lower), at(median), at(upper), at(high), text)
