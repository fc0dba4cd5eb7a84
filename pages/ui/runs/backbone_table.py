"""Compare backbones in a table that filters narrow down, and choose some of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.views.backbones import BackboneOption
from jepascore_core.views.suited_backbones import FILTERS, backbone_rows, narrowed
from pages.ui.app import state
from pages.ui.runs import texts
from pages.ui.widgets.url_widgets import close, pick_open, pick_some

OPENED = "compare-backbones"


def draw_backbone_table(options: Sequence[BackboneOption]) -> None:
    """Draw the table while it is open: a click on rows and a button choose them."""
    place = pick_open(texts.COMPARE_BACKBONES, OPENED, ":material/table_chart:")
    if place is None:
        return
    with place:
        chosen = pick_some(texts.FILTERS, state.ONLY, {name: texts.FILTER_TITLES[name] for name in FILTERS})
        shown = narrowed(options, chosen)
        st.caption(texts.backbones_shown(len(shown), len(options)))
        if not shown:
            st.info(texts.NO_BACKBONES)
            return
        event = st.dataframe(
            backbone_rows(shown), hide_index=True, key="backbone-table", on_select="rerun", selection_mode="multi-row",
            column_config={
                "Seconds per image": st.column_config.NumberColumn(format="%.2g"),
                "Minutes for all": st.column_config.NumberColumn(format="%.1f"),
            },
        )  # fmt: skip
        names = [shown[row].name for row in event.selection.rows if row < len(shown)]
        st.button(
            texts.choose_backbones(len(names)), disabled=not names, on_click=_choose, args=(names,),
            icon=":material/check:", help=None if names else texts.SELECT_ROWS,
        )  # fmt: skip


def _choose(names: list[str]) -> None:
    state.write(state.MEASURE_WITH, names)
    close(OPENED)
