"""Record the decisions that a component reports: each once, however often it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from threading import RLock
from typing import Any, Literal

import streamlit as st

from jepascore_core.curation.columns.marks import tags_about
from jepascore_core.curation.decisions import DecisionVerdict, decide, verdicts
from jepascore_core.curation.journal import Action, UndoState, known_samples, redo, undo, undo_state
from jepascore_core.curation.tags import TAG_COLOURS, add_tag, remove_tag, tag_list
from jepascore_core.errors import JepaScoreError
from jepascore_core.figures.style import PALETTE
from jepascore_core.storage.sample_lists import sample_table
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts
from pages.ui.widgets.keys import KEYS

#: Of how many next undos and redos the browser knows which sample they are about.
NUM_TURNS = 60
MAX_NAME, MAX_WHY = 60, 200
_TOKEN = re.compile(r"[0-9a-f]{32}")
_CONTENT_ID = re.compile(r"[0-9a-f]{32}")
#: Streamlit may begin a visitor's next run while a callback of the last one is still at work: without this, one could
#: be called done in a run that does not see what it did.
_one_at_a_time = RLock()

Samples = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a component's decisions go: the reviewer (None: read only), and the content ids of the samples it shows."""

    key: str
    dataset_id: str
    who: str | None
    content_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportedAction:
    """One key press: a verdict or tag about samples (key, content id) that were on the screen, an undo or a redo."""

    token: str
    kind: Literal["keep", "drop", "undecided", "undo", "redo", "tag", "untag"]
    samples: Samples
    who: str
    why: str = ""
    tag: str = ""


def read_actions(reported: Any) -> Iterator[ReportedAction]:
    """Yield the actions of a report, in order. The socket is not trusted: anything that is not an action is skipped."""
    for item in reported if isinstance(reported, list) else ():
        match item:
            case {
                "token": str(token),
                "kind": "keep" | "drop" | "undecided" | "undo" | "redo" | "tag" | "untag" as kind,
                "samples": [*samples],
                "who": str(who),
            } if _TOKEN.fullmatch(token) and 0 < len(who.strip()) <= MAX_NAME:
                why, tag = (text if isinstance(text := item.get(name), str) else "" for name in ("why", "tag"))
                yield ReportedAction(token, kind, _pairs(samples), who, why[:MAX_WHY], tag)


def _pairs(samples: list[Any]) -> Samples:
    found = (tuple(item) for item in samples if isinstance(item, list) and len(item) == 2)
    return tuple(
        (key, content) for key, content in found
        if isinstance(key, str) and isinstance(content, str) and _CONTENT_ID.fullmatch(content)
    )  # fmt: skip


def act(desk: Desk, reported: Any) -> Action | None:
    """Record what a component reported; show why where that fails, and do not retry.

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
        st.toast(texts.NOT_THERE.format(len(action.samples) - len(there), len(action.samples)), icon=":material/error:")
    if there:
        _record(desk.dataset_id, there, action)
    return None


def _record(dataset_id: str, there: Samples, action: ReportedAction) -> None:
    match action.kind:
        case "tag":
            add_tag(store(), dataset_id, sample_table(there), action.tag, action.who, action.why, action.token)
        case "untag":
            remove_tag(store(), dataset_id, sample_table(there), action.tag, action.who, action.why, action.token)
        case "keep" | "drop" | "undecided" as verdict:
            decide(store(), dataset_id, there, verdict, action.who, action.why, action.token)


def _those_there(desk: Desk, samples: Samples) -> Samples:
    """Return the samples that the dataset has. What an earlier page reported need not be on this one."""
    if all(desk.content_ids.get(key) == content for key, content in samples):
        return samples
    known = known_samples(store(), desk.dataset_id, samples)
    return tuple(sample for sample in samples if sample in known)


@dataclass(frozen=True, slots=True)
class DeskState:
    """The decisions on a component's samples, what its visitor can undo, and the tokens of recorded actions."""

    marks: dict[str, DecisionVerdict]
    turns: UndoState
    done: tuple[str, ...]


def desk_state(desk: Desk | None) -> DeskState:
    """Return the current state; empty without a desk."""
    if desk is None:
        return DeskState({}, UndoState(0, 0), ())
    with _one_at_a_time:
        marks = verdicts(store(), desk.dataset_id, desk.content_ids)
        turns = undo_state(store(), desk.dataset_id, desk.who, NUM_TURNS) if desk.who else UndoState(0, 0)
        return DeskState(marks, turns, tuple(st.session_state.get(state.done_key(desk.key), ())))


def _tags(desk: Desk | None) -> list[dict[str, Any]]:
    """Return the tags of a desk's dataset with the shades of their colours."""
    shades = dict(zip(TAG_COLOURS, PALETTE, strict=True))
    found = tag_list(store(), desk.dataset_id) if desk is not None else ()
    return [{"name": tag.name, "digit": tag.digit, "colour": shades[tag.colour]} for tag in found]


def _tagged(desk: Desk | None) -> dict[str, tuple[str, ...]]:
    if desk is None:
        return {}
    dataset = store().catalogue.dataset(desk.dataset_id)
    return tags_about(store(), dataset, desk.content_ids) if dataset.version is not None else {}


def desk_data(desk: Desk | None) -> dict[str, Any]:
    """Return what the script of a desk needs."""
    found = desk_state(desk)
    return {
        "keys": KEYS,
        "dataset": desk and desk.dataset_id,
        "who": desk and desk.who,
        "can_decide": desk is not None and desk.who is not None,
        "marks": found.marks,
        "tags": _tags(desk),
        "tagged": _tagged(desk),
        "turns": asdict(found.turns),
        "done": found.done,
    }
