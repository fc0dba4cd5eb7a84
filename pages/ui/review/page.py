"""Draw Review: keep or drop samples with the keyboard, undo and redo, and see what others decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import streamlit as st

from jepascore_core.curation import Curation, Evaluation, to_text
from jepascore_core.curation.decisions import Decision, current_decisions
from jepascore_core.curation.evaluation.evaluate import Evaluator
from jepascore_core.curation.journal import Action, history, journal_state
from jepascore_core.curation.review import (
    REVIEW_KINDS,
    ReviewKind,
    RuleOpinion,
    first_open_place,
    place_in_queue,
    queue_length,
    review_queue,
    reviewed_sample,
    rule_opinions,
)
from jepascore_core.formatting import class_title, percentile_text, score_text
from jepascore_core.scores.score_set import ScoredSample, ScoreSet
from pages.ui.app import state
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate.rule_bar import curation_of_url
from pages.ui.review import texts
from pages.ui.widgets.deck import Card, deck
from pages.ui.widgets.precompute import is_precomputed
from pages.ui.widgets.reviewer import choose_reviewer
from pages.ui.widgets.tags import draw_tags
from pages.ui.widgets.url_widgets import pick_one

QUEUE_SIZE = 60
MAX_PAGES = 100_000
JOURNAL_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What is gone through: `samples` are those of a page and of the next one, so that who is at its end need not wait;
    the first of them has the place `first` in the queue. A `guest` is looked at and in no place of it.
    """

    kind: ReviewKind
    page: int
    samples: tuple[ScoredSample, ...]
    length: int
    guest: ScoredSample | None = None

    @property
    def first(self) -> int:
        """Place of the first sample, counted from 0."""
        return (self.page - 1) * QUEUE_SIZE


def draw_review(scores: ScoreSet) -> None:
    """Draw Review below the choice of scores."""
    curation = curation_of_url()
    left, right = st.columns([3, 2])
    with left:
        kind = _choose_kind(curation)
    with right:
        who = choose_reviewer()
        draw_tags(scores.dataset_id, who)
    st.caption(texts.rules(plain(to_text(curation))))
    evaluator = Evaluator(store(), scores, curation)
    if not is_precomputed(evaluator):
        return
    decisions = {item.sample_key: item for item in current_decisions(store(), scores.dataset_id)}
    seed = state.read_int(state.SEED, 0, 0, 10**6)
    queue = repr((scores.dataset_id, scores.backbone_id, scores.definition, to_text(curation), kind, seed, who))
    _keep_place(queue)
    evaluation = evaluator.evaluate()
    shown = _what_is_shown(evaluation, kind, seed, decisions)
    if not shown.samples and shown.guest is None:
        _draw_nothing(curation, shown)
        return
    at = _position(shown, decisions)
    # Said in the URL, so that it does not move under one's fingers when somebody else decides about it.
    state.write(state.AT, at)
    deck(
        _cards(evaluation, shown, decisions),
        "deck",
        scores.dataset_id,
        who,
        at=at,
        queue=queue,
        more=shown.first + len(shown.samples) < shown.length,
        led=st.session_state.get(state.LED),
        on_at=partial(_go_to, queue),
    )
    _draw_pages(shown)
    seen = journal_state(store(), scores.dataset_id)
    fragment(partial(_draw_journal, scores.dataset_id, seen), JOURNAL_SECONDS)


def _choose_kind(curation: Curation) -> ReviewKind:
    picked = pick_one(
        texts.QUEUE,
        state.REVIEW,
        {kind: texts.KIND_TITLES[kind] for kind in REVIEW_KINDS},
        segments=True,
        resets=(state.AT, state.PAGE),
        default="borderline" if curation.rules else "unlikely",
    )
    return picked or REVIEW_KINDS[0]


def _what_is_shown(evaluation: Evaluation, kind: ReviewKind, seed: int, decisions: Mapping[str, Decision]) -> Shown:
    """Around the sample of the URL, wherever it is; who comes without one resumes where something is open."""
    length = queue_length(store(), evaluation, kind)

    def read(page: int) -> Shown:
        first = (page - 1) * QUEUE_SIZE
        found = review_queue(store(), evaluation, kind, 2 * QUEUE_SIZE, seed, first)
        return Shown(kind, page, found, length)

    page, at = state.read_int(state.PAGE, 0, 0, MAX_PAGES), state.read_text(state.AT)
    shown = read(page or 1)
    keys = [item.sample_key for item in shown.samples]
    if at is None:
        if page:
            return shown
        decided = {key for key, decision in decisions.items() if decision.verdict != "undecided"}
        place = first_open_place(store(), evaluation, kind, decided, seed)
    elif at in keys:
        place = shown.first + keys.index(at)
    else:
        place = place_in_queue(store(), evaluation, kind, at, seed)
        guest = reviewed_sample(store(), evaluation, at) if place is None else None
        if guest is not None:
            return Shown(kind, shown.page, shown.samples, length, guest)
    wanted = (place or 0) // QUEUE_SIZE + 1
    if wanted == shown.page:
        return shown
    # In the URL, so that the page stays when somebody changes a decision of the pages before.
    state.write(state.PAGE, wanted)
    return read(wanted)


