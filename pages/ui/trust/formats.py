"""Draw how far the score moves when the same pixels are saved in another file format."""

from __future__ import annotations

import streamlit as st

from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import number_text, rho_text
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.confounds import confounds
from jepascore_core.trust.format_check import (
    FormatCheck,
    format_check,
    format_check_sentence,
    format_options,
    mixed_formats_sentence,
)
from jepascore_core.trust.planted.requests import Planted, find_planted, predict_planted
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.trust import texts
from pages.ui.trust.planting import draw_planting, request


def draw_format_check(scores: ScoreSet) -> None:
    """Draw a warning where files of lossy and lossless formats are mixed, and the check: offer, progress or result."""
    st.subheader(texts.FORMATS, anchor=False)
    st.caption(texts.FORMATS_ABOUT)
    try:
        found = confounds(store(), scores)
        options = format_options(found.num_images)
        planted = find_planted(store(), scores, options)
        check = format_check(store(), scores, planted) if planted.state == "finished" else None
        mixed = mixed_formats_sentence(found, check)
        if check is not None:
            is_bad = check.worst.is_warning
            (st.warning if is_bad else st.success)(plain(mixed or format_check_sentence(check)))
            _draw_rows(check)
        else:
            if mixed is not None:
                st.warning(plain(mixed))
            _draw_task(scores, planted)
    except JepaScoreError as error:
        st.info(plain(str(error)))
        return
    dataset = store().catalogue.dataset(scores.dataset_id)
    st.code(texts.formats_command(dataset.name, scores.key.text), language="sh")


def _draw_task(scores: ScoreSet, planted: Planted) -> None:
    if planted.state == "none":
        cost = predict_planted(store(), scores, planted.options)
        st.caption(texts.formats_cost(cost.num_defects, cost.seconds))
        st.button(
            texts.CHECK_FORMATS, icon=":material/play_arrow:", key="check-formats", help=texts.FORMATS_HELP,
            on_click=request, args=(scores, planted.options),
        )  # fmt: skip
        return
    draw_planting(scores, planted, texts.FORMATS, "format-check")


def _draw_rows(check: FormatCheck) -> None:
    st.table(
        [
            {
                texts.SAVED_AS: row.title,
                texts.PAIRS: f"{row.num_pairs:,}",
                texts.SHIFT: number_text(row.shift, "+.2f"),
                texts.POINTS: number_text(row.points, "+.1f"),
                texts.RHO: rho_text(row.spearman),
            }
            for row in check.rows
        ]
    )
