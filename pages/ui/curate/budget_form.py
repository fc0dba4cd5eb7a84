"""Draw the form for budgets: how many samples to choose of what is left, and how."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import Clause
from jepascore_core.curation.rules.model import Budget, Draw, Part
from jepascore_core.scores.score_set import ScoreSet
from pages.ui.curate import texts
from pages.ui.curate.reference_form import pick_reference

#: How samples are drawn, for which part of the dataset, and whether away from a reference.
_KINDS: dict[str, tuple[Draw, Part | None, bool]] = {
    texts.RANDOM: ("random", None, False),
    texts.BALANCED: ("balanced", None, False),
    texts.PER_CLASS: ("random", "class", False),
    texts.DIVERSE: ("diverse", None, False),
    texts.CLUSTERS: ("clusters", None, False),
    texts.FARTHEST: ("farthest", None, True),
    texts.FAR_AND_DIVERSE: ("diverse", None, True),
}


def budget_form(scores: ScoreSet, old: Clause | None, key: str) -> Clause | None:
    """Draw the fields of a budget."""
    was = old if isinstance(old, Budget) else Budget(1000)
    kinds, was_kind = list(_KINDS), (was.draw, was.per, was.reference is not None)
    kind = st.selectbox(texts.DRAW, kinds, list(_KINDS.values()).index(was_kind), key=f"{key}-draw")
    draw, part, has_reference = _KINDS[kind]
    title = texts.SAMPLES_PER_CLASS if part == "class" else texts.SAMPLES
    n = st.number_input(title, 1, 10**9, was.n, key=f"{key}-n")
    reference = pick_reference(scores, key, was.reference) if has_reference else None
    if has_reference and reference is None:
        return None
    clusters, seed = None, 0
    if draw == "clusters":
        clusters = int(st.number_input(texts.NUM_CLUSTERS, 2, 100_000, was.clusters or 50, key=f"{key}-clusters"))
    if draw not in ("diverse", "farthest"):
        seed = int(st.number_input(texts.SEED, 0, 10**6, was.seed, key=f"{key}-seed"))
    return Budget(int(n), draw, part, clusters, seed, reference=reference)
