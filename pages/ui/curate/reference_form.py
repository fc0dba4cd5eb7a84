"""Draw the form for rules that compare with a reference dataset, and its choice for budgets."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Clause
from jepascore_core.curation.rules.column import REFERENCE_DISTANCE, REFERENCE_PERCENTILE, Column
from jepascore_core.curation.rules.model import Between
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.references import comparable_datasets
from pages.ui.app.store import store
from pages.ui.curate import texts


def reference_form(scores: ScoreSet) -> Clause | None:
    """Draw limits of the distance to a reference dataset, or of the percentile among its scores."""
    reference = pick_reference(scores, "rule")
    if reference is None:
        return None
    name = st.selectbox(
        texts.COLUMN,
        list(texts.REFERENCE_COLUMNS),
        format_func=texts.REFERENCE_COLUMNS.__getitem__,
        key="reference-column",
    )
    if name == REFERENCE_PERCENTILE:
        first, last = st.slider(texts.KEEP, 0.0, 100.0, (5.0, 100.0), 0.5, help=texts.HIGHER, key="reference-range")
        low, high = first if first > 0 else None, last if last < 100 else None
        column = Column(REFERENCE_PERCENTILE, reference=reference)
        return None if low is None and high is None else Between(column, low, high)
    limit = st.number_input(
        texts.FARTHER_THAN, 0.0, 2.0, 0.1, 0.01, "%.3f", help=texts.FARTHER_HELP, key="reference-limit"
    )
    return Between(Column(REFERENCE_DISTANCE, reference=reference), limit) if limit > 0 else None


def pick_reference(scores: ScoreSet, form: str) -> str | None:
    """Return the name of another dataset that was measured in the same way; None, with the reason, if there is none."""
    names = [dataset.name for dataset in comparable_datasets(store(), scores)]
    if not names:
        st.caption(texts.NO_REFERENCE)
        return None
    return st.selectbox(texts.REFERENCE, names, key=f"reference-{form}")
