"""Explore: the extremes of any class under any set of backbones, all classes, search; click for detail."""

from pages.ui.estimates import draw_estimate_notes
from pages.ui.exploring import choose_explored, draw_explored
from pages.ui.frame import frame
from pages.ui.live import live
from pages.ui.preparing import draw_preparing
from pages.ui.samples import begin_chosen_sample, show_chosen_sample
from pages.ui.theory import draw_theory_notes

with frame("Explore"):
    explored = choose_explored()
    if explored is not None:
        begin_chosen_sample(explored.open)
        draw_preparing(list(explored.score_sets))
        draw_theory_notes(list(explored.score_sets))
        draw_estimate_notes(list(explored.score_sets))
        live(lambda: draw_explored(explored), explored.open.dataset_id)
        show_chosen_sample(explored.open)
