"""Draw rules as text that can be typed, which is completed; and write them to the URL."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Curation, parse, to_text
from jepascore_core.errors import RuleSyntaxError
from pages.ui.app import state
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.widgets.components import open_component

_BAR = "query-bar"
_TOO_LONG = "rules-too-long"
#: The rules that the page was drawn with last.
_DRAWN = "rules-drawn"

_mount = open_component("rules")


def choose_curation(dataset_id: str) -> Curation:
    """Draw the bar to type rules about a dataset, which completes what is typed; return the rules of the URL.

    See `curation_of_url` for invalid ones.
    """
    text = state.read_text(state.RULES) or ""
    st.session_state[_DRAWN] = text
    if st.session_state.get(_BAR) is None or st.session_state.get(f"{_BAR}-seen") != text:
        st.session_state[_BAR] = st.session_state[f"{_BAR}-seen"] = text
    with st.container(gap=None):
        st.text_input(
            texts.RULES,
            key=_BAR,
            on_change=_typed,
            placeholder=texts.RULES_EXAMPLE,
            help=texts.RULES_HELP,
            max_chars=state.MAX_TEXT,
        )
        data = {
            "field": f"st-key-{_BAR}",
            "route": f"rules/{dataset_id}/completions",
            "label": texts.SUGGESTIONS,
        }
        _mount(key="suggestions", data=data)
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


def begin_fragment() -> None:
    """Begin to draw a part of the page that depends on the rules, and all of the page if they have changed since.

    For fragments, which a click in them draws again without the page.
    """
    text = state.read_text(state.RULES) or ""
    if st.session_state.get(_DRAWN) != text:
        st.rerun()


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
