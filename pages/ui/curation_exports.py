"""Taking the result away: a download, or a folder on this computer; and how to read it."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from jepascore_core.curation import Curation, Decisions, to_text
from jepascore_core.exporters import (
    FORMATS,
    LINKS,
    SPECS,
    ExportFormat,
    ExportOptions,
    FormatSpec,
    Which,
    export,
    export_bytes,
    snippet,
    suggested_name,
)
from jepascore_core.views.formats import count_text
from jepascore_core.views.score_set import ScoreSet
from pages.ui.cached import store
from pages.ui.text import plain

WHICH_TITLES: dict[Which, str] = {
    "kept": "Kept",
    "dropped": "Dropped",
    "unscored": "Not measured",
    "all": "All, with a verdict",
}


def draw_exports(scores: ScoreSet, curation: Curation, decisions: Decisions) -> None:
    """Format, options, button, snippet."""
    st.subheader("Take it away", anchor=False)
    dataset = store().catalogue.dataset(scores.dataset_id)
    left, right = st.columns(2, gap="large")
    with left:
        chosen, options = _choose()
        name = suggested_name(dataset.name, options.which, chosen.name)
        if chosen.is_folder:
            path = _folder(scores, curation, decisions, chosen, options, name)
        else:
            path = name
            _download(scores, curation, decisions, chosen, options, name)
        st.caption("Source images are only read, never changed.")
    with right:
        st.caption("Read it in Python")
        st.code(snippet(chosen.name, path, dataset.source), language="python", wrap_lines=True)
        st.caption("The same without the app")
        command = _command(dataset.name, scores, curation, path, chosen.name, options)
        st.code(command, language="shell", wrap_lines=True)


def _choose() -> tuple[FormatSpec, ExportOptions]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which: Which = st.selectbox("Samples", list(WHICH_TITLES), format_func=WHICH_TITLES.__getitem__, width=180)
        formats = [name for name in FORMATS if which != "all" or SPECS[name].has_verdicts]
        name: ExportFormat = st.selectbox("Format", formats, format_func=lambda item: SPECS[item].title, width=260)
        link = st.selectbox("Images by", LINKS, width=130) if SPECS[name].links else "copy"
    root = st.text_input("Paths relative to", placeholder="a folder; empty for sample keys and whole paths") or None
    return SPECS[name], ExportOptions(which, root, link)


def _download(
    scores: ScoreSet, curation: Curation, decisions: Decisions, spec: FormatSpec, options: ExportOptions, name: str
) -> None:
    with st.container(horizontal=True):
        st.download_button(
            f"Download {spec.title}",
            lambda: export_bytes(store(), scores, curation, spec.name, options, decisions).data,
            name,
            spec.mime,
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Provenance",
            lambda: export_bytes(store(), scores, curation, spec.name, options, decisions).provenance,
            f"{name}.provenance.json",
            "application/json",
            icon=":material/receipt_long:",
            on_click="ignore",
            help="How it came about: dataset fingerprint, backbones, measurement specs, rules, decisions, counts.",
        )


def _folder(
    scores: ScoreSet, curation: Curation, decisions: Decisions, spec: FormatSpec, options: ExportOptions, name: str
) -> str:
    """Write a folder on the computer that the app runs on; a click anywhere meanwhile ends it and leaves nothing."""
    path = st.text_input("New folder on this computer", str(Path.home() / name))
    if st.button(f"Write {spec.title}", type="primary", icon=":material/drive_folder_upload:"):
        bar = st.progress(0.0, "Writing")
        st.button("Cancel", key="cancel-export")
        report = export(
            store(),
            scores,
            curation,
            Path(path).expanduser(),
            file_format=spec.name,
            options=options,
            decisions=decisions,
            progress=lambda done, total: bar.progress(done / max(1, total), f"Writing: {count_text(done)}") and None,
        )
        bar.empty()
        st.success(plain(f"{count_text(report.num_rows)} samples written to {report.path}."))
    return path


def _command(
    name: str, scores: ScoreSet, curation: Curation, path: str, file_format: ExportFormat, options: ExportOptions
) -> str:
    words = ["jepascore", "export", name, path, "--format", file_format]
    words += ["--backbone", f"{scores.backbone_id}@{scores.spec_id}"]
    words += ["--definition", scores.definition] if scores.definition != "rank" else []
    words += ["--rules", to_text(curation)] if curation.chips else []
    words += ["--which", options.which] if options.which != "kept" else []
    words += ["--root", options.root] if options.root else []
    words += ["--link", options.link] if options.link != "copy" else []
    return shlex.join(words)
