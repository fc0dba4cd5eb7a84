"""Review: go through samples one by one with the keyboard; every decision can be undone."""

from pages.ui.app.frame import frame
from pages.ui.review.page import draw_review
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.choose_scores import choose_scores
from pages.ui.widgets.estimate_notes import draw_estimate_notes

with frame("Review"):
    scores = choose_scores()
    if scores is not None:
        draw_estimate_notes([scores])
        begin_chosen_sample(scores)
        draw_review(scores)
        show_chosen_sample(scores)
