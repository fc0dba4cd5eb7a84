"""Curate: choose what to keep, see what goes, take it away."""

from pages.ui.choose import choose_scores
from pages.ui.curation import draw_curation
from pages.ui.estimates import draw_estimate_notes
from pages.ui.frame import frame
from pages.ui.samples import begin_chosen_sample, show_chosen_sample

with frame("Curate"):
    scores = choose_scores()
    if scores is not None:
        begin_chosen_sample(scores)
        draw_estimate_notes([scores])
        draw_curation(scores)
        show_chosen_sample(scores)
