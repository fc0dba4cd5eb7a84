"""Review: go through samples one by one with the keyboard; every decision can be undone."""

from pages.ui.choose import choose_scores
from pages.ui.estimates import draw_estimate_notes
from pages.ui.frame import frame
from pages.ui.review import draw_review

with frame("Review"):
    scores = choose_scores()
    if scores is not None:
        draw_estimate_notes([scores])
        draw_review(scores)
