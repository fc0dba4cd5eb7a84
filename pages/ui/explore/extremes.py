"""Least likely, random and most likely samples of each class: a row a backbone, as in the paper's first figure."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.figures.scores import class_overview_figure
from jepascore_core.formatting import plural, score_text
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
)
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import label_id
from pages.ui.widgets.gallery import SCORE_TOOLS, Box, Section, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_int, pick_one, pick_open, pick_page

CLASSES_PER_PAGE = 12
CLASSES_LISTED = 48
LISTED_PER_GROUP = 5
PER_GROUP = 6
MAX_PER_GROUP = 30
MAX_SEED = 10**6
ORDER_TITLES = {
    "name": "Name",
    "median": "Lowest median first",
    "spread": "Widest spread first",
    "worst": "Least likely sample first",
}
ORDER_HELP = "Spread: from the lower to the upper quartile of the scores of a class, in nats."
ALL_CLASSES = "every class"


def draw_extremes(
    score_sets: Sequence[ScoreSet], titles: Sequence[str], names: Sequence[str], places: Sequence[DeltaGenerator]
) -> None:
    """Big galleries of one class or of all, under every backbone; classes are in the order of the first one's.

    What is shown is chosen in three `places`.
    """
    with places[0]:
        order = _pick_order()
    summaries = class_summaries(store(), score_sets[0], order)
    with places[1]:
        chosen = _pick_classes(summaries)
    with places[2]:
        per_group = pick_int("Samples in each group", state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    num_pages = class_page(chosen, 0, CLASSES_PER_PAGE).num_pages
    seed = state.read_int(state.SEED, 0, 0, MAX_SEED)
    with st.container(horizontal=True, vertical_alignment="bottom" if num_pages > 1 else "center"):
        st.caption("Score in nats, and the share of its class that scores lower: higher is more likely.")
        shown = class_page(chosen, pick_page(num_pages) - 1, CLASSES_PER_PAGE).classes
        st.button("Other random ones", type="tertiary", icon=":material/shuffle:", on_click=_reseed, args=(seed,))
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
        tiles = [*to_tiles(found.least, "least"), *to_tiles(found.most, "most")]
        if not is_one_of_many:
            tiles = [*tiles, *to_tiles(found.random, "random")]
        row = self.title if is_one_of_many else ""
        return Section(tiles, row=row, subtitle=_subtitle(summary), box=_box(summary, self.span))

    def random(self, place: int) -> Section:
        note = f"scores under {self.title}"
        return Section(to_tiles(self.found[place].random, "random"), row="At random", subtitle=note)


def _class_sections(summary: ClassSummary, rows: Sequence[Section], random: Section) -> list[Section]:
    """The rows under the class's name; under several backbones the random samples have a row of their own."""
    first = rows[0]
    titled = Section(first.tiles, summary.title, first.subtitle, first.row, first.box)
    return [titled] if len(rows) == 1 else [titled, *rows[1:], random]


def draw_class_list(scores: ScoreSet, title: str, place: DeltaGenerator) -> None:
    """All classes, closely: the spread of each as a box on one axis, and a few of its extremes; their order is chosen
    in `place`."""
    with place:
        order = _pick_order()
    summaries = class_summaries(store(), scores, order)
    span = score_span(summaries)
    num_pages = class_page(summaries, 0, CLASSES_LISTED).num_pages
    under = f"Under {title}. " if title else ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.caption(
            f"{under}Boxes are quartiles with the median, lines reach to the least and most likely sample, from "
            f"{score_text(span.low)} to {score_text(span.high)} nats. Click the name of a class for more of it."
        )
        shown = class_page(summaries, pick_page(num_pages) - 1, CLASSES_LISTED).classes
    found = class_extremes(store(), scores, [summary.label for summary in shown], LISTED_PER_GROUP)
    box = pick_open("These classes in one figure", "class-spread", ":material/align_horizontal_left:")
    if box is not None:
        with box:
            chart(class_overview_figure(shown), "class-spread-figure", "Spread of the scores of each class")
    sections = [_listed(summary, item, span) for summary, item in zip(shown, found, strict=True)]
    event = gallery(
        sections, "class-list", label="Classes", fits=True, remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=scores.dataset_id, who=reviewer(), on_open=lambda place: _open(shown[place].label),
    )  # fmt: skip
    if event is not None:
        st.rerun()


def _listed(summary: ClassSummary, found: ClassExtremes, span: ScoreSpan) -> Section:
    tiles = [*to_tiles(found.least, "least"), *to_tiles(found.most, "most")]
    return Section(tiles, summary.title, _subtitle(summary), box=_box(summary, span))


def _open(label: Label) -> None:
    state.write(state.LABEL, label_id(label))
    state.write(state.VIEW, "extremes")
    state.write(state.PAGE, None)


def _pick_order() -> ClassOrder:
    titles = {name: ORDER_TITLES[name] for name in CLASS_ORDERS}
    return pick_one("Order of classes", state.ORDER, titles, resets=(state.PAGE,), help=ORDER_HELP) or CLASS_ORDERS[0]


def _reseed(seed: int) -> None:
    state.write(state.SEED, (seed + 1) % MAX_SEED)


def _pick_classes(summaries: tuple[ClassSummary, ...]) -> tuple[ClassSummary, ...]:
    """One class, or all of them."""
    by_id = {label_id(summary.label): summary for summary in summaries}
    titles = {ALL_CLASSES: f"All {plural(len(summaries), 'class')}"} if len(summaries) > 1 else {}
    options = titles | {key: item.title for key, item in by_id.items()}
    picked = pick_one("Class", state.LABEL, options, resets=(state.PAGE,))
    return (by_id[picked],) if picked in by_id else summaries


def _subtitle(summary: ClassSummary) -> str:
    subtitle = plural(summary.num_samples, "sample")
    if summary.num_scored != summary.num_samples:
        subtitle += f", {summary.num_scored:,} scored"
    if summary.median is not None and summary.spread is not None:
        subtitle += f" · median {score_text(summary.median)} nats · spread {score_text(summary.spread)}"
    return subtitle


def _box(summary: ClassSummary, span: ScoreSpan) -> Box | None:
    quantiles = (
        summary.minimum, summary.lower_quartile, summary.median, summary.upper_quartile, summary.maximum
    )  # fmt: skip
    known = [value for value in quantiles if value is not None]
    if len(known) < len(quantiles):
        return None
    low, lower, median, upper, high = known
    text = (
        f"Least likely {score_text(low)}, middle half {score_text(lower)} to {score_text(upper)}, "
        f"median {score_text(median)}, most likely {score_text(high)} nats"
    )
    at = span.percent
    return Box(at(low), at(lower), at(median), at(upper), at(high), text)
