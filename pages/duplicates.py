"""Duplicates: groups of the same or nearly the same image, and which one of each to keep."""

from pages.ui.choose import choose_scores
from pages.ui.duplicates import draw_duplicates
from pages.ui.estimates import draw_estimate_notes
from pages.ui.frame import frame

with frame("Duplicates"):
    scores = choose_scores()
    if scores is not None:
        draw_estimate_notes([scores])
        draw_duplicates(scores)
