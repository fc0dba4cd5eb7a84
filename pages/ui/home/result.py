"""Draw the result card: what a review finds where the defects of a dataset are known, and what to do with it."""

from __future__ import annotations

import streamlit as st

from jepascore_core.curation import evaluate, parse
from jepascore_core.curation.decisions import decisions_of
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.exporters import ExportOptions, export_bytes, suggested_name
from jepascore_core.figures.known_defects import known_defects_figure
from jepascore_core.scores.measured import MeasuredChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.trust.known_defects import KnownDefects, kind_title
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.home import texts
from pages.ui.widgets.charts import chart
from pages.ui.widgets.gallery import Section, Tile, gallery
from pages.ui.widgets.navigate import navigate

TILE_SIDE = 64
#: Two stand side by side on a telephone.
METRIC_WIDTH = 128
EXPLORE, CURATE = "pages/explore.py", "pages/curate.py"


def draw_result(measured: MeasuredChoice, found: KnownDefects, dataset_id: str, name: str) -> None:
    """Draw numbers, figure, the images of the recommended review, and buttons to see, cut and export them."""
    st.markdown(f"#### {plain(found.headline)}")
    _draw_numbers(found)
    left, right = st.columns(2, gap="large")
    with left:
        chart(known_defects_figure(found), f"known-defects-{dataset_id}", texts.RESULT_FIGURE)
    with right:
        st.caption(plain(texts.reviewed(found, measured.title)))
        _draw_images(found, measured, dataset_id)
    with st.container(gap="xxsmall"):
        for limit in found.limits:
            st.markdown(f":material/info: {plain(limit)}")
    _draw_buttons(found, measured.scores(dataset_id), name)


def _draw_numbers(found: KnownDefects) -> None:
    best, baseline = found.score, found.baseline
    shown = [
        (texts.KNOWN_DEFECTS, found.num_defects, texts.of_samples(found.num_samples), plain(texts.kinds(found.kinds))),
        (texts.BUDGET, found.budget, texts.BUDGET_SHARE, texts.BUDGET_HELP),
        (texts.finds(best), best.num_found, texts.precision(best.num_found, found.budget), None),
    ]
    if baseline is not None:
        note = texts.precision(baseline.num_found, found.budget)
        shown.append((texts.finds(baseline), baseline.num_found, note, None))
    shown.append((texts.CHANCE, round(found.by_chance), texts.precision(found.by_chance, found.budget), None))
    with st.container(horizontal=True):
        for title, number, note, help_text in shown:
            st.metric(title, f"{number:,}", note, "off", delta_arrow="off", width=METRIC_WIDTH, help=help_text)


def _draw_images(found: KnownDefects, measured: MeasuredChoice, dataset_id: str) -> None:
    tiles = [
        Tile(item.sample_key, item.content_id, kind_title(item.defect or texts.CLEAN), tooltip=item.sample_key)
        for item in found.examples
    ]
    picked = gallery([Section(tiles)], f"reviewed-{dataset_id}", label=texts.REVIEWED, size=TILE_SIDE, tools=())
    if picked is not None:
        _see(found, measured.scores(dataset_id), picked.sample_key)


def _draw_buttons(found: KnownDefects, scores: ScoreSet, name: str) -> None:
    rule = found.recommended.rule
    with st.container(horizontal=True):
        if st.button(
            texts.SEE, type="primary", icon=":material/grid_view:", key=f"see-{scores.dataset_id}", help=texts.SEE_HELP
        ):
            _see(found, scores)
        if st.button(
            texts.CUT, icon=":material/content_cut:", key=f"cut-{scores.dataset_id}", help=texts.cut_help(rule)
        ):
            navigate(CURATE, {**_identity(scores), state.RULES: rule})
        st.download_button(
            texts.EXPORT,
            lambda: _kept(scores, rule, name),
            suggested_name(name, "kept", "csv"),
            "text/csv",
            icon=":material/download:",
            key=f"export-{scores.dataset_id}",
            on_click="ignore",
            help=texts.EXPORT_HELP,
        )


def _see(found: KnownDefects, scores: ScoreSet, sample_key: str | None = None) -> None:
    opened = {state.SAMPLE: sample_key} if sample_key is not None else {}
    shown = {state.VIEW: "search", state.FILTER: found.recommended.reviewed}
    navigate(EXPLORE, {**_identity(scores), **shown, **opened})


def _identity(scores: ScoreSet) -> dict[str, str]:
    return {state.DATASET: scores.dataset_id, state.BACKBONE: scores.key.text}


def _kept(scores: ScoreSet, rule: str, name: str) -> bytes:
    """Make the list when it is asked for: the click may come much later than the page."""
    evaluation = evaluate(store(), scores, parse(rule), decisions_of(store(), scores.dataset_id))
    recipe = make_recipe(store(), evaluation, name)
    return export_bytes(store(), scores.dataset_id, recipe, "csv", ExportOptions(), evaluation).data
