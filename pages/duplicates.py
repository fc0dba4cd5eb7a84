"""Duplicates: groups of the same or nearly the same image, and which one of each to keep; needs no run."""

from pages.ui.app.frame import frame
from pages.ui.duplicates.page import draw_duplicates
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.choose_scores import choose_scores
from pages.ui.widgets.estimate_notes import draw_estimate_notes

with frame("Duplicates"):
    scores = choose_scores(needed=False)
    if scores is not None:
        if scores.is_measured:
            draw_estimate_notes([scores])
        begin_chosen_sample(scores)
        draw_duplicates(scores)
        show_chosen_sample(scores)
