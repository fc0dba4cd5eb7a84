"""Draw Compare: the extremes of a class under each backbone, their agreement, and their disagreements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from jepascore_core.errors import TooFewImagesError
from jepascore_core.figures.agreement import agreement_figure, overlap_figure
from jepascore_core.formatting import class_title, percent_text
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.score_set import Label, ScoreSet
from jepascore_core.views.agreement import agreement, extreme_overlaps
from jepascore_core.views.choices import class_choices
from jepascore_core.views.extremes import class_extremes
from jepascore_core.views.overlaps import OverlapCurve, overlap_curves
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.compare import texts
from pages.ui.compare.disagreement import draw_scatter, open_sample, scatter_views
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.charts import chart
from pages.ui.widgets.choose_scores import label_id
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, gallery
from pages.ui.widgets.reviewer import reviewer
from pages.ui.widgets.url_widgets import pick_int, pick_one, pick_open

PER_GROUP = 8
MAX_PER_GROUP = 20


def draw_comparison(dataset_id: str, chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet]) -> None:
    """Draw Compare below the choice of backbones."""
    classes = class_choices(store(), dataset_id)
    columns = st.columns([3, 4, 4])
    with columns[0]:
        by_id = {label_id(choice.label): choice for choice in classes}
        picked = pick_one(texts.CLASS, state.LABEL, {name: choice.title for name, choice in by_id.items()})
    with columns[1]:
        per_group = pick_int(texts.PER_GROUP, state.PER_GROUP, PER_GROUP, 1, MAX_PER_GROUP)
    label = by_id[picked].label if picked else None
    prefetch(partial(extreme_overlaps, store(), score_sets, per_group, [label]))
    prefetch(partial(overlap_curves, store(), score_sets), *scatter_views(chosen, score_sets))
    _draw_rows(chosen, score_sets, label, per_group)
    if _draw_agreement(score_sets, label, per_group):
        draw_scatter(chosen, score_sets)


def _draw_rows(chosen: Sequence[MeasuredChoice], score_sets: Sequence[ScoreSet], label: Label, n: int) -> None:
    sections = []
    for choice, scores in zip(chosen, score_sets, strict=True):
        (found,) = class_extremes(store(), scores, [label], n)
        sections.append(Section([*to_tiles(found.least, "least"), *to_tiles(found.most, "most")], choice.title))
    event = gallery(
        sections, "backbone-rows", label=texts.ROWS, size=88, layout="row", tools=SCORE_TOOLS,
        dataset_id=score_sets[0].dataset_id, who=reviewer(),
    )  # fmt: skip
    if event is not None:
        open_sample(score_sets[event.section], event.sample_key)


def _draw_agreement(score_sets: Sequence[ScoreSet], label: Label, n: int) -> bool:
    """Draw how similar they are in numbers; return whether enough samples are common."""
    st.subheader(texts.AGREEMENT, anchor=False)
    try:
        found = agreement(store(), score_sets)
    except TooFewImagesError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return False
    left, right = st.columns([2, 3], gap="large")
    with left:
        measure = pick_one(
            texts.CORRELATION, state.CORRELATION, texts.MEASURES, segments=True, help=texts.MEASURES_HELP
        )
        figure = agreement_figure(found, "kendall" if measure == "kendall" else "spearman")
        chart(figure, "agreement", texts.agreement_figure(texts.MEASURES[measure or ""]))
        st.caption(texts.common_samples(found.num_common, found.num_kendall if measure == "kendall" else None))
    with right:
        st.markdown(f"**{texts.SAME_EXTREMES}**", help=texts.OVERLAP_HELP)
        curves = overlap_curves(store(), score_sets)
        if curves[0].sizes:
            chart(overlap_figure(curves), "overlap", texts.OVERLAP_FIGURE)
            st.caption(_overlap_sentence(curves))
        else:
            st.caption(texts.TOO_FEW_COMMON)
    _draw_overlap_table(score_sets, dict(zip(score_sets, found.titles, strict=True)), label, n)
    return True


def _overlap_sentence(curves: Sequence[OverlapCurve]) -> str:
    """State the overlap at the size nearest to 10, for the pair that agrees least."""
    place = min(range(len(curves[0].sizes)), key=lambda i: abs(curves[0].sizes[i] - 10))
    worst = min(curves, key=lambda curve: curve.least[place] + curve.most[place])
    return texts.overlap(
        plain(worst.title) if len(curves) > 1 else None, worst.sizes[place], worst.least[place], worst.most[place],
        worst.num_classes[place], worst.by_chance[place],
    )  # fmt: skip


def _draw_overlap_table(score_sets: Sequence[ScoreSet], titles: dict[ScoreSet, str], label: Label, n: int) -> None:
    rows = [
        {
            texts.PAIR: plain(texts.pair_title(titles[item.first], titles[item.second])),
            texts.shared_least(item.n): percent_text(item.least),
            texts.shared_most(item.n): percent_text(item.most),
            texts.BY_CHANCE: percent_text(item.by_chance),
        }
        for item in extreme_overlaps(store(), score_sets, n, [label])
    ]
    if not rows:
        st.caption(texts.NO_COMMON)
        return
    st.caption(texts.OVERLAP_TABLE)
    st.table(rows)
    box = pick_open(texts.EVERY_CLASS, "every-overlap", ":material/table_rows:")
    if box is not None:
        with box:
            _draw_every_class(score_sets, titles, n)


def _draw_every_class(score_sets: Sequence[ScoreSet], titles: dict[ScoreSet, str], n: int) -> None:
    """Draw the overlap of every class, smallest first."""
    found = sorted(extreme_overlaps(store(), score_sets, n), key=lambda item: item.least + item.most)
    alone = len({item.label for item in found}) == 1
    rows = [
        {
            "Class": class_title(item.label, alone),
            **({texts.PAIR: texts.pair_title(titles[item.first], titles[item.second])} if len(score_sets) > 2 else {}),
            "Samples": item.num_common,
            "n": item.n,
            texts.LEAST_IN_COMMON: 100 * item.least,
            texts.MOST_IN_COMMON: 100 * item.most,
            "By chance (%)": 100 * item.by_chance,
        }
        for item in found
    ]
    percent = {name: st.column_config.NumberColumn(format="%.1f") for name in rows[0] if name.endswith("(%)")}
    st.dataframe(rows, hide_index=True, column_config=percent, height=320)
