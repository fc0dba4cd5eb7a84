"""The region of a map as a filter of the list, and its name."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Curation, parse, to_text
from jepascore_core.curation.columns.regions import MAX_NAME, find_region, name_region
from jepascore_core.curation.rules.marked import Marked
from jepascore_core.curation.rules.model import Not, Rule, with_changed
from jepascore_core.errors import JepaScoreError
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.map import texts

NEW_NAME = "map-region-name"


def without_regions(rules: Curation) -> Curation:
    """Return rules without those that ask for a region; what asks for more beside it stays."""
    return Curation(tuple(rule for rule in rules.rules if not _is_region(rule)), rules.steps)


def _is_region(rule: Rule) -> bool:
    inner = rule.rule if isinstance(rule, Not) else rule
    return isinstance(inner, Marked) and inner.name == "region"


def filter_by(rules: Curation) -> None:
    """Write rules into the URL as the filters of the list and the map."""
    state.write(state.FILTER, to_text(rules) or None)


def draw_naming(dataset_id: str, name: str) -> None:
    """Draw a small form that gives the region of the filter a name of its own."""
    region = find_region(store(), dataset_id, name)
    if region is None or region.is_named:
        return
    with st.popover(texts.NAME_REGION, icon=":material/edit:", type="tertiary"), st.form("name-region", border=False):
        st.text_input(texts.NAME, key=NEW_NAME, max_chars=MAX_NAME)
        st.form_submit_button(texts.SAVE, on_click=_name, args=(dataset_id, name))


def _name(dataset_id: str, name: str) -> None:
    try:
        region = name_region(store(), dataset_id, name, str(st.session_state[NEW_NAME]))
    except JepaScoreError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    rules = parse(state.read_text(state.FILTER) or "")
    filter_by(with_changed(rules, lambda item: Marked("region", region.name) if _names(item, name) else item))
    st.toast(plain(texts.named(region.name, region.num_images)), icon=":material/check_circle:")


def _names(item: object, name: str) -> bool:
    return isinstance(item, Marked) and item.name == "region" and item.value == name
