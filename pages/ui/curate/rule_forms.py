"""Draw a form for each kind of rule, and chips of the rules that there are, which open in the same forms.

All are fragments: opening a form, or setting a limit in it, draws nothing else of the page again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer

from jepascore_core.curation import Budget, Clause, ClauseCount, Curation, Deduplicate, clause_text, parse_clause
from jepascore_core.curation.rules.shapes import FormName, form_of
from jepascore_core.errors import RuleError, RuleSyntaxError
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.effects import Effect, compute_effects, effect_of
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.curate import texts
from pages.ui.curate.forms import FORMS
from pages.ui.curate.rule_bar import begin_fragment, set_curation

_ICONS: Mapping[FormName, str] = {
    "score": ":material/percent:",
    "agreement": ":material/how_to_vote:",
    "duplicates": ":material/content_copy:",
    "class": ":material/label:",
    "labels": ":material/label_off:",
    "reference": ":material/compare:",
    "columns": ":material/table_rows:",
    "image": ":material/image:",
    "region": ":material/scatter_plot:",
    "budget": ":material/savings:",
}


def draw_adders(scores: ScoreSet, curation: Curation) -> None:
    """Draw a form for each kind of rule."""
    fragment(partial(_draw_adders, scores, curation))


def _draw_adders(scores: ScoreSet, curation: Curation) -> None:
    begin_fragment()
    with st.container(horizontal=True, gap="small"):
        for name, icon in _ICONS.items():
            with _popover(texts.FORMS[name], f"form-{name}", icon) as box:
                _adder(name, scores, curation, bool(box.open))


def _popover(title: str, key: str, icon: str | None = None) -> PopoverContainer:
    return st.popover(title, icon=icon, key=key, on_change="rerun")


def _adder(name: FormName, scores: ScoreSet, curation: Curation, is_open: bool) -> None:
    try:
        clause = FORMS[name](scores, None, name)
        added = curation if clause is None else _with(curation, clause, name)
    except RuleError as error:
        st.warning(plain(str(error)))
        return
    if is_open:
        draw_effect(scores, clause)
    st.button(
        texts.ADD, key=f"add-{name}", type="primary", on_click=_close_with, args=(f"form-{name}", added),
        disabled=clause is None,
    )  # fmt: skip


def _close_with(key: str, curation: Curation) -> None:
    st.session_state[key] = False
    set_curation(curation)


def _with(curation: Curation, clause: Clause, name: FormName) -> Curation:
    if isinstance(clause, Deduplicate | Budget):
        return curation.plus(clause)
    place = _place(name, curation)
    return curation.plus(clause) if place is None else curation.either(place, clause)


def _place(name: FormName, curation: Curation) -> int | None:
    """Return the position of the rule that the new one is an alternative to; None if both must hold."""
    if not curation.rules:
        return None
    choices = [texts.AND_ALSO, *(texts.or_rule(clause_text(rule)) for rule in curation.rules)]
    chosen = st.selectbox(texts.COMBINE, range(len(choices)), key=f"combine-{name}", format_func=choices.__getitem__)
    return chosen - 1 if chosen else None


def draw_effect(scores: ScoreSet, clause: Clause | None) -> None:
    """Say what a rule drops alone, after computations of a few seconds."""
    if clause is not None:
        st.markdown(plain(texts.effect(quick_effect(scores, clause))))


def quick_effect(scores: ScoreSet, clause: Clause) -> Effect:
    """Return what a rule drops alone, after computations of a few seconds."""
    effect = effect_of(store(), scores, clause)
    if effect.is_quick:
        with st.spinner(texts.COUNTING):
            compute_effects(store(), scores, effect.pending)
        effect = effect_of(store(), scores, clause)
    return effect


def draw_chips(scores: ScoreSet, curation: Curation, counts: tuple[ClauseCount, ...] | None) -> None:
    """Draw a chip for each rule or step: a click opens it in its form, a cross removes it.

    `counts` say what each drops; None while that is not known.
    """
    fragment(partial(_draw_chips, scores, curation, counts))


def _draw_chips(scores: ScoreSet, curation: Curation, counts: tuple[ClauseCount, ...] | None) -> None:
    begin_fragment()
    with st.container(horizontal=True, gap="small", key="chips"):
        for position, clause in enumerate(curation.clauses):
            count = counts[position] if counts is not None else None
            with st.container(horizontal=True, gap=None, width="content"):
                _draw_chip(scores, curation, position, clause, count)
        if len(curation.clauses) > 1:
            st.button(texts.REMOVE_ALL, type="tertiary", on_click=set_curation, args=(Curation(),))


def _draw_chip(scores: ScoreSet, curation: Curation, position: int, clause: Clause, count: ClauseCount | None) -> None:
    text = clause_text(clause)
    label = text if len(text) <= texts.MAX_CHIP else f"{text[: texts.MAX_CHIP - 1]}…"
    key = f"{position}-{text}"
    title = texts.chip(plain(label), count.alone if count is not None else None)
    with _popover(title, f"chip-{key}") as box:
        if box.open:
            if count is not None:
                st.caption(texts.chip_help(count.alone, count.only))
            _draw_change(scores, curation, position, clause, f"change-{key}")
    remove = texts.remove(plain(text))
    st.button(
        remove, key=f"remove-{key}", icon=":material/close:", help=remove,
        on_click=set_curation, args=(curation.without(position),),
    )  # fmt: skip


def _draw_change(scores: ScoreSet, curation: Curation, position: int, clause: Clause, key: str) -> None:
    name = form_of(clause)
    try:
        changed = FORMS[name](scores, clause, key) if name is not None else _typed(clause, key)
        after = curation if changed is None else curation.changed(position, changed)
    except RuleSyntaxError as error:
        st.error(plain(str(error)))
        st.code(error.pointer, language=None)
        return
    except RuleError as error:
        st.warning(plain(str(error)))
        return
    draw_effect(scores, changed)
    st.button(
        texts.CHANGE, key=f"{key}-save", type="primary", on_click=set_curation, args=(after,),
        disabled=changed in (None, clause),
    )  # fmt: skip


def _typed(clause: Clause, key: str) -> Clause | None:
    """Draw a rule that no form has as text.

    Raises:
        RuleSyntaxError: if what was typed is not one rule or step.
    """
    text = st.text_input(texts.RULE, clause_text(clause), key=f"{key}-text").strip()
    return parse_clause(text) if text else None
