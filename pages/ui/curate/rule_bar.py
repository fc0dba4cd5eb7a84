"""Rules as chips that can be removed, and as text that can be typed."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import ChipCount, Curation, parse, to_text
from jepascore_core.errors import RuleSyntaxError
from jepascore_core.formatting import count_text
from pages.ui.app import state
from pages.ui.app.text import plain

_BAR = "query-bar"
_TOO_LONG = "rules-too-long"


def choose_curation() -> Curation:
    """The rules of the URL, and the bar to type them; see `curation_of_url` for a text that is not a rule."""
    text = state.read_text(state.RULES) or ""
    if st.session_state.get(_BAR) is None or st.session_state.get(f"{_BAR}-seen") != text:
        st.session_state[_BAR] = st.session_state[f"{_BAR}-seen"] = text
    st.text_input(
        "Rules",
        key=_BAR,
        on_change=_typed,
        placeholder="class_percentile >= 5 and not leak | one per exact | budget 1000 balanced",
        help="What to keep. Combine with and, or, not and brackets; after | come steps. Higher is more likely. "
        "Companions of the score go into square brackets (knn, mahalanobis, norm): class_percentile[knn] >= 5.",
        max_chars=state.MAX_TEXT,
    )
    if st.session_state.pop(_TOO_LONG, False):
        st.warning(
            f"These rules would be longer than {state.MAX_TEXT:,} letters, which an address cannot carry. "
            "Save them as a recipe file and use `jepascore export --recipe`."
        )
    return curation_of_url()


def curation_of_url() -> Curation:
    """The rules of the URL. Where its text is not a rule, it is shown with the place of its error, and the last rules
    that were right are gone by instead."""
    try:
        found = parse(state.read_text(state.RULES) or "")
    except RuleSyntaxError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        last = _parsed(state.read_text(state.LAST_RULES) or "") or Curation()
        rules = f"the last valid rules: {plain(to_text(last))}" if last.chips else "no rules, which keeps everything"
        st.warning(f"What follows is of {rules}", icon=":material/history:")
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
    """Put rules into the URL; for callbacks, which run before the page. Too long ones change nothing but say so."""
    text = to_text(curation)
    if len(text) > state.MAX_TEXT:
        st.session_state[_TOO_LONG] = True
    else:
        state.write(state.RULES, text or None)


def draw_chips(curation: Curation, counts: tuple[ChipCount, ...]) -> None:
    """One button a rule or step, with what it removes alone; a click removes it."""
    if not counts:
        return
    with st.container(horizontal=True, gap="small"):
        for position, item in enumerate(counts):
            label = item.text if len(item.text) <= 70 else f"{item.text[:69]}…"
            st.button(
                f"{plain(label)} · drops {count_text(item.alone)}",
                key=f"chip-{position}-{item.text}",
                icon=":material/close:",
                on_click=set_curation,
                args=(curation.without(position),),
                help=f"Alone it drops {count_text(item.alone)} samples; {count_text(item.only)} are dropped by nothing "
                "else. Click to remove it.",
            )
        if len(counts) > 1:
            st.button("Remove all", type="tertiary", on_click=set_curation, args=(Curation(),))
