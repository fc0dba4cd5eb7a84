"""How the widget of a query parameter gets its value: from the URL, in every run, before it is drawn.

Streamlit looks a value up by the key of its widget, but keeps it under the identity of the widget, in which are the
page, the limits of a slider and the label of an expander. Where the same key means another widget than in the last run
(the visitor has gone to another page, a slider has got another range), a lookup still finds what the former widget
holds, and the new one starts from its own default all the same. Select boxes tell the browser the words of a choice,
not its identifier: with other words for the same choice, the browser goes on showing the former ones. So what was last
drawn under a key is kept beside it, and a value is assigned whenever that was anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

import streamlit as st

from pages.ui.app import state


def hold(name: str, value: object, *drawn: Hashable) -> str:
    """Give the widget of a parameter its value, and return its key; see `hold_key` for `drawn`."""
    return hold_key(state.widget_key(name), value, *drawn)


def hold_key(key: str, value: object, *drawn: Hashable) -> str:
    """Give the widget `key` its value where it has another, or where it is another widget than the last of that key.

    `drawn` is whatever makes it another one, or makes it look otherwise with the same value: its label and limits, and
    the words for what is chosen. Assigning in every run would take away what is being typed meanwhile.
    """
    known, now = state.drawn_key(key), (state.shown_page(), *drawn)
    if key not in st.session_state or st.session_state[key] != value or st.session_state.get(known) != now:
        st.session_state[key] = value
        st.session_state[known] = now
    return key


def to_url(name: str, page: str | None, resets: Sequence[str], known: Collection[str] | None = None) -> None:
    """Put what was chosen in the widget of a parameter into the URL, and take out what loses its meaning with it.

    For callbacks, which run before the page. A widget of a page that is not shown any more is not listened to, nor is
    a choice that is not `known`: the browser sends the words that it showed before.
    """
    value = st.session_state[state.widget_key(name)]
    chosen = value if isinstance(value, list) else [value]
    if page == state.shown_page() and (known is None or set(chosen) <= set(known)):
        _write(name, value, resets)


def range_to_url(name: str, page: str | None, resets: Sequence[str], whole: tuple[float, float]) -> None:
    """The same for two ends of a range; `whole` is what needs not be said."""
    first, last = st.session_state[state.widget_key(name)]
    if page == state.shown_page():
        _write(name, None if (first, last) == whole else f"{first:.6g}:{last:.6g}", resets)


def _write(name: str, value: str | float | Iterable[str] | None, resets: Sequence[str]) -> None:
    state.write(name, value)
    for other in resets:
        state.write(other, None)
