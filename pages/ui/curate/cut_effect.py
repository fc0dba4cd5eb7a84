"""Draw what the cut does to a classifier, and accuracy against the share kept."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import streamlit as st

from jepascore_core.curation import Evaluation, to_text
from jepascore_core.curation.cut_effect.results import SAME_ENCODER, USES_LABELS, ClassEffect, CutColour, CutEffect
from jepascore_core.curation.cut_effect.samples import cut_of
from jepascore_core.curation.cut_effect.stored import cut_curve, cut_effect, notes_on
from jepascore_core.curation.precompute.step import PrecomputeStep
from jepascore_core.curation.precompute.steps import pending_curve, pending_cut, precompute
from jepascore_core.errors import JepaScoreError
from jepascore_core.figures.cut_effect import cut_curve_figure
from jepascore_core.scores.measured import measured_choices, offered
from jepascore_core.scores.no_scores import require_scores
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.widgets import texts as widget_texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.precompute import draw_precompute
from pages.ui.widgets.url_widgets import pick_one, pick_open

SHOWN_CLASSES = 12


def draw_cut_effect(evaluation: Evaluation, num_dropped: int) -> None:
    """Draw the comparison of the cut with random ones; it is computed only while it is open."""
    box = pick_open(texts.CUT_EFFECT, "cut-effect", ":material/balance:")
    if box is not None:
        with box:
            _or_why_not(lambda: _draw_effect(evaluation, num_dropped))


def draw_cut_curve(scores: ScoreSet) -> None:
    """Draw accuracy against the share kept; it is computed only while it is open."""
    box = pick_open(texts.CUT_CURVE, "cut-curve", ":material/show_chart:")
    if box is not None:
        with box:
            _or_why_not(lambda: _draw_curve(scores))


def _or_why_not(draw: Callable[[], None]) -> None:
    try:
        draw()
    except JepaScoreError as error:
        st.info(plain(str(error)))


def _draw_effect(evaluation: Evaluation, num_dropped: int) -> None:
    st.caption(texts.CUT_EFFECT_ABOUT)
    if not num_dropped:
        st.info(texts.NOTHING_CUT)
        return
    scores = evaluation.scores
    judge = _choose_judge(scores, state.JUDGE)
    if not _is_computed(scores, pending_cut(store(), evaluation, judge)):
        return
    found = cut_effect(store(), judge, cut_of(store(), evaluation))
    _draw_sentence(found.colour, found.sentence)
    with st.container(horizontal=True):
        st.metric(texts.ACCURACY_KEPT, texts.accuracy(found.accuracy_kept), border=True)
        st.metric(texts.ACCURACY_RANDOM, texts.accuracy(found.accuracy_random.value), border=True)
        st.metric(texts.ACCURACY_ALL, texts.accuracy(found.accuracy_all), border=True)
    st.caption(plain(texts.how_compared(found.judged_text, found.num_seeds, found.num_left_out, found.num_copies)))
    _draw_classes(found)
    for note in notes_on(evaluation, judge):
        st.caption(note)
    rules = to_text(evaluation.curation)
    _draw_command(scores, judge, ["--rules", rules] if rules else [])


def _draw_classes(found: CutEffect) -> None:
    clear = [*found.gaining[:SHOWN_CLASSES], *found.losing[:SHOWN_CLASSES]]
    if not clear:
        st.caption(texts.NO_CLASS_CHANGED)
        return
    st.caption(texts.CLASSES_CHANGED)
    st.table([_row(item) for item in clear])


def _row(item: ClassEffect) -> dict[str, str | int]:
    low, high = texts.points(item.difference.lower), texts.points(item.difference.upper)
    return {
        "Class": item.label,
        "Kept": item.num_kept,
        "Of": item.num_training,
        "Held out": item.num_judged,
        "Random": texts.accuracy(item.accuracy_random),
        "Kept accuracy": texts.accuracy(item.accuracy_kept),
        "Points": f"{texts.points(item.difference.value)} ({low} to {high})",
    }


def _draw_curve(scores: ScoreSet) -> None:
    st.caption(texts.CUT_CURVE_ABOUT)
    require_scores(store(), scores.dataset_id, scores.key)
    judge = _choose_judge(scores, state.CURVE_JUDGE)
    if not _is_computed(scores, pending_curve(store(), scores, judge)):
        return
    curve = cut_curve(store(), scores, judge)
    chart(cut_curve_figure(curve), "cut-curve-figure", texts.CUT_CURVE_FIGURE)
    for line in curve.lines:
        st.markdown(f"- {plain(line.sentence)}")
    st.caption(plain(f"{curve.judged_text}. {USES_LABELS}"))
    if judge.key == scores.key:
        st.caption(SAME_ENCODER)
    _draw_command(scores, judge, ["--curve"])


def _choose_judge(scores: ScoreSet, name: str) -> ScoreSet:
    choices = offered(store(), measured_choices(store(), scores.dataset_id))
    titles = {choice.key.text: plain(choice.title) for choice in choices}
    if len(titles) < 2:
        return scores
    picked = pick_one(texts.JUDGE, name, titles, default=scores.key.text, help=texts.JUDGE_HELP)
    found = next((choice.key for choice in choices if choice.key.text == picked), scores.key)
    return ScoreSet(scores.dataset_id, found, scores.definition)


def _is_computed(scores: ScoreSet, work: PrecomputeStep | None) -> bool:
    """Whether a result is there, after a quick computation; offer the worker for a slow one."""
    if work is None:
        return True
    if not work.is_quick:
        draw_precompute(scores, [work], only=work.kind)
        return False
    with st.spinner(widget_texts.computing(work.title)):
        precompute(store(), scores, work)
    return True


def _draw_sentence(colour: CutColour, sentence: str) -> None:
    match colour:
        case "green":
            st.success(sentence, icon=":material/trending_up:")
        case "orange":
            st.warning(sentence, icon=":material/trending_flat:")
        case "red":
            st.error(sentence, icon=":material/trending_down:")


def _draw_command(scores: ScoreSet, judge: ScoreSet, options: list[str]) -> None:
    words = ["jepascore", "cut-effect", store().catalogue.dataset(scores.dataset_id).name, *options]
    words += ["-b", scores.key.text]
    if scores.definition != "rank":
        words += ["--definition", scores.definition]
    if judge.key != scores.key:
        words += ["-e", judge.key.text]
    st.code(shlex.join(words), language="sh", wrap_lines=True)