def _draw_nothing(curation: Curation, shown: Shown) -> None:
    if shown.page > 1:
        st.info(texts.END_OF_QUEUE)
        _draw_pages(shown)
    elif not curation.clauses and shown.kind in ("borderline", "dropped"):
        with st.container(border=True):
            st.markdown(texts.NO_RULES)
            with st.container(horizontal=True):
                st.page_link(
                    "pages/curate.py",
                    label=texts.GO_TO_CURATE,
                    icon=":material/checklist:",
                    query_params=state.carried(),
                )
    else:
        st.info(texts.NOTHING[shown.kind])


def _position(shown: Shown, decisions: Mapping[str, Decision]) -> str:
    """The sample of the URL, else the first one that nobody decided about."""
    if shown.guest is not None:
        return shown.guest.sample_key
    keys = [item.sample_key for item in shown.samples]
    wanted = state.read_text(state.AT)
    if wanted in keys:
        return wanted
    return next((key for key in keys if key not in decisions or decisions[key].verdict == "undecided"), keys[0])


def _cards(evaluation: Evaluation, shown: Shown, decisions: Mapping[str, Decision]) -> list[Card]:
    guests = () if shown.guest is None else (shown.guest,)
    keys = [item.sample_key for item in (*guests, *shown.samples)]
    opinions = rule_opinions(store(), evaluation, keys) if evaluation.curation.clauses else {}

    def card(item: ScoredSample, place: str) -> Card:
        decision = decisions.get(item.sample_key)
        opinion = opinions.get(item.sample_key)
        lines = [f"{place} · class {class_title(item.label)}"]
        if item.score == item.score:
            share = percentile_text(item.class_percentile)
            lines.append(texts.score(score_text(item.score, item.is_exact), share))
        lines += [_opinion_text(opinion)] if opinion is not None else []
        return Card(item.sample_key, item.content_id, tuple(lines), "" if decision is None else decision.who)

    return [card(item, texts.NOT_IN_QUEUE) for item in guests] + [
        card(item, texts.place(shown.first + number + 1, shown.length)) for number, item in enumerate(shown.samples)
    ]


def _opinion_text(opinion: RuleOpinion) -> str:
    if opinion.verdict == "drop":
        return texts.rules_drop(opinion.reason)
    return texts.RULES_KEEP if opinion.verdict == "keep" else texts.NEEDS_SCORE


def _keep_place(queue: str) -> None:
    """Put the place that the browser told last into the URL again, where its address is late; who goes back in its
    history is led to the place there, and who comes by the menu to where a visit begins."""
    told_queue, told = st.session_state.get(state.TOLD, (None, None))
    at = state.read_text(state.AT)
    if state.goes_back():
        _lead(queue, at)
    elif at is None:
        _lead("", None)
    elif told_queue == queue and told is not None:
        state.write(state.AT, told)


def _go_to(queue: str, sample_key: str, leads: bool) -> None:
    state.write(state.AT, sample_key)
    st.session_state[state.TOLD] = queue, sample_key
    if leads:
        _lead(queue, sample_key)


def _lead(queue: str, sample_key: str | None) -> None:
    st.session_state[state.TOLD] = queue, sample_key
    st.session_state[state.LED] = uuid4().hex


def _draw_pages(shown: Shown) -> None:
    """Draw buttons to the previous and the next samples."""
    page = shown.page
    with st.container(horizontal=True):
        for title, target, inside in (
            (texts.previous_page(QUEUE_SIZE), page - 1, page > 1),
            (texts.next_page(QUEUE_SIZE), page + 1, page * QUEUE_SIZE < shown.length and page < MAX_PAGES),
        ):
            if inside:
                st.button(title, on_click=_to_page, args=(target,))


def _to_page(page: int) -> None:
    state.write(state.PAGE, page)
    state.write(state.AT, None)
    _lead("", None)


def _draw_journal(dataset_id: str, seen: int) -> None:
    """Draw the latest actions of all reviewers; rerun the page when another one has decided."""
    if journal_state(store(), dataset_id) != seen:
        st.rerun()
    st.subheader(texts.DECISIONS, anchor=False)
    actions = history(store(), dataset_id, 12)
    if not actions:
        st.caption(texts.NO_DECISIONS)
    for action in actions:
        st.markdown(_action_text(action))


def _action_text(action: Action) -> str:
    turn = texts.TURNS[action.kind]
    why = f" ({plain(action.why)})" if action.why else ""
    when = action.decided_at[:16].replace("T", " ")
    return f":gray[{plain(when)} UTC] {plain(action.who)} {turn}{plain(action.what)}{why}"
