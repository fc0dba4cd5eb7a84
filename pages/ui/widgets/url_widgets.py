"""Choices that live in the URL: widgets whose value is a query parameter, under its identifier rather than its label.

The URL is the truth: what is returned is read from it, and every widget is given it before it is drawn (see `hold`). A
widget writes it before the page runs, so links drawn at the top are right already, and the back button undoes a choice.
What was never chosen is not in the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from pages.ui.app import state
from pages.ui.widgets import texts
from pages.ui.widgets.hold import hold, hold_key, range_to_url, to_url

Choice = TypeVar("Choice", bound=str)


def pick_one(
    label: str,
    name: str,
    options: Mapping[Choice, str],
    *,
    segments: bool = False,
    resets: Sequence[str] = (),
    default: Choice | None = None,
    help: str | None = None,
) -> Choice | None:
    """Return one identifier of `options` (identifier -> label); by default `default`, else the first; None if there are
    no options.

    `resets` are parameters that lose their meaning with another choice, such as the class when the dataset changes.
    """
    if not options:
        return None
    known = tuple(options)
    value = state.read_choice(name, known, default if default is not None and default in options else known[0])
    key = hold(name, value, label, segments, options[value])
    shown, changed = options.__getitem__, _changed(name, resets, known)
    if segments:
        st.segmented_control(
            label, known, format_func=shown, key=key, help=help, on_change=to_url, args=changed, required=True,
            wrap=True,
        )  # fmt: skip
    else:
        st.selectbox(label, known, format_func=shown, key=key, help=help, on_change=to_url, args=changed)
    return value


def pick_many(
    label: str, name: str, options: Mapping[str, str], default: Sequence[str], *, resets: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return identifiers of `options` in the order of choice; `default` until something was chosen."""
    known = [identifier for identifier in state.read_ids(name) if identifier in options]
    value = known or [identifier for identifier in default if identifier in options]
    st.multiselect(
        label,
        tuple(options),
        format_func=options.__getitem__,
        key=hold(name, value, label, *map(options.__getitem__, value)),
        max_selections=state.MAX_ITEMS,
        wrap=True,
        on_change=to_url,
        args=_changed(name, resets, tuple(options)),
    )
    return tuple(value)


def pick_some(label: str, name: str, options: Mapping[Choice, str]) -> tuple[Choice, ...]:
    """Return those of `options` that are switched on, each by a button of its own; none by default."""
    known = tuple(options)
    value = [identifier for identifier in known if identifier in state.read_ids(name)]
    key = hold(name, value, label, *map(options.__getitem__, value))
    st.pills(
        label, known, selection_mode="multi", format_func=options.__getitem__, key=key, on_change=to_url,
        args=_changed(name, (), known),
    )  # fmt: skip
    return tuple(value)


def pick_int(label: str, name: str, default: int, low: int, high: int, step: int = 1) -> int:
    """Return a whole number from `low` to `high`, chosen with a slider."""
    value = state.read_int(name, default, low, high)
    key = hold(name, value, label, low, high, step)
    st.slider(label, low, high, step=step, key=key, on_change=to_url, args=_changed(name))
    return value


def pick_number(
    label: str, name: str, default: float, low: float, high: float, step: float, *, help: str | None = None
) -> float:
    """Return a typed number from `low` to `high`."""
    value = state.read_number(name, default, low, high)
    key = hold(name, value, label, low, high, step)
    digits = "%.3f" if step < 0.01 else "%.2f"
    st.number_input(
        label, low, high, step=step, format=digits, key=key, help=help, on_change=to_url, args=_changed(name)
    )
    return value


def pick_count(
    label: str, name: str, default: int | None, low: int, high: int, *, placeholder: str = "", help: str | None = None
) -> int | None:
    """Return a typed whole number from `low` to `high`; None if empty and the default is None."""
    chosen = state.read_int(name, low - 1, low - 1, high)
    value = default if chosen < low else chosen
    key = hold(name, value, label, low, high)
    empty: Literal["min"] | None = None if default is None else "min"
    st.number_input(
        label, low, high, empty, 1, key=key, placeholder=placeholder, help=help, on_change=to_url, args=_changed(name)
    )
    return value


