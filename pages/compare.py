"""Compare: two or more backbones side by side on the same dataset."""

from functools import partial

import streamlit as st

from pages.ui.app.frame import frame
from pages.ui.app.live import live
from pages.ui.app.state import BACKBONE, read_id
from pages.ui.compare.disagreement import RESETS
from pages.ui.compare.page import draw_comparison
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.choose_scores import (
    COLUMNS,
    choose_dataset,
    choose_definition,
    choose_measured,
    measured_id,
)
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.table_status import draw_preparing
from pages.ui.widgets.theory_notes import draw_theory_notes
from pages.ui.widgets.verdict_badge import draw_badges

with frame("Compare"):
    columns = st.columns(COLUMNS, vertical_alignment="bottom")
    dataset = choose_dataset(columns[0])
    chosen = choose_measured(dataset, columns[1], least=2, resets=RESETS) if dataset is not None else ()
    if dataset is not None and chosen:
        with columns[3]:
            definition = choose_definition(RESETS)
        score_sets = [choice.scores(dataset.dataset_id, definition) for choice in chosen]
        with columns[2]:
            draw_badges(score_sets)
        picked = {measured_id(choice): scores for choice, scores in zip(chosen, score_sets, strict=True)}
        clicked = picked.get(read_id(BACKBONE) or "", score_sets[0])
        begin_chosen_sample(clicked)
        draw_preparing(score_sets)
        draw_theory_notes(score_sets)
        draw_estimate_notes(score_sets)
        live(partial(draw_comparison, dataset.dataset_id, chosen, score_sets), dataset.dataset_id)
        show_chosen_sample(clicked)
