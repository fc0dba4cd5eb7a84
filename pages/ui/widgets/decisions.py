"""Decisions that a component reports: each is made once, however often it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from threading import RLock
from typing import Any, Literal

import streamlit as st

from jepascore_core.curation.decisions import (
    Action,
    DecisionVerdict,
    UndoState,
    decide,
    known_samples,
    redo,
    undo,
    undo_state,
    verdicts,
)
from jepascore_core.errors import JepaScoreError
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets.keys import KEYS

#: Of how many next undos and redos the browser knows which sample they are about.
NUM_TURNS = 60
MAX_NAME, MAX_WHY = 60, 200
NOT_THERE = "{} of {} images are not in the dataset any more: nothing was decided about them. Reload the page."
_TOKEN = re.compile(r"[0-9a-f]{32}")
_CONTENT_ID = re.compile(r"[0-9a-f]{32}")
#: Streamlit may begin a visitor's next run while a callback of the last one is still at work: without this, one could
#: be called done in a run that does not see what it did.
_one_at_a_time = RLock()

Samples = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a component's decisions go: whose they are (without a name there are none to come), and the content ids of
    the samples that it shows."""

    key: str
    dataset_id: str
    who: str | None
    content_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportedAction:
    """One key press: a verdict about the samples (key, content id) that were on the screen, an undo or a redo."""

    token: str
    kind: Literal["keep", "drop", "undecided", "undo", "redo"]
    samples: Samples
    who: str
    why: str = ""


def read_actions(reported: Any) -> Iterator[ReportedAction]:
    """The actions of a report, in order. Anything could come in over the socket: what is no action is left out."""
    for item in reported if isinstance(reported, list) else ():
        match item:
            case {
                "token": str(token),
                "kind": "keep" | "drop" | "undecided" | "undo" | "redo" as kind,
                "samples": [*samples],
                "who": str(who),
            } if _TOKEN.fullmatch(token) and 0 < len(who.strip()) <= MAX_NAME:
                why = item.get("why", "")
                yield ReportedAction(token, kind, _pairs(samples), who, why[:MAX_WHY] if isinstance(why, str) else "")


def _pairs(samples: list[Any]) -> Samples:
    found = (tuple(item) for item in samples if isinstance(item, list) and len(item) == 2)
    return tuple(
        (key, content) for key, content in found
        if isinstance(key, str) and isinstance(content, str) and _CONTENT_ID.fullmatch(content)
    )  # fmt: skip


def act(desk: Desk, reported: Any) -> Action | None:
    """Do what a component reported; says so where that is not possible, and does not try again.

    Returns what the last action undid or redid, None if it was a verdict.
    """
    turned = None
    with _one_at_a_time:
        actions = tuple(read_actions(reported)) if desk.who is not None else ()
        for action in actions:
            try:
                turned = _do(desk, action)
            except JepaScoreError as error:
                st.toast(plain(str(error)), icon=":material/error:")
        st.session_state[state.done_key(desk.key)] = tuple(action.token for action in actions)
    return turned


def _do(desk: Desk, action: ReportedAction) -> Action | None:
    if action.kind == "undo":
        return undo(store(), desk.dataset_id, action.who, action.token)
    if action.kind == "redo":
        return redo(store(), desk.dataset_id, action.who, action.token)
    there = _those_there(desk, action.samples)
    if len(there) < len(action.samples):
        st.toast(NOT_THERE.format(len(action.samples) - len(there), len(action.samples)), icon=":material/error:")
    if there:
        decide(store(), desk.dataset_id, there, action.kind, action.who, action.why, action.token)
    return None


def _those_there(desk: Desk, samples: Samples) -> Samples:
    """Those of some samples that the dataset has. What came from a page before need not be on this one."""
    if all(desk.content_ids.get(key) == content for key, content in samples):
        return samples
    known = known_samples(store(), desk.dataset_id, samples)
    return tuple(sample for sample in samples if sample in known)


@dataclass(frozen=True, slots=True)
class DeskState:
    """What is decided about a component's samples, what its visitor can undo, and the tokens that this includes."""

    marks: dict[str, DecisionVerdict]
    turns: UndoState
    done: tuple[str, ...]


def desk_state(desk: Desk | None) -> DeskState:
    """The same as of now; without a desk there is nothing."""
    if desk is None:
        return DeskState({}, UndoState(0, 0), ())
    with _one_at_a_time:
        marks = verdicts(store(), desk.dataset_id, desk.content_ids)
        turns = undo_state(store(), desk.dataset_id, desk.who, NUM_TURNS) if desk.who else UndoState(0, 0)
        return DeskState(marks, turns, tuple(st.session_state.get(state.done_key(desk.key), ())))


def desk_data(desk: Desk | None) -> dict[str, Any]:
    """What the script of a desk is told."""
    found = desk_state(desk)
    return {
        "keys": KEYS,
        "dataset": desk and desk.dataset_id,
        "who": desk and desk.who,
        "can_decide": desk is not None and desk.who is not None,
        "marks": found.marks,
        "turns": asdict(found.turns),
        "done": found.done,
    }
