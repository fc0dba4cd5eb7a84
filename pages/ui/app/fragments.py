"""Parts of a page that are drawn again alone: Streamlit's fragments, but never one inside another.

Where a run of a fragment is cut short by the next one, which fast keys do all the time, Streamlit takes back what it
had not sent yet, but not what a fragment within it had drawn. The browser then gets an element whose place it was never
told of ("Bad delta path index") and shows an empty page.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st

from pages.ui.app.errors import errors_shown

_is_inside: ContextVar[bool] = ContextVar("is_inside_a_fragment", default=False)


def fragment(
    draw: Callable[[], None], run_every: float | None = None, look: Callable[[], Hashable] | None = None
) -> None:
    """Draw a part of the page as a fragment, which is run again every `run_every` seconds.

    Inside another fragment it is drawn as a part of that. There the page is run again, instead, as soon as `look`
    sees something else, which is looked for as often.
    """
    if not _is_inside.get():
        st.fragment(_drawing(draw), run_every=run_every)()
        return
    with errors_shown():
        draw()
    if run_every is not None and look is not None:
        watch(look, run_every)


def watch(look: Callable[[], Hashable], run_every: float) -> None:
    """Run the page again as soon as `look` sees something else. This fragment draws nothing: it may be anywhere."""
    st.fragment(_watch, run_every=run_every)(look, look())


@errors_shown()
def _watch(look: Callable[[], Hashable], seen: Hashable) -> None:
    if look() != seen:
        st.rerun()


@contextmanager
def inside_a_fragment() -> Iterator[None]:
    """Mark what is drawn as part of a fragment that Streamlit makes by itself: a dialog."""
    token = _is_inside.set(True)
    try:
        yield
    finally:
        _is_inside.reset(token)


def _drawing(draw: Callable[[], None]) -> Callable[[], None]:
    def drawn() -> None:
        with inside_a_fragment(), errors_shown():
            draw()

    return drawn
