"""Runs: add data, choose backbones, see what it costs, start, follow, cancel and resume."""

from jepascore_core.views.overview import overview
from pages.ui.app.frame import frame
from pages.ui.app.store import store
from pages.ui.runs.add_data import draw_add_data
from pages.ui.runs.new_run import draw_new_run
from pages.ui.runs.run_list import draw_lists

with frame("Runs"):
    shown = overview(store())
    draw_add_data(is_open=shown.is_empty)
    if not shown.is_empty:
        draw_new_run(tuple(item.choice for item in shown.datasets))
        draw_lists(shown)
