"""Runs: add data, choose backbones, see what it costs, start, follow, cancel and resume."""

from jepascore_core.views.overview import overview
from pages.ui.add_data import draw_add_data
from pages.ui.cached import store
from pages.ui.frame import frame
from pages.ui.new_run import draw_new_run
from pages.ui.run_list import draw_lists

with frame("Runs"):
    shown = overview(store())
    draw_add_data(is_open=shown.is_empty)
    if not shown.is_empty:
        draw_new_run(tuple(item.choice for item in shown.datasets))
        draw_lists(shown)
