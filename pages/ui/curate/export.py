"""Taking the result away: a download, or a folder on this computer; and how to read it."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from jepascore_core.curation import Evaluation, evaluate, to_text
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.exporters import (
    FORMATS,
    LINKS,
    SPECS,
    Download,
    ExportFormat,
    ExportOptions,
    FormatSpec,
    ListSize,
    Which,
    export_bytes,
    list_size,
    request_export,
    snippet,
    suggested_name,
)
from jepascore_core.formatting import bytes_text, plural
from pages.ui.app.errors import do_asked
from pages.ui.app.store import store
from pages.ui.curate.export_list import draw_export_list

WHICH_TITLES: dict[Which, str] = {
    "kept": "Kept",
    "dropped": "Dropped",
    "unscored": "Not measured",
    "all": "All, with a verdict",
}


def draw_exports(evaluation: Evaluation) -> None:
    """Format, options, button, snippet; below, what the worker writes and wrote."""
    st.subheader("Take it away", anchor=False)
    dataset = evaluation.dataset
    left, right = st.columns(2, gap="large")
    with left:
        chosen, options = _choose()
        size = list_size(store(), evaluation, options.which)
        name = path = suggested_name(dataset.name, options.which, chosen.name)
        if _is_download(chosen, size):
            _download(evaluation, chosen, options, name)
        else:
            path = _write_here(evaluation, chosen, options, name)
        st.caption(f"{_size_text(chosen, options, size)} Source images are only read, never changed.")
    with right:
        st.caption("Read it in Python")
        code = snippet(chosen.name, path, dataset.source, dataset.kind, dataset.name)
        st.code(code, language="python", wrap_lines=True)
        st.caption("The same without the app")
        command = _command(evaluation, path, chosen.name, options)
        st.code(command, language="shell", wrap_lines=True)
    draw_export_list(dataset.dataset_id)


def _choose() -> tuple[FormatSpec, ExportOptions]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which: Which = st.selectbox("Samples", list(WHICH_TITLES), format_func=WHICH_TITLES.__getitem__, width=180)
        formats = [name for name in FORMATS if which != "all" or SPECS[name].has_verdicts]
        name: ExportFormat = st.selectbox("Format", formats, format_func=lambda item: SPECS[item].title, width=260)
        link = st.selectbox("Images by", LINKS, width=130) if SPECS[name].links else "copy"
    root = st.text_input("Paths relative to", placeholder="a folder; empty for sample keys and whole paths") or None
    return SPECS[name], ExportOptions(which, root, link)


def _is_download(spec: FormatSpec, size: ListSize) -> bool:
    """Whether the browser is to get it; asks where there is a choice."""
    if not size.fits_download(spec.name):
        return False
    places = ("Download", "This computer")
    return st.segmented_control("Where to", places, default=places[0], required=True) == places[0]


def _size_text(spec: FormatSpec, options: ExportOptions, size: ListSize) -> str:
    text = plural(size.num_rows, "sample")
    return f"{text}, {bytes_text(size.num_bytes)}." if spec.has_images and options.link == "copy" else f"{text}."


def _download(shown: Evaluation, spec: FormatSpec, options: ExportOptions, name: str) -> None:
    def made() -> Download:
        # The click may come much later than the page: the list is of the data as they are then.
        evaluation = evaluate(store(), shown.scores, shown.curation, shown.decisions)
        recipe = make_recipe(store(), evaluation, shown.dataset.name)
        return export_bytes(store(), shown.dataset.dataset_id, recipe, spec.name, options, evaluation)

    with st.container(horizontal=True):
        st.download_button(
            f"Download {spec.title}",
            lambda: made().data,
            name,
            spec.mime,
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Provenance",
            lambda: made().provenance,
            f"{name}.provenance.json",
            "application/json",
            icon=":material/receipt_long:",
            on_click="ignore",
            help="How it came about: dataset fingerprint, backbones, measurement specs, rules, decisions, counts.",
        )


def _write_here(evaluation: Evaluation, spec: FormatSpec, options: ExportOptions, name: str) -> str:
    """Have the worker write it on the computer that the app runs on; returns the path."""
    kind = "folder" if spec.is_folder else "file"
    path = st.text_input(f"New {kind} on this computer", str(Path.home() / name))

    def write() -> None:
        recipe = make_recipe(store(), evaluation, name[:100])
        request_export(store(), evaluation.dataset.dataset_id, recipe, Path(path).expanduser(), spec.name, options)
        st.rerun()

    pressed = st.button(f"Write {spec.title}", type="primary", icon=":material/drive_folder_upload:")
    do_asked("export", (evaluation.scores, evaluation.curation, path, spec.name, options), write if pressed else None)
    return path


def _command(evaluation: Evaluation, path: str, file_format: ExportFormat, options: ExportOptions) -> str:
    scores, curation = evaluation.scores, evaluation.curation
    words = ["jepascore", "export", evaluation.dataset.name, path, "--format", file_format]
    words += ["--backbone", scores.key.text]
    words += ["--definition", scores.definition] if scores.definition != "rank" else []
    words += ["--rules", to_text(curation)] if curation.chips else []
    words += ["--which", options.which] if options.which != "kept" else []
    words += ["--root", options.root] if options.root else []
    words += ["--link", options.link] if options.link != "copy" else []
    return shlex.join(words)
