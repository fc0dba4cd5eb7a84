"""In a narrow window the choices at the top of a page fold into one line that says what is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.widgets import texts
from pages.ui.widgets.components import component

#: In a wide window there is no such line; in a narrow one no columns of choices until it is pressed, but a verdict.
FOLD_STYLE = """<style>
@media (min-width: 641px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-fold-line) { display: none; }
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"]:has(.st-key-fold-line):not([data-unfolded])
    [class*="st-key-fold-choices"] [data-testid="stColumn"]:not(:has([class*="-badges"])) { display: none; }
}
</style>"""

_mount = component("fold")


def choices(part: str = "") -> DeltaGenerator:
    """Return a place for columns of choices that fold; `part` tells several of a page apart."""
    return st.container(key=f"fold-choices{part}")


def draw_fold(place: DeltaGenerator, chosen: Sequence[str]) -> None:
    """Draw the line in `place`, above the choices; without it nothing folds."""
    with place.container(key="fold-line"):
        st.html(FOLD_STYLE)
        _mount(key="fold", data={"label": texts.CHOICES, "text": " · ".join(chosen)})
