"""Going through samples with the keyboard: keep, drop, undo, redo; and what others decide meanwhile."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Curation, parse, to_text
from jepascore_core.curation.decisions import (
    Action,
    Decision,
    DecisionVerdict,
    current_decisions,
    decide,
    history,
    journal_state,
)
from jepascore_core.curation.review import (
    REVIEW_KINDS,
    ReviewKind,
    RuleOpinion,
    first_open_place,
    review_queue,
    rule_opinion,
)
from jepascore_core.views.detail import find_sample
from jepascore_core.views.formats import class_title, percentile_text, plural, score_text
from jepascore_core.views.score_set import ScoredSample, ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.errors import errors_shown
from pages.ui.gallery import Section, Tile, gallery
from pages.ui.pick import pick_one
from pages.ui.picture import picture
from pages.ui.preparations import prepared
from pages.ui.reviewer import choose_reviewer, draw_turns
from pages.ui.text import plain

KIND_TITLES: dict[ReviewKind, str] = {
    "unlikely": "Least likely",
    "borderline": "Borderline",
    "dropped": "Dropped",
    "kept": "Kept",
    "unscored": "Not measured",
}
#: Why a queue is empty.
NOTHING: dict[ReviewKind, str] = {
    "unlikely": "No sample has a score yet.",
    "borderline": "None of the rules has a limit that a sample could be near to.",
    "dropped": "The rules drop nothing.",
    "kept": "The rules keep nothing.",
    "unscored": "Every sample has the scores that the rules ask for.",
}
NO_RULES = (
    "There are no rules yet, so nothing is dropped, and nothing is near a limit. Make rules on the Curate page, or "
    "look at the least likely samples of each class."
)
VERDICT_TITLES: dict[DecisionVerdict, str] = {"keep": "keep", "drop": "drop", "undecided": ""}
QUEUE_SIZE = 60
MAX_PAGES = 100_000
JOURNAL_SECONDS = 4.0

#: Parameters of the URL and their values.
Place = tuple[tuple[str, str | int | None], ...]


def draw_review(scores: ScoreSet) -> None:
    """Everything of Review below the choice of scores."""
    curation = parse(state.read_text(state.RULES) or "")
    left, right = st.columns([3, 2])
    with left:
        kind = _choose_kind(curation)
    with right:
        who = choose_reviewer()
    st.caption(f"Rules (from the Curate page): {plain(to_text(curation)) or 'none yet'}")
    if not prepared(scores, curation):
        return
    decisions = {item.sample_key: item for item in current_decisions(store(), scores.dataset_id)}
    seed = state.read_int(state.SEED, 0, 0, 10**6)
    page, queue = _page_of_queue(scores, curation, kind, seed, decisions)
    if not queue:
        _draw_nothing(curation, kind, page)
        return
    at = _position(queue, decisions)
    # Said in the URL, so that it does not move under one's fingers when somebody else decides about it.
    state.write(state.AT, queue[at].sample_key)
    opinion = rule_opinion(store(), scores, curation, queue[at].sample_key) if curation.chips else None
    _draw_sample(scores, queue, at, decisions.get(queue[at].sample_key), opinion, who, page)
    _draw_queue(queue, at, decisions)
    _draw_pages(page, len(queue))
    seen = journal_state(store(), scores.dataset_id)
    st.fragment(errors_shown()(_draw_journal), run_every=JOURNAL_SECONDS)(scores.dataset_id, seen)


def _choose_kind(curation: Curation) -> ReviewKind:
    picked = pick_one(
        "Look at",
        state.REVIEW,
        {kind: KIND_TITLES[kind] for kind in REVIEW_KINDS},
        segments=True,
        resets=(state.AT, state.PAGE),
        default="borderline" if curation.rules else "unlikely",
    )
    return picked or REVIEW_KINDS[0]


def _page_of_queue(
    scores: ScoreSet, curation: Curation, kind: ReviewKind, seed: int, decisions: dict[str, Decision]
) -> tuple[int, tuple[ScoredSample, ...]]:
    """The page of the URL; who comes without one goes on where something is open."""

    def read(page: int) -> tuple[ScoredSample, ...]:
        return review_queue(store(), scores, curation, kind, QUEUE_SIZE, seed, (page - 1) * QUEUE_SIZE)

    page = state.read_int(state.PAGE, 0, 1, MAX_PAGES)
    queue = read(page or 1)
    if page or state.read_text(state.AT) in {item.sample_key for item in queue}:
        return page or 1, queue
    decided = {key for key, decision in decisions.items() if _verdict(decision)}
    place = first_open_place(store(), scores, curation, kind, decided, seed) or 0
    page = place // QUEUE_SIZE + 1
    if page == 1:
        return page, queue
    # In the URL, so that the page stays when somebody changes a decision of the pages before.
    state.write(state.PAGE, page)
    return page, read(page)


def _draw_nothing(curation: Curation, kind: ReviewKind, page: int) -> None:
    if page > 1:
        st.info("That was all.")
        _draw_pages(page, 0)
    elif not curation.chips and kind in ("borderline", "dropped"):
        with st.container(border=True):
            st.markdown(NO_RULES)
            with st.container(horizontal=True):
                st.page_link(
                    "pages/curate.py", label="Go to Curate", icon=":material/checklist:", query_params=state.carried()
                )
    else:
        st.info(NOTHING[kind])


def _position(queue: tuple[ScoredSample, ...], decisions: dict[str, Decision]) -> int:
    """The sample of the URL, else the first one that nobody decided about."""
    keys = [item.sample_key for item in queue]
    wanted = state.read_text(state.AT)
    if wanted in keys:
        return keys.index(wanted)
    open_ones = (place for place, key in enumerate(keys) if not _verdict(decisions.get(key)))
    return next(open_ones, 0)


def _verdict(decision: Decision | None) -> str:
    return VERDICT_TITLES[decision.verdict] if decision else ""


def _draw_sample(
    scores: ScoreSet,
    queue: tuple[ScoredSample, ...],
    at: int,
    decision: Decision | None,
    opinion: RuleOpinion | None,
    who: str,
    page: int,
) -> None:
    item = queue[at]
    left, right = st.columns([6, 5], gap="large")
    with left:
        sample = find_sample(store(), scores.dataset_id, item.sample_key)
        picture(scores.dataset_id, sample.content_id, sample.sample_key, sample.width, sample.height)
    with right:
        st.markdown(f"**{plain(item.sample_key)}**")
        st.caption(f"{at + 1} of {len(queue)} · class {plain(class_title(item.label))}")
        if item.score == item.score:
            st.markdown(
                f"{score_text(item.score)} nats · {percentile_text(item.class_percentile)} of its class score lower"
            )
        mark = _verdict(decision)
        decided = f"Decided: **{mark}** by {plain(decision.who)}" if decision and mark else "Not decided yet"
        st.markdown(f"{_opinion_text(opinion)}  \n{decided}" if opinion else decided)
        why = st.text_input("Why (optional)", key=f"why-{item.sample_key}", max_chars=200)
        _draw_buttons(scores, item, _onward(queue, at, page), who, why)
        _draw_moves(scores, queue, at, who)


def _opinion_text(opinion: RuleOpinion) -> str:
    if opinion.verdict == "drop":
        return f"The rules drop it: {plain(opinion.reason)}"
    return "The rules keep it" if opinion.verdict == "keep" else "The rules need a score it has not"


def _onward(queue: tuple[ScoredSample, ...], at: int, page: int) -> Place:
    """Where a decision leads: to the next sample, which may be the first of the next page."""
    if at + 1 < len(queue):
        return ((state.AT, queue[at + 1].sample_key),)
    return ((state.AT, None), (state.PAGE, page + 1)) if len(queue) == QUEUE_SIZE and page < MAX_PAGES else ()


def _draw_buttons(scores: ScoreSet, item: ScoredSample, onward: Place, who: str, why: str) -> None:
    buttons: tuple[tuple[str, DecisionVerdict, str, str], ...] = (
        ("Keep", "keep", ":material/check:", "k"),
        ("Drop", "drop", ":material/close:", "d"),
        ("Undecided", "undecided", ":material/question_mark:", "u"),
    )
    with st.container(horizontal=True):
        for title, verdict, icon, key in buttons:
            st.button(
                title, icon=icon, shortcut=key, key=f"review-{verdict}", on_click=_decide,
                args=(scores.dataset_id, item, verdict, who, why, onward),
            )  # fmt: skip


def _draw_moves(scores: ScoreSet, queue: tuple[ScoredSample, ...], at: int, who: str) -> None:
    """Take back a decision, make it again, and go on without one."""
    with st.container(horizontal=True):
        draw_turns(scores.dataset_id, who)
        for title, place, key in (("Back", at - 1, "Left"), ("Next", at + 1, "Right")):
            inside = 0 <= place < len(queue)
            target = queue[place].sample_key if inside else None
            st.button(title, shortcut=key, disabled=not inside, on_click=state.write, args=(state.AT, target))


def _decide(dataset_id: str, item: ScoredSample, verdict: DecisionVerdict, who: str, why: str, onward: Place) -> None:
    decide(store(), dataset_id, [(item.sample_key, item.content_id)], verdict, who, why)
    for name, value in onward:
        state.write(name, value)


def _draw_queue(queue: tuple[ScoredSample, ...], at: int, decisions: dict[str, Decision]) -> None:
    tiles = [
        Tile(
            item.sample_key,
            item.content_id,
            caption=_verdict(decisions.get(item.sample_key)),
            badge=percentile_text(item.class_percentile) if item.score == item.score else "",
            tooltip=item.sample_key,
        )
        for item in queue
    ]
    sections = [Section(tiles, "Queue", plural(len(queue), "sample"))]
    gallery(
        sections,
        "queue",
        label="Queue",
        size=72,
        layout="row",
        selected=queue[at].sample_key,
        remember=state.AT,
        tools=(),
    )


def _draw_pages(page: int, shown: int) -> None:
    """The way to the samples behind these, and back."""
    with st.container(horizontal=True):
        for title, target, inside in (
            (f"Former {QUEUE_SIZE}", page - 1, page > 1),
            (f"Next {QUEUE_SIZE}", page + 1, shown == QUEUE_SIZE and page < MAX_PAGES),
        ):
            if inside:
                st.button(title, on_click=_to_page, args=(target,))


def _to_page(page: int) -> None:
    state.write(state.PAGE, page if page > 1 else None)
    state.write(state.AT, None)


def _draw_journal(dataset_id: str, seen: int) -> None:
    """The last actions of everybody; once somebody else has decided, the whole page shows it."""
    if journal_state(store(), dataset_id) != seen:
        st.rerun()
    st.subheader("Decisions", anchor=False)
    actions = history(store(), dataset_id, 12)
    if not actions:
        st.caption("Nobody decided anything yet.")
    for action in actions:
        st.markdown(_action_text(action))


def _action_text(action: Action) -> str:
    turn = {"decide": "", "undo": "took back: ", "redo": "made again: "}[action.kind]
    why = f" ({plain(action.why)})" if action.why else ""
    when = action.decided_at[:16].replace("T", " ")
    return f":gray[{plain(when)} UTC] {plain(action.who)} {turn}{plain(action.what)}{why}"
