"""Curate: choose what to keep, preview what is dropped, export the list."""

from pages.ui.app.frame import frame
from pages.ui.curate.page import draw_curation
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.choose_scores import choose_scores
from pages.ui.widgets.estimate_notes import draw_estimate_notes

with frame("Curate"):
    scores = choose_scores()
    if scores is not None:
        begin_chosen_sample(scores)
        draw_estimate_notes([scores])
        draw_curation(scores)
        show_chosen_sample(scores)
