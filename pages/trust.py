"""Trust: may this score be read as a density? Gaussianity, companions, and the check on known densities."""

from functools import partial

from jepascore_core.trust.agreement import companion_view
from jepascore_core.views.memory import look_ahead
from pages.ui.cached import store
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
        look_ahead(partial(companion_view, store(), scores))
        draw_theory_notes([scores])
        draw_estimate_notes([scores])
        live(lambda: draw_gaussianity(scores), scores.dataset_id)
        live(lambda: draw_companions(scores), scores.dataset_id)
        draw_slow_companions(scores)
    draw_density_check()
