"""Draw planted defects: cost and start, progress, and which score finds which defect."""

from __future__ import annotations

import streamlit as st

from jepascore_core.errors import JepaScoreError
from jepascore_core.figures.trust import planted_figure
from jepascore_core.scores.measured import dataset_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.checks import planted_colour
from jepascore_core.trust.planted.evaluate import planted_result
from jepascore_core.trust.planted.plan import fitting_options
from jepascore_core.trust.planted.requests import Planted, command, latest_planted, predict_planted
from jepascore_core.trust.planted.result import PlantedResult
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.trust import texts
from pages.ui.trust.planting import draw_planting, request
from pages.ui.widgets.charts import chart
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.verdict_badge import badge_text

TILE_SIDE = 80


def draw_planted(scores: ScoreSet) -> None:
    """Draw what was asked for last, or else what planting costs and a button that starts it."""
    st.subheader(texts.PLANTED, anchor=False)
    st.caption(texts.PLANTED_ABOUT)
    try:
        planted = latest_planted(store(), scores)
        if planted is None:
            _draw_offer(scores)
        elif planted.state == "finished":
            _draw_result(scores, planted, planted_result(store(), scores, planted))
        else:
            draw_planting(scores, planted, texts.PLANTED, "planted")
    except JepaScoreError as error:
        st.info(plain(str(error)))


def _draw_offer(scores: ScoreSet) -> None:
    num_images = next(item.num_images for item in dataset_choices(store()) if item.dataset_id == scores.dataset_id)
    options = fitting_options(num_images)
    cost = predict_planted(store(), scores, options)
    st.info(texts.planted_cost(cost, options.per_kind))
    st.button(
        texts.PLANT, type="primary", icon=":material/play_arrow:", key="plant",
        on_click=request, args=(scores, options),
    )  # fmt: skip


def _draw_result(scores: ScoreSet, planted: Planted, result: PlantedResult) -> None:
    found = len(result.found_by(result.best.name))
    badge = badge_text(planted_colour(result, scores.definition), texts.found(found, len(result.kinds)))
    with st.container(border=True):
        st.markdown(f"{badge} {plain(result.summary_of(scores.definition))}")
    chart(planted_figure(result), "planted-defects", texts.PLANTED_FIGURE, is_wide=True)
    st.caption(texts.planted_reading(result))
    left, right = st.columns(2, gap="large")
    if result.rule is not None:
        left.caption(texts.PLANTED_RULE)
        left.code(result.rule, language=None)
    right.caption(texts.PLANTED_COMMAND)
    right.code(command(store(), scores, planted.options), language=None, wrap_lines=True)
    sections = [
        Section([Tile(f"{kind.name}/{number}", item) for number, item in enumerate(kind.examples)], kind.title)
        for kind in result.kinds
    ]
    gallery(sections, "planted-examples", label=texts.PLANTED_EXAMPLES, size=TILE_SIDE, layout="flow", tools=())
