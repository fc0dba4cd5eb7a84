"""Least likely, random and most likely samples of each class, as rows of one gallery."""

from __future__ import annotations

import streamlit as st

from jepascore_core.views.extremes import (
    CLASS_ORDERS,
    ClassExtremes,
    ClassSummary,
    class_extremes,
    class_page,
    class_summaries,
)
from jepascore_core.views.formats import plural, score_text
from jepascore_core.views.ranks import rank_check
from jepascore_core.views.score_set import ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.choose import label_id
from pages.ui.gallery import Section, gallery
from pages.ui.pick import pick_int, pick_one, pick_page
from pages.ui.samples import to_tiles
from pages.ui.text import plain

CLASSES_PER_PAGE = 12
PER_GROUP = 6
MAX_PER_GROUP = 30
MAX_SEED = 10**6
ORDER_TITLES = {
    "name": "Name",
    "median": "Lowest median first",
    "spread": "Widest spread first",
    "worst": "Least likely sample first",
}
ALL_CLASSES = "every class"


def draw_extremes(scores: ScoreSet) -> None:
    """Everything of Explore below the choice of scores."""
    columns = st.columns([3, 4, 4])
    with columns[0]:
        order = pick_one("Order of classes", state.ORDER, {name: ORDER_TITLES[name] for name in CLASS_ORDERS})
    summaries = class_summaries(store(), scores, next(name for name in CLASS_ORDERS if name == order))
    with columns[1]:
        chosen = _pick_classes(summaries)
    with columns[2]:
        per_group = pick_int("Samples in each group", state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    warning = rank_check(store(), scores).warning
    if warning:
        st.warning(plain(warning), icon=":material/warning:")
    num_pages = class_page(chosen, 0, CLASSES_PER_PAGE).num_pages
    page = class_page(chosen, pick_page(num_pages) - 1, CLASSES_PER_PAGE)
    seed = state.read_int(state.SEED, 0, 0, MAX_SEED)
    found = class_extremes(store(), scores, [item.label for item in page.classes], per_group, seed)
    sections = [_section(summary, extremes) for summary, extremes in zip(page.classes, found, strict=True)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "Score in nats, and the share of its class that scores lower: higher is more likely. Click one for details."
        )
        st.button("Other random ones", type="tertiary", icon=":material/shuffle:", on_click=_reseed, args=(seed,))
    if gallery(sections, "extremes", size=112 if len(chosen) == 1 else 92, remember=state.SAMPLE):
        st.rerun()


def _reseed(seed: int) -> None:
    state.write(state.SEED, (seed + 1) % MAX_SEED)


def _pick_classes(summaries: tuple[ClassSummary, ...]) -> tuple[ClassSummary, ...]:
    """One class, or all of them."""
    by_id = {label_id(summary.label): summary for summary in summaries}
    titles = {ALL_CLASSES: f"All {plural(len(summaries), 'class')}"} if len(summaries) > 1 else {}
    picked = pick_one("Class", state.LABEL, titles | {key: item.title for key, item in by_id.items()})
    return (by_id[picked],) if picked in by_id else summaries


def _section(summary: ClassSummary, extremes: ClassExtremes) -> Section:
    subtitle = plural(summary.num_samples, "sample")
    if summary.num_scored != summary.num_samples:
        subtitle += f", {summary.num_scored:,} scored"
    if summary.median is not None and summary.spread is not None:
        subtitle += f" · median {score_text(summary.median)} nats · spread {score_text(summary.spread)}"
    tiles = [
        *to_tiles(extremes.least, "least"),
        *to_tiles(extremes.random, "random"),
        *to_tiles(extremes.most, "most"),
    ]
    return Section(tiles, summary.title, subtitle)
