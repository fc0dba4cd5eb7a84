"""Distributions: scores of many datasets under many backbones, and how familiar each encoder is with each."""

from functools import partial

from pages.ui.app.frame import frame
from pages.ui.app.live import live
from pages.ui.distributions.page import Chosen, choose_score_sets, draw_histograms
from pages.ui.distributions.readiness import draw_readiness
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.table_status import draw_preparing
from pages.ui.widgets.theory_notes import draw_theory_notes


def _draw(chosen: Chosen) -> None:
    draw_histograms(chosen)
    draw_readiness(chosen)


with frame("Distributions"):
    chosen = choose_score_sets()
    if chosen is not None:
        draw_preparing(chosen.score_sets)
        draw_theory_notes(chosen.score_sets)
        draw_estimate_notes(chosen.score_sets)
        live(partial(_draw, chosen), *(scores.dataset_id for scores in chosen.score_sets))
