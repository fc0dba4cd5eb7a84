"""Decisions that a gallery reports: each is made once, however often it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any, Literal

import streamlit as st

from jepascore_core.curation.decisions import DecisionVerdict, decide, undo, verdicts
from jepascore_core.errors import JepaScoreError
from pages.ui import state
from pages.ui.cached import store
from pages.ui.text import plain

#: Streamlit may begin a visitor's next run while a callback of the last one is still at work: without this, an action
#: that is sent twice could be done twice, and one be called done in a run that does not see what it did.
_one_at_a_time = RLock()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a gallery's decisions go: whose they are (without a name there are none to come), and the content ids of
    the samples that it shows."""

    key: str
    dataset_id: str
    who: str | None
    content_ids: Mapping[str, str]

    @property
    def num_done(self) -> int:
        """Number of the last action of this gallery that was seen to; the browser forgets those up to it."""
        return int(st.session_state.get(state.done_key(self.key), 0))


@dataclass(frozen=True, slots=True)
class GalleryAction:
    """One key press: a verdict about samples that are on the page, or an undo. Numbers grow from action to action."""

    number: int
    kind: Literal["keep", "drop", "undo"]
    samples: tuple[tuple[str, str], ...]


def new_actions(reported: Any, content_ids: Mapping[str, str], num_done: int) -> Iterator[GalleryAction]:
    """The actions that were not seen yet, in order. Anything could come in over the socket: what is not an action, or
    about samples that are not there, is left out."""
    for item in reported if isinstance(reported, list) else ():
        match item:
            case {"id": int(number), "kind": "keep" | "drop" | "undo" as kind, "keys": [*keys]} if number > num_done:
                known = tuple((key, content_ids[key]) for key in keys if isinstance(key, str) and key in content_ids)
                yield GalleryAction(number, kind, known)


def act(desk: Desk, reported: Any) -> None:
    """Make the decisions that a gallery reported; says so if that is not possible, and does not try again."""
    if desk.who is None:
        return
    with _one_at_a_time:
        for action in new_actions(reported, desk.content_ids, desk.num_done):
            st.session_state[state.done_key(desk.key)] = action.number
            try:
                if action.kind == "undo":
                    undo(store(), desk.dataset_id, desk.who)
                elif action.samples:
                    decide(store(), desk.dataset_id, action.samples, action.kind, desk.who)
            except JepaScoreError as error:
                st.toast(plain(str(error)), icon=":material/error:")


def marks_and_done(desk: Desk) -> tuple[dict[str, DecisionVerdict], int]:
    """What is decided about a gallery's samples, and the number of the last action that this includes."""
    with _one_at_a_time:
        return verdicts(store(), desk.dataset_id, desk.content_ids), desk.num_done
