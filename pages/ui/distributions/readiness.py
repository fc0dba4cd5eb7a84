"""Draw readiness: how familiar each encoder is with each dataset, in words."""

from __future__ import annotations

from typing import Any

import streamlit as st

from jepascore_core.formatting import count_text
from jepascore_core.views.readiness import Level, Readiness, readiness, readiness_rows
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.distributions import texts
from pages.ui.distributions.page import Chosen
from pages.ui.widgets.url_widgets import pick_open

#: Shapes as well as colours, for colour-blind readers.
ICONS: dict[Level, str] = {
    "reference": ":material/home:",
    "familiar": ":material/check_circle:",
    "less": ":material/remove_circle:",
    "foreign": ":material/error:",
    "higher": ":material/arrow_circle_up:",
    "unclear": ":material/hourglass_empty:",
}


def draw_readiness(chosen: Chosen) -> None:
    """Draw a card for each dataset under each backbone, and the numbers as a table."""
    st.subheader(texts.READINESS, anchor=False, help=texts.READINESS_HELP)
    found = readiness(store(), chosen.score_sets, chosen.reference)
    others = [item for item in found if item.level != "reference"]
    if not others:
        st.caption(texts.SECOND_DATASET)
        return
    for first in range(0, len(others), 2):
        columns = st.columns(2)
        for column, item in zip(columns, others[first : first + 2], strict=False):
            with column:
                _draw_card(item, several=len(chosen.panels) > 1)
    st.caption(texts.CAVEAT)
    box = pick_open(texts.NUMBERS, "readiness-numbers", ":material/table_rows:")
    if box is not None:
        with box:
            st.dataframe(readiness_rows(found), hide_index=True, column_config=_columns())


def _columns() -> dict[str, Any]:
    """Return short column heads with the full name as help, so that all columns fit on a laptop."""
    column = st.column_config
    numbers = {
        "AUROC against the reference": ("AUROC", "%.3f"),
        "95 % from": ("95 % from", "%.3f"),
        "to": ("to", "%.3f"),
        "Shared area (%)": ("Shared (%)", "%.1f"),
        "Below the reference's 5th percentile (%)": ("Below 5th (%)", "%.1f"),
    }
    return {
        "Dataset": column.TextColumn(width=180),
        "Encoder": column.TextColumn(width=140),
        "Verdict": column.TextColumn(width=130),
        **{name: column.NumberColumn(label, help=name, format=form) for name, (label, form) in numbers.items()},
    }


def _draw_card(item: Readiness, several: bool) -> None:
    with st.container(border=True, height="stretch"):
        about = f"{item.title}, {item.backbone_title}" if several else item.title
        st.markdown(f"{ICONS[item.level]} **{plain(item.headline)}** · {plain(about)}")
        st.markdown(plain(item.verdict))
        st.caption(_numbers(item))
        for caveat in item.caveats:
            st.caption(f":material/info: {plain(caveat)}")


def _numbers(item: Readiness) -> str:
    if item.auroc is None or item.interval is None or item.overlap is None:
        return f"n = {count_text(item.num_scored)}"
    return texts.numbers(item.auroc, item.interval, item.overlap, item.num_scored)
