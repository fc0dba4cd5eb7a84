"""Draw what all checks say of a cut by a score: a badge beside its backbone, its numbers one click away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.titles import score_titles
from jepascore_core.trust.checks import Colour
from jepascore_core.trust.evidence import trust_verdict
from jepascore_core.trust.verdict import TrustVerdict
from pages.ui.app import state
from pages.ui.app.errors import errors_shown
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts

#: What Streamlit calls the colours, and shapes for those who cannot tell them apart.
COLOURS: dict[Colour, str] = {"green": "green", "amber": "orange", "red": "red", "grey": "gray"}
ICONS: dict[Colour, str] = {
    "green": ":material/check_circle:",
    "amber": ":material/warning:",
    "red": ":material/error:",
    "grey": ":material/help:",
}
TRUST_PAGE = "pages/trust.py"


def draw_badges(score_sets: Sequence[ScoreSet], key: str = "verdict") -> None:
    """Draw a badge for each of these scores; of several each says whose it is."""
    distinct = list(dict.fromkeys(score_sets))
    is_of_one = len({scores.dataset_id for scores in distinct}) == 1
    titles = score_titles(store(), distinct, "backbone" if is_of_one else "dataset") if len(distinct) > 1 else {}
    with st.container(horizontal=True, gap="small", key=f"{key}-badges"):
        for position, scores in enumerate(distinct):
            with errors_shown():
                _draw_badge(scores, titles.get(scores, ""), f"{key}-{position}")


def _draw_badge(scores: ScoreSet, title: str, key: str) -> None:
    verdict = trust_verdict(store(), scores)
    label = badge_text(verdict.colour, verdict.badge)
    with st.popover(f"{label} {plain(title)}" if title else label, type="tertiary", key=key):
        st.markdown(f"**{plain(verdict.sentence)}**")
        draw_checks(verdict)
        link = {state.DATASET: scores.dataset_id, state.BACKBONE: scores.key.text, state.DEFINITION: scores.definition}
        st.page_link(TRUST_PAGE, label=texts.ON_TRUST, icon=":material/verified:", query_params=link)


def badge_text(colour: Colour, words: str) -> str:
    """Return a badge as Markdown: colour, shape and words."""
    return f":{COLOURS[colour]}-badge[{ICONS[colour]} {plain(words)}]"


def draw_checks(verdict: TrustVerdict) -> None:
    """Draw what the sentence leaves out, and each check with its figures and the command that reproduces them."""
    for text in verdict.details:
        st.caption(plain(text))
    for check in verdict.checks:
        name = f":{COLOURS[check.colour]}[{ICONS[check.colour]}] **{plain(check.title)}**"
        command = f" `{check.command}`" if check.command else ""
        st.markdown(f"{name}: {plain(check.text)}{command}")
