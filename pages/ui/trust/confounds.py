"""Draw whether a score mostly orders the images by something simple."""

from __future__ import annotations

import streamlit as st

from jepascore_core.errors import TooFewImagesError
from jepascore_core.figures.trust import confounds_figure
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.agreement import SCORE_TITLE
from jepascore_core.trust.confounds import confound_sentence, confounds
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.trust import texts
from pages.ui.widgets.charts import chart


def draw_confounds(scores: ScoreSet) -> None:
    """Draw rank correlations of the score with brightness, contrast, resolution and the like; warn of strong ones."""
    st.subheader(texts.CONFOUNDS, anchor=False)
    try:
        found = confounds(store(), scores)
    except TooFewImagesError as error:
        st.info(plain(str(error)))
        return
    st.caption(texts.CONFOUNDS_ABOUT)
    for row in found.warnings:
        st.warning(plain(confound_sentence(row)))
    if found.num_unmeasured:
        st.info(texts.quality_missing(found.num_unmeasured))
    elif not found.warnings:
        st.success(texts.NO_CONFOUNDS)
    shown = [row for row in found.rows if row.score == SCORE_TITLE and row.spearman is not None]
    chart(confounds_figure(shown), "confounds", texts.CONFOUNDS_FIGURE)
    dataset = store().catalogue.dataset(scores.dataset_id)
    st.code(texts.confounds_command(dataset.name, scores.key.text), language="sh")
