"""Trust: whether to cut by the score here, by what else, or not at all, and what that rests on."""

from functools import partial

from jepascore_core.scores.memo import prefetch
from jepascore_core.trust.agreement import baseline_view
from jepascore_core.trust.evidence import compute_checks
from pages.ui.app.frame import frame
from pages.ui.app.live import live
from pages.ui.app.store import store
from pages.ui.trust.confounds import draw_confounds
from pages.ui.trust.density_check import draw_density_check
from pages.ui.trust.formats import draw_format_check
from pages.ui.trust.page import draw_baselines, draw_gaussianity, draw_slow_baselines
from pages.ui.trust.planted import draw_planted
from pages.ui.trust.verdict import draw_verdict
from pages.ui.widgets.choose_scores import choose_scores
from pages.ui.widgets.estimate_notes import draw_estimate_notes
from pages.ui.widgets.theory_notes import draw_theory_notes

with frame("Trust"):
    scores = choose_scores(partial(compute_checks, store()), needs_scores=True)
    if scores is not None:
        live(partial(draw_verdict, scores), scores.dataset_id)
        prefetch(partial(baseline_view, store(), scores))
        draw_theory_notes([scores])
        draw_estimate_notes([scores])
        draw_planted(scores)
        live(partial(draw_confounds, scores), scores.dataset_id)
        draw_format_check(scores)
        live(partial(draw_baselines, scores), scores.dataset_id)
        draw_slow_baselines(scores)
        live(partial(draw_gaussianity, scores), scores.dataset_id)
    draw_density_check()
