"""Choices that live in the URL: widgets whose value is a query parameter, under its identifier rather than its label.

The URL is the truth. A widget writes it before the page runs, so links drawn at the top are right already, and the back
button undoes a choice. What was never chosen is not in the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import state


def pick_one(
    label: str,
    name: str,
    options: Mapping[str, str],
    *,
    segments: bool = False,
    resets: Sequence[str] = (),
    default: str | None = None,
    help: str | None = None,
) -> str | None:
    """One identifier of `options` (identifier -> label); `default`, else the first, unless chosen otherwise; None if
    there are none.

    `resets` are parameters that lose their meaning with another choice, such as the class when the dataset changes.
    """
    if not options:
        return None
    key = _hold(name, state.read_choice(name, tuple(options), default or next(iter(options))))
    shown, changed = options.__getitem__, (name, resets)
    if segments:
        st.segmented_control(
            label, tuple(options), format_func=shown, key=key, help=help, on_change=_to_url, args=changed,
            required=True, wrap=True,
        )  # fmt: skip
    else:
        st.selectbox(label, tuple(options), format_func=shown, key=key, help=help, on_change=_to_url, args=changed)
    return str(st.session_state[key])


def pick_many(
    label: str, name: str, options: Mapping[str, str], default: Sequence[str], *, resets: Sequence[str] = ()
) -> tuple[str, ...]:
    """Any identifiers of `options` in the order of choice; `default` until something was chosen."""
    known = [identifier for identifier in state.read_ids(name) if identifier in options]
    key = _hold(name, known or [identifier for identifier in default if identifier in options])
    st.multiselect(
        label,
        tuple(options),
        format_func=options.__getitem__,
        key=key,
        max_selections=state.MAX_ITEMS,
        wrap=True,
        on_change=_to_url,
        args=(name, resets),
    )
    return tuple(st.session_state[key])


def pick_int(label: str, name: str, default: int, low: int, high: int, step: int = 1) -> int:
    """A whole number from `low` to `high`."""
    key = _hold(name, state.read_int(name, default, low, high))
    st.slider(label, low, high, step=step, key=key, on_change=_to_url, args=(name, ()))
    return int(st.session_state[key])


def pick_number(
    label: str, name: str, default: float, low: float, high: float, step: float, *, help: str | None = None
) -> float:
    """A number from `low` to `high`, typed in."""
    key = _hold_typed(name, state.read_number(name, default, low, high))
    digits = "%.3f" if step < 0.01 else "%.2f"
    st.number_input(label, low, high, step=step, format=digits, key=key, help=help, on_change=_to_url, args=(name, ()))
    return float(st.session_state[key])


def pick_count(
    label: str, name: str, default: int | None, low: int, high: int, *, placeholder: str = "", help: str | None = None
) -> int | None:
    """A whole number from `low` to `high`, typed in; None where nothing is, if that is the default."""
    chosen = state.read_int(name, low - 1, low - 1, high)
    key = _hold_typed(name, default if chosen < low else chosen)
    empty: Literal["min"] | None = None if default is None else "min"
    st.number_input(
        label, low, high, empty, 1, key=key, placeholder=placeholder, help=help, on_change=_to_url, args=(name, ())
    )
    return None if st.session_state[key] is None else int(st.session_state[key])


def pick_flag(label: str, name: str, *, help: str | None = None) -> bool:
    """Yes or no; no until chosen otherwise."""
    key = _hold(name, state.read_flag(name))
    st.checkbox(label, key=key, help=help, on_change=_to_url, args=(name, ()))
    return bool(st.session_state[key])


def pick_or_type(
    label: str, name: str, options: Mapping[str, str], placeholder: str, *, identify: Callable[[str], str], help: str
) -> tuple[str, ...]:
    """Any of `options` (identifier -> label), and whatever else is typed; in the order of choice.

    A label that has changed since it was chosen comes back as if it were typed: `identify` finds what it stands for.
    """
    key = _hold(name, list(dict.fromkeys(map(identify, state.read_texts(name)))))
    st.multiselect(
        label,
        list(options),
        format_func=lambda item: options.get(item, item),
        key=key,
        max_selections=state.MAX_ITEMS,
        accept_new_options=True,
        placeholder=placeholder,
        help=help,
        # A fuzzy match would swallow a name that is typed in whole; all at once is nothing to offer by the way.
        filter_mode="contains",
        select_all=False,
        on_change=_to_url,
        args=(name, ()),
    )
    return tuple(st.session_state[key])


def pick_texts(label: str, name: str, options: Sequence[str], placeholder: str) -> tuple[str, ...]:
    """Any of some free texts, such as classes."""
    key = _hold(name, list(state.read_texts(name, options)))
    changed = (name, ())
    st.multiselect(label, options, key=key, placeholder=placeholder, on_change=_to_url, args=changed)
    return tuple(st.session_state[key])


def pick_words(
    label: str, name: str, placeholder: str, *, resets: Sequence[str] = (), longest: int = 200, help: str | None = None
) -> str:
    """Free text; "" until something was typed."""
    key = _hold_typed(name, (state.read_text(name) or "")[:longest])
    changed = (name, resets)
    st.text_input(
        label, key=key, placeholder=placeholder, max_chars=longest, help=help, on_change=_to_url, args=changed
    )
    return str(st.session_state[key])


def pick_range(
    label: str, name: str, low: float, high: float, step: float, *, resets: Sequence[str] = ()
) -> tuple[float, float]:
    """A range within [low, high]; the whole of it until chosen otherwise."""
    key = _hold(name, state.read_range(name, low, high))
    whole = (low, high)
    st.slider(label, low, high, step=step, format="%g", key=key, on_change=_range_to_url, args=(name, whole, resets))
    first, last = st.session_state[key]
    return float(first), float(last)


def pick_page(num_pages: int) -> int:
    """The page to show, from 1; asks only where there is more than one."""
    if num_pages <= 1:
        return 1
    key = _hold(state.PAGE, state.read_int(state.PAGE, 1, 1, num_pages))
    st.number_input(f"Page of {num_pages}", 1, num_pages, key=key, on_change=_to_url, args=(state.PAGE, ()), width=160)
    return int(st.session_state[key])


def pick_open(label: str, name: str, icon: str) -> DeltaGenerator | None:
    """A part of the page that is worked out only where it is opened: the place to draw it, None while it is closed."""
    box = pick_expander(label, name, icon)
    return box if box.open else None


def pick_expander(label: str, name: str, icon: str | None = None) -> DeltaGenerator:
    """A part of the page that is there while it is closed, too."""
    if st.session_state.get(name) != (name in state.read_ids(state.OPENED)):
        st.session_state[name] = name in state.read_ids(state.OPENED)
    return st.expander(label, key=name, icon=icon, on_change=_opened_to_url, args=(name,))


def close(name: str) -> None:
    """Close a part of the page from the next run on."""
    state.write(state.OPENED, _others(name))


def _opened_to_url(name: str) -> None:
    state.write(state.OPENED, [*_others(name), name] if st.session_state[name] else _others(name))


def _others(name: str) -> list[str]:
    return [other for other in state.read_ids(state.OPENED) if other != name]


def _hold_typed(name: str, value: object) -> str:
    """For fields that are filled in one after another: what the URL does not say is not taken back.

    The browser sends its URL along with every change, and one that follows fast does not know the last one yet.
    """
    key = state.widget_key(name)
    if name not in st.query_params and st.session_state.get(key) not in (None, "", value):
        state.write(name, st.session_state[key])
        return key
    return _hold(name, value)


def _hold(name: str, value: object) -> str:
    key = state.widget_key(name)
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return key


def _range_to_url(name: str, whole: tuple[float, float], resets: Sequence[str]) -> None:
    first, last = st.session_state[state.widget_key(name)]
    state.write(name, None if (first, last) == whole else f"{first:.6g}:{last:.6g}")
    for other in resets:
        state.write(other, None)


def _to_url(name: str, resets: Sequence[str]) -> None:
    state.write(name, st.session_state[state.widget_key(name)])
    for other in resets:
        state.write(other, None)
