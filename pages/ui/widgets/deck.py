"""One image after another, decided about with a key each; and the same buttons and keys without pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import streamlit as st

from pages.ui.app import state
from pages.ui.widgets.components import component
from pages.ui.widgets.decisions import Desk, act, desk_data

_mount = component("deck")


@dataclass(frozen=True, slots=True)
class Card:
    """One image: lines of text about it, and whose the decision is that stands."""

    sample_key: str
    content_id: str
    lines: tuple[str, ...] = ()
    decided_by: str = ""


def deck(
    cards: Sequence[Card],
    key: str,
    dataset_id: str,
    who: str,
    *,
    at: str,
    queue: str,
    more: bool,
    led: str | None,
    on_at: Callable[[str, bool], None],
) -> None:
    """Draw the image `at`, what is known about it, buttons, and all the others as a strip.

    Args:
        cards: the images in their order; a sample key is there once.
        key: of this component.
        dataset_id: of all images.
        who: whose decisions are made and undone.
        at: sample key of the image to begin with. The browser goes on from there by itself.
        queue: stands for what the cards were chosen by; another one begins `at`.
        more: others come behind these.
        led: with another mark than the last, the browser goes to `at`, wherever it is.
        on_at: called with the sample key that the browser is at, or, then with True, that an undo leads to.
    """
    desk = Desk(key, dataset_id, who, {card.sample_key: card.content_id for card in cards})
    _draw(desk, cards, on_at, label="Review", stage=True, at=at, queue=queue, more=more, led=led)


def decision_bar(key: str, dataset_id: str, who: str, cards: Sequence[Card] = ()) -> None:
    """The buttons and keys alone: about one image, or without any only undo, redo and help."""
    desk = Desk(key, dataset_id, who, {card.sample_key: card.content_id for card in cards})
    at = cards[0].sample_key if cards else None
    _draw(desk, cards, None, label="Decision", stage=False, at=at, queue=at or "", more=False, led=None)


def _draw(desk: Desk, cards: Sequence[Card], on_at: Callable[[str, bool], None] | None, **shown: Any) -> None:
    _mount(
        key=desk.key,
        data={"cards": [asdict(card) for card in cards], **shown, **desk_data(desk)},
        on_acted_change=partial(_acted, desk, on_at),
        on_moved_change=partial(_moved, desk, on_at),
        on_opened_change=partial(_opened, desk),
    )


def _acted(desk: Desk, on_at: Callable[[str, bool], None] | None) -> None:
    report = st.session_state[desk.key].get("acted")
    if not isinstance(report, dict):
        return
    turned = act(desk, report.get("actions"))
    if on_at is None:
        return
    at = report.get("at")
    if isinstance(at, str) and at in desk.content_ids:
        on_at(at, False)
    elif turned is not None and turned.num_samples == 1 and turned.first_key is not None:
        on_at(turned.first_key, True)


def _moved(desk: Desk, on_at: Callable[[str, bool], None] | None) -> None:
    at = st.session_state[desk.key].get("moved")
    if on_at is not None and isinstance(at, str) and at in desk.content_ids:
        on_at(at, False)


def _opened(desk: Desk) -> None:
    """Open the sample window."""
    key = st.session_state[desk.key].get("opened")
    if isinstance(key, str) and key in desk.content_ids:
        state.write(state.SAMPLE, key)
