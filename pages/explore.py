"""Explore: the whole dataset in one list, the extremes of any class under any backbones, search; click for detail."""

from functools import partial

from pages.ui.app.frame import frame
from pages.ui.app.live import live
from pages.ui.explore.page import choose_explored, draw_explored, draw_notes
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.table_status import draw_preparing

with frame("Explore"):
    explored = choose_explored()
    if explored is not None:
        if explored.has_index:
            begin_chosen_sample(explored.open)
        draw_preparing(list(explored.score_sets))
        if not explored.is_whole:
            draw_notes(explored)
        live(partial(draw_explored, explored), explored.open.dataset_id)
        if explored.is_whole:
            draw_notes(explored)
        if explored.has_index:
            show_chosen_sample(explored.open, explored.reference)
