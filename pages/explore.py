"""Explore: per class, the least likely, random and most likely samples; click for detail."""

from pages.ui.choose import choose_scores
from pages.ui.extremes import draw_extremes
from pages.ui.frame import frame
from pages.ui.live import live
from pages.ui.samples import show_chosen_sample
from pages.ui.theory import draw_theory_notes

with frame("Explore"):
    scores = choose_scores()
    if scores is not None:
        draw_theory_notes([scores])
        live(lambda: draw_extremes(scores), scores.dataset_id)
        show_chosen_sample(scores)
