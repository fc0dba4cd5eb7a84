"""Draw rules as chips that can be removed, and as text that can be typed."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import ClauseCount, Curation, parse, to_text
from jepascore_core.errors import RuleSyntaxError
from pages.ui.app import state
from pages.ui.app.text import plain
from pages.ui.curate import texts

_BAR = "query-bar"
_TOO_LONG = "rules-too-long"


def choose_curation() -> Curation:
    """Draw the bar to type rules, and return the rules of the URL; see `curation_of_url` for invalid ones."""
    text = state.read_text(state.RULES) or ""
    if st.session_state.get(_BAR) is None or st.session_state.get(f"{_BAR}-seen") != text:
        st.session_state[_BAR] = st.session_state[f"{_BAR}-seen"] = text
    st.text_input(
        texts.RULES,
        key=_BAR,
        on_change=_typed,
        placeholder=texts.RULES_EXAMPLE,
        help=texts.RULES_HELP,
        max_chars=state.MAX_TEXT,
    )
    if st.session_state.pop(_TOO_LONG, False):
        st.warning(texts.too_long(state.MAX_TEXT))
    return curation_of_url()


def curation_of_url() -> Curation:
    """Return the rules of the URL. Invalid ones are shown with the position of the error, and the last valid rules
    are returned instead."""
    try:
        found = parse(state.read_text(state.RULES) or "")
    except RuleSyntaxError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        last = _parsed(state.read_text(state.LAST_RULES) or "") or Curation()
        rules = plain(to_text(last)) if last.clauses else ""
        st.warning(texts.shown_instead(rules), icon=":material/history:")
        return last
    state.write(state.LAST_RULES, None)
    return found


def _parsed(text: str) -> Curation | None:
    try:
        return parse(text)
    except RuleSyntaxError:
        return None


def _typed() -> None:
    text = st.session_state[_BAR].strip()
    st.session_state[f"{_BAR}-seen"] = text
    before = state.read_text(state.RULES) or ""
    if _parsed(text) is None and _parsed(before) is not None:
        state.write(state.LAST_RULES, before or None)
    state.write(state.RULES, text or None)


def set_curation(curation: Curation) -> None:
    """Write rules to the URL; for callbacks, which run before the page. Too long ones only cause a warning."""
    text = to_text(curation)
    if len(text) > state.MAX_TEXT:
        st.session_state[_TOO_LONG] = True
    else:
        state.write(state.RULES, text or None)


def draw_chips(curation: Curation, counts: tuple[ClauseCount, ...]) -> None:
    """Draw one button per rule or step, with the number that it drops alone; a click removes it."""
    if not counts:
        return
    with st.container(horizontal=True, gap="small"):
        for position, item in enumerate(counts):
            label = item.text if len(item.text) <= 70 else f"{item.text[:69]}…"
            st.button(
                texts.chip(plain(label), item.alone),
                key=f"chip-{position}-{item.text}",
                icon=":material/close:",
                on_click=set_curation,
                args=(curation.without(position),),
                help=texts.chip_help(item.alone, item.only),
            )
        if len(counts) > 1:
            st.button(texts.REMOVE_ALL, type="tertiary", on_click=set_curation, args=(Curation(),))