def pick_flag(label: str, name: str, *, help: str | None = None) -> bool:
    """Return yes or no; no by default."""
    value = state.read_flag(name)
    st.checkbox(label, key=hold(name, value, label), help=help, on_change=to_url, args=_changed(name))
    return value


def pick_or_type(
    label: str, name: str, options: Mapping[str, str], placeholder: str, *, identify: Callable[[str], str], help: str
) -> tuple[str, ...]:
    """Return any of `options` (identifier -> label), and anything else that is typed, in the order of choice.

    A label that has changed since it was chosen comes back as if it were typed: `identify` finds what it stands for.
    """

    def shown(item: str) -> str:
        return options.get(item, item)

    value = list(dict.fromkeys(map(identify, state.read_texts(name))))
    st.multiselect(
        label,
        list(options),
        format_func=shown,
        key=hold(name, value, label, *map(shown, value)),
        max_selections=state.MAX_ITEMS,
        accept_new_options=True,
        placeholder=placeholder,
        help=help,
        # A fuzzy match would swallow a name that is typed in whole; all at once is nothing to offer by the way.
        filter_mode="contains",
        select_all=False,
        on_change=to_url,
        args=_changed(name),
    )
    return tuple(value)


def pick_words(
    label: str, name: str, placeholder: str, *, resets: Sequence[str] = (), longest: int = 200, help: str | None = None
) -> str:
    """Return free text; "" by default."""
    value = (state.read_text(name) or "")[:longest]
    st.text_input(
        label,
        key=hold(name, value, label, longest),
        placeholder=placeholder,
        max_chars=longest,
        help=help,
        on_change=to_url,
        args=_changed(name, resets),
    )
    return value


def pick_range(
    label: str, name: str, low: float, high: float, step: float, *, resets: Sequence[str] = ()
) -> tuple[float, float]:
    """Return a range within [low, high]; by default all of it."""
    value, whole = state.read_range(name, low, high), (low, high)
    key = hold(name, value, label, low, high, step)
    args = (name, state.shown_page(), resets, whole)
    st.slider(label, low, high, step=step, format="%g", key=key, on_change=range_to_url, args=args)
    return value


def pick_page(num_pages: int) -> int:
    """Return the page to show, from 1; ask only where there is more than one."""
    if num_pages <= 1:
        return 1
    label, value = texts.page_of(num_pages), state.read_int(state.PAGE, 1, 1, num_pages)
    key = hold(state.PAGE, value, label)
    st.number_input(label, 1, num_pages, key=key, on_change=to_url, args=_changed(state.PAGE), width=160)
    return value


def pick_open(label: str, name: str, icon: str) -> DeltaGenerator | None:
    """Return the place to draw a part of the page that is computed only while open; None while closed."""
    box = pick_expander(label, name, icon)
    return box if box.open else None


def pick_expander(label: str, name: str, icon: str | None = None) -> ExpanderContainer:
    """Return an expander whose content exists while it is closed, too."""
    key = hold_key(name, name in state.read_ids(state.OPENED), label, icon)
    return st.expander(label, key=key, icon=icon, on_change=_opened_to_url, args=(name, state.shown_page()))


def close(name: str) -> None:
    """Close a part of the page in the next run."""
    state.write(state.OPENED, _others(name))


def open_part(name: str) -> None:
    """Open a part of the page in the next run."""
    state.write(state.OPENED, [*_others(name), name])


def _opened_to_url(name: str, page: str | None) -> None:
    if page == state.shown_page():
        state.catch_up()
        state.write(state.OPENED, [*_others(name), name] if st.session_state[name] else _others(name))


def _others(name: str) -> list[str]:
    return [other for other in state.read_ids(state.OPENED) if other != name]


def _changed(name: str, resets: Sequence[str] = (), known: tuple[str, ...] | None = None) -> tuple[Any, ...]:
    """Return the arguments of `to_url` for a widget."""
    return name, state.shown_page(), resets, known
