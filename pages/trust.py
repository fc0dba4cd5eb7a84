"""Trust: may this score be read as a density? Gaussianity, companions, and the check on known densities."""

from pages.ui.choose import choose_scores
from pages.ui.estimates import draw_estimate_notes
from pages.ui.frame import frame
from pages.ui.live import live
from pages.ui.theory import draw_theory_notes
from pages.ui.trust import draw_companions, draw_gaussianity, draw_slow_companions
from pages.ui.trust_density import draw_density_check

with frame("Trust"):
    scores = choose_scores()
    if scores is not None:
        draw_theory_notes([scores])
        draw_estimate_notes([scores])
        live(lambda: draw_gaussianity(scores), scores.dataset_id)
        live(lambda: draw_companions(scores), scores.dataset_id)
        draw_slow_companions(scores)
    draw_density_check()
