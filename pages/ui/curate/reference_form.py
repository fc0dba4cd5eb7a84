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
from pages.ui.curate.limits import pick_percentiles

_FAR = 0.1


def reference_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    """Draw limits of the distance to a reference dataset, or of the percentile among its scores."""
    was = old if isinstance(old, Between) else None
    reference = pick_reference(scores, key, was.column.reference if was else None)
    if reference is None:
        return None
    names = list(texts.REFERENCE_COLUMNS)
    at = names.index(was.column.name) if was else 0
    name = st.selectbox(texts.COLUMN, names, at, texts.REFERENCE_COLUMNS.__getitem__, key=f"{key}-column")
    if name == REFERENCE_PERCENTILE:
        low, high = pick_percentiles(was if was and was.column.name == REFERENCE_PERCENTILE else None, key)
        column = Column(REFERENCE_PERCENTILE, reference=reference)
        return None if low is None and high is None else Between(column, low, high)
    value = float(was.low or _FAR) if was and was.column.name == REFERENCE_DISTANCE else _FAR
    limit = st.number_input(
        texts.FARTHER_THAN, 0.0, 2.0, value, 0.01, "%.3f", help=texts.FARTHER_HELP, key=f"{key}-limit"
    )
    return Between(Column(REFERENCE_DISTANCE, reference=reference), limit) if limit > 0 else None


def pick_reference(scores: ScoreSet, key: str, old: str | None = None) -> str | None:
    """Return the name of another dataset that was measured in the same way; None, with the reason, if there is none."""
    names = [dataset.name for dataset in comparable_datasets(store(), scores)]
    names += [old] if old is not None and old not in names else []
    if not names:
        st.caption(texts.NO_REFERENCE)
        return None
    at = 0 if old is None else names.index(old)
    return st.selectbox(texts.REFERENCE, names, at, key=f"{key}-reference")
