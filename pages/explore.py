"""Explore: the extremes of any class under any set of backbones, all classes, search; click for detail."""

from functools import partial

from pages.ui.app.frame import frame
from pages.ui.app.live import live
from pages.ui.explore.page import choose_explored, draw_explored
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.table_status import draw_preparing
from pages.ui.widgets.theory_notes import draw_theory_notes

with frame("Explore"):
    explored = choose_explored()
    if explored is not None:
        begin_chosen_sample(explored.open)
        draw_preparing(list(explored.score_sets))
        draw_theory_notes(list(explored.score_sets))
        draw_estimate_notes(list(explored.score_sets))
        live(partial(draw_explored, explored), explored.open.dataset_id)
        show_chosen_sample(explored.open, explored.reference)
