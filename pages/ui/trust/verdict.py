"""Draw the verdict, the first thing on Trust."""

from __future__ import annotations

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.evidence import trust_verdict
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.trust import texts
from pages.ui.widgets.url_widgets import pick_open
from pages.ui.widgets.verdict_badge import badge_text, draw_checks


def draw_verdict(scores: ScoreSet) -> None:
    """Draw the sentence in its colour, the rule that follows, and the numbers behind it."""
    verdict = trust_verdict(store(), scores)
    # Not an alert: a verdict against a score is no error of the app.
    with st.container(border=True, key="verdict-box"):
        st.markdown(f"{badge_text(verdict.colour, verdict.badge)} **{plain(verdict.sentence)}**")
        if verdict.rule is not None:
            st.caption(texts.VERDICT_RULE)
            st.code(verdict.rule, language=None)
        box = pick_open(texts.VERDICT_NUMBERS, "checks", ":material/fact_check:")
        if box is not None:
            with box:
                draw_checks(verdict)
