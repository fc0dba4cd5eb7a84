"""Labels: images whose labels look wrong, which classes are confused, and whether to keep each."""

from pages.ui.app.frame import frame
from pages.ui.labels.page import draw_labels
from pages.ui.sample.dialog import begin_chosen_sample, show_chosen_sample
from pages.ui.widgets.choose_scores import choose_scores

with frame("Labels"):
    scores = choose_scores()
    if scores is not None:
        begin_chosen_sample(scores)
        draw_labels(scores)
        show_chosen_sample(scores)
