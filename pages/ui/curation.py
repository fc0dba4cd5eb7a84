"""Rules, what they come to, what they drop, and the list to take away."""

from __future__ import annotations

import shlex

import streamlit as st

from jepascore_core.curation.legacy import CurationResult, CurationRule, Measure, apply, preview
from jepascore_core.exporters import FORMATS, ExportFormat, Which, export_bytes, suggested_name
from jepascore_core.figures import class_balance_figure
from jepascore_core.views.choices import class_choices
from jepascore_core.views.distribution import histograms
from jepascore_core.views.formats import count_text, percent_text
from jepascore_core.views.score_set import Label, ScoreSet
from pages.ui import state
from pages.ui.cached import store
from pages.ui.gallery import Section, gallery
from pages.ui.pick import pick_one, pick_range, pick_texts
from pages.ui.samples import to_tiles
from pages.ui.text import plain

MEASURE_TITLES: dict[Measure, str] = {
    "class_percentile": "Percentile in its class",
    "percentile": "Percentile in the dataset",
    "score": "Score",
}
WHICH_TITLES: dict[Which, str] = {
    "kept": "Kept",
    "dropped": "Dropped",
    "unscored": "Not measured",
    "all": "All, with a verdict",
}
PREVIEW_SAMPLES = 12


def choose_rules(scores: ScoreSet) -> tuple[CurationRule, ...]:
    """A range to keep, of a percentile or the score, everywhere or in some classes only."""
    classes = class_choices(store(), scores.dataset_id)
    columns = st.columns([4, 5, 4], vertical_alignment="bottom", gap="large")
    with columns[0]:
        picked = pick_one("Cut by", state.MEASURE, MEASURE_TITLES, segments=True, resets=(state.RANGE,))
    measure = next(name for name in MEASURE_TITLES if name == picked)
    with columns[1]:
        limits = _pick_limits(scores, measure)
    with columns[2]:
        titles: dict[str, Label] = {choice.title: choice.label for choice in classes}
        only = pick_texts("Only in these classes", state.LABELS, tuple(titles), "every class")
    labels = tuple(titles[title] for title in only) or None
    return (CurationRule(measure, *limits, labels),) if limits != (None, None) else ()


def _pick_limits(scores: ScoreSet, measure: Measure) -> tuple[float | None, float | None]:
    """Limits of the range to keep; None on a side that is not cut."""
    if measure == "score":
        (series,) = histograms(store(), [scores]).series[:1] or (None,)
        if series is None:
            return None, None
        whole = float(int(series.minimum) - 1), float(int(series.maximum) + 1)
        low, high = pick_range("Keep scores between (nats, higher = more likely)", state.RANGE, *whole, 0.5)
    else:
        whole = 0.0, 100.0
        low, high = pick_range("Keep percentiles between (higher = more likely)", state.RANGE, *whole, 0.5)
    return (low if low > whole[0] else None), (high if high < whole[1] else None)


def draw_curation(scores: ScoreSet, rules: tuple[CurationRule, ...]) -> None:
    """Counts, balance, previews and download for some rules."""
    result = apply(store(), scores, rules)
    _draw_counts(result)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_previews(scores, rules)
    with right:
        st.subheader("Class balance", anchor=False)
        st.plotly_chart(class_balance_figure(result.balance), key="balance")
        _draw_download(scores, rules)


def _draw_counts(result: CurationResult) -> None:
    counts = result.counts
    share = f"{percent_text(counts.kept / counts.total)} of all" if counts.total else ""
    with st.container(horizontal=True):
        st.metric("Kept", count_text(counts.kept), share, delta_color="off", delta_arrow="off", border=True)
        st.metric("Dropped", count_text(counts.dropped), border=True)
        st.metric("Not measured", count_text(counts.unscored), border=True, help="Failed, or still to be measured.")
        st.metric("Unreadable files", count_text(counts.num_unreadable), border=True, help="The Runs page says why.")


def _draw_previews(scores: ScoreSet, rules: tuple[CurationRule, ...]) -> None:
    st.subheader("What goes, and what only just stays", anchor=False)
    if not rules:
        st.info("Nothing is dropped yet. Move an end of the range above.")
        return
    found = preview(store(), scores, rules, PREVIEW_SAMPLES, state.read_int(state.SEED, 0, 0, 10**6))
    sections = [
        Section(to_tiles(found.extreme), "Dropped: furthest beyond the limits"),
        Section(to_tiles(found.nearest), "Dropped: nearest to a limit"),
        Section(to_tiles(found.random), "Dropped: at random"),
        Section(to_tiles(found.narrowly_kept), "Narrowly kept"),
    ]
    shown = [section for section in sections if section.tiles]
    if not shown:
        st.info("These rules drop nothing.")
    elif gallery(shown, "preview", label="Preview", size=88, remember=state.SAMPLE):
        st.rerun()


def _draw_download(scores: ScoreSet, rules: tuple[CurationRule, ...]) -> None:
    st.subheader("Take it away", anchor=False)
    name = store().catalogue.dataset(scores.dataset_id).name
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which: Which = st.selectbox("List", list(WHICH_TITLES), format_func=WHICH_TITLES.__getitem__, width=180)
        formats = [item for item in FORMATS if item != "txt" or which != "all"]
        file_format: ExportFormat = st.selectbox("Format", formats, format_func=str.upper, width=120)
    file_name = suggested_name(name, which, file_format)
    with st.container(horizontal=True):
        st.download_button(
            "Download the list",
            lambda: export_bytes(store(), scores, rules, file_format, which).data,
            file_name,
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Provenance",
            lambda: export_bytes(store(), scores, rules, file_format, which).provenance,
            f"{file_name}.provenance.json",
            "application/json",
            icon=":material/receipt_long:",
            on_click="ignore",
            help="How this list came about: dataset fingerprint, backbone, measurement spec, rules, counts.",
        )
    st.caption("The same without the app:")
    st.code(_command(name, scores, rules, file_name, which), language="shell", wrap_lines=True)
    st.caption(plain("Images are never touched: a list says what to keep."))


def _command(name: str, scores: ScoreSet, rules: tuple[CurationRule, ...], file_name: str, which: Which) -> str:
    words = ["jepascore", "export", name, file_name, "--backbone", f"{scores.backbone_id}@{scores.spec_id}"]
    if scores.definition != "rank":
        words += ["--definition", scores.definition]
    for rule in rules:
        kind = "score" if rule.measure == "score" else "percentile"
        for side, limit in (("min", rule.low), ("max", rule.high)):
            if limit is not None:
                words += [f"--{side}-{kind}", f"{limit:g}"]
        if rule.measure == "percentile":
            words += ["--within", "dataset"]
        for label in rule.labels or ():
            words += ["--label", label or ""]
    return shlex.join([*words, *(["--which", which] if which != "kept" else [])])
