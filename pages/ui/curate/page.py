"""Draw the result of rules: counts, previews of dropped and borderline samples, before and after."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.curation import CurationResult, Evaluation, summarize
from jepascore_core.curation.columns.cache import load_columns
from jepascore_core.curation.decisions import decisions_of, describe_lost, lost_decisions
from jepascore_core.curation.evaluation.evaluate import Evaluator, prefetch_changes
from jepascore_core.curation.named import asked_scores
from jepascore_core.figures.scores import before_after_figure, class_balance_figure
from jepascore_core.formatting import count_text
from jepascore_core.scores.memo import prefetch
from jepascore_core.scores.no_scores import no_scores_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.curation import CurationPreview, before_after, most_changed, preview
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.curate.cut_effect import draw_cut_curve, draw_cut_effect
from pages.ui.curate.export import draw_exports
from pages.ui.curate.recipes import draw_recipes, is_saving
from pages.ui.curate.rule_bar import choose_curation
from pages.ui.curate.rule_forms import draw_adders, draw_chips
from pages.ui.curate.starters import draw_starters
from pages.ui.sample.dialog import to_tiles
from pages.ui.widgets.charts import chart
from pages.ui.widgets.coverage import draw_coverage
from pages.ui.widgets.gallery import SCORE_TOOLS, Section, gallery
from pages.ui.widgets.precompute import is_precomputed
from pages.ui.widgets.reviewer import reviewer

PREVIEW_SAMPLES = 12


def draw_curation(scores: ScoreSet) -> None:
    """Draw Curate below the choice of scores."""
    prefetch(partial(load_columns, store(), scores))
    curation = choose_curation(scores.dataset_id)
    draw_starters(scores, curation)
    draw_adders(scores, curation)
    recipes = st.container()
    if not is_saving():
        with recipes:
            draw_recipes(scores, curation)
    draw_coverage(asked_scores(store(), scores, curation)[1:])
    decisions = decisions_of(store(), scores.dataset_id)
    if lost := lost_decisions(store(), scores.dataset_id):
        st.info(plain(describe_lost(lost)), icon=":material/link_off:")
    evaluator = Evaluator(store(), scores, curation, decisions)
    evaluation = evaluator.evaluate() if is_precomputed(evaluator) else None
    if is_saving():
        with recipes:
            draw_recipes(scores, curation, evaluation)
    if evaluation is None:
        draw_chips(scores, curation, None)
        return
    result = summarize(store(), evaluation)
    draw_chips(scores, curation, result.clauses)
    _draw_counts(result)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_previews(evaluation, result)
    with right:
        _draw_before_after(evaluation, result)
    draw_cut_effect(evaluation, result.counts.dropped)
    draw_exports(evaluation)
    draw_cut_curve(scores)
    prefetch(partial(prefetch_changes, store(), scores))


def _draw_counts(result: CurationResult) -> None:
    counts = result.counts
    share = texts.share_of_all(counts.kept / counts.total) if counts.total else None
    left_out = texts.excluded(counts.unscored) if counts.unscored else None
    shown = (
        (texts.KEPT, counts.kept, share, None),
        (texts.DROPPED, counts.dropped, None, None),
        (texts.NOT_MEASURED, counts.unmeasured, left_out, texts.NOT_MEASURED_HELP),
        (texts.MANUAL, counts.decided, None, texts.MANUAL_HELP),
        (texts.UNREADABLE, counts.num_unreadable, None, texts.UNREADABLE_HELP),
    )
    with st.container(horizontal=True):
        for title, number, note, help_text in shown:
            st.metric(
                title, count_text(number), note, "off", delta_arrow="off", border=True, height="stretch", help=help_text
            )


def _draw_previews(evaluation: Evaluation, result: CurationResult) -> None:
    st.subheader(texts.PREVIEW, anchor=False)
    if not evaluation.curation.clauses and not evaluation.decisions:
        st.info(texts.NOTHING_DROPPED)
        return
    seed = state.read_int(state.SEED, 0, 0, 10**6)
    found = preview(store(), evaluation, PREVIEW_SAMPLES, seed)
    shown = [section for section in _sections(found, result) if section.tiles]
    if not shown:
        st.info(texts.RULES_DROP_NOTHING)
    elif gallery(
        shown, "preview", label=texts.PREVIEW_GALLERY, size=88, remember=state.SAMPLE, tools=SCORE_TOOLS,
        dataset_id=evaluation.dataset.dataset_id, who=reviewer(),
    ):  # fmt: skip
        st.rerun()


def _sections(found: CurationPreview, result: CurationResult) -> list[Section]:
    chips = [
        Section(to_tiles(found.by_clause[position]), texts.DROPPED_BY_ONE, chip.text)
        for position, chip in enumerate(result.clauses)
        if len(result.clauses) > 1
    ]
    return [
        Section(to_tiles(found.narrowly_kept), texts.BORDERLINE_KEPT),
        Section(to_tiles(found.nearest), texts.BORDERLINE_DROPPED),
        Section(to_tiles(found.extreme), texts.FURTHEST),
        Section(to_tiles(found.random), texts.RANDOM_DROPPED),
        *chips,
    ]


def _draw_before_after(evaluation: Evaluation, result: CurationResult) -> None:
    found = before_after(store(), evaluation)
    if not evaluation.scores.key.has_scores:
        st.caption(plain(no_scores_text(store(), evaluation.scores.dataset_id, evaluation.scores.key)))
    elif found.series:
        st.subheader(texts.BEFORE_AFTER, anchor=False)
        chart(before_after_figure(found), "before-after", texts.BEFORE_AFTER_FIGURE)
    balance = most_changed(result.balance)
    st.subheader(texts.BALANCE, anchor=False)
    if len(balance) < len(result.balance):
        st.caption(texts.most_changed(len(balance), len(result.balance)))
    chart(class_balance_figure(balance), "balance", texts.BALANCE_FIGURE)
