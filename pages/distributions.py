"""Distributions: score histograms of several datasets under one backbone."""

from pages.ui.frame import frame
from pages.ui.histograms import choose_score_sets, draw_histograms
from pages.ui.live import live
from pages.ui.theory import draw_theory_notes

with frame("Distributions"):
    score_sets = choose_score_sets()
    if score_sets:
        draw_theory_notes(score_sets)
        live(lambda: draw_histograms(score_sets), *(scores.dataset_id for scores in score_sets))
