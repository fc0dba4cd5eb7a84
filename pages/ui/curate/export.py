"""Export the result as a download or to a folder on the server, and show how to read it."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from jepascore_core.curation import Evaluation, evaluate, to_text
from jepascore_core.curation.recipes import make_recipe
from jepascore_core.curation.relabelling import count_relabelled
from jepascore_core.exporters import (
    EXTRA_COLUMNS,
    FORMATS,
    LINKS,
    SPECS,
    Download,
    ExportFormat,
    ExportOptions,
    FormatSpec,
    Labels,
    ListSize,
    Which,
    export_bytes,
    extras_work,
    list_size,
    request_export,
    snippet,
    suggested_name,
)
from pages.ui.app.errors import do_asked
from pages.ui.app.store import store
from pages.ui.curate import texts
from pages.ui.curate.export_list import draw_export_list
from pages.ui.widgets.precompute import is_ready


def draw_exports(evaluation: Evaluation) -> None:
    """Draw format, options, button and snippet; below, the exports of the worker."""
    st.subheader(texts.EXPORT, anchor=False)
    dataset = evaluation.dataset
    left, right = st.columns(2, gap="large")
    with left:
        chosen, options = _choose(dataset.dataset_id)
        size = list_size(store(), evaluation, options.which)
        name = path = suggested_name(dataset.name, options.which, chosen.name)
        needed = extras_work(options.columns)
        if not is_ready(evaluation.scores, needed, {}, "export"):
            path = name
        elif _is_download(chosen, size):
            _download(evaluation, chosen, options, name)
        else:
            path = _write_here(evaluation, chosen, options, name)
        st.caption(f"{_size_text(chosen, options, size)} {texts.SOURCE_UNCHANGED}")
    with right:
        st.caption(texts.READ_IN_PYTHON)
        code = snippet(chosen.name, path, dataset.source, dataset.kind, dataset.name)
        st.code(code, language="python", wrap_lines=True)
        st.caption(texts.COMMAND)
        command = _command(evaluation, path, chosen.name, options)
        st.code(command, language="shell", wrap_lines=True)
    draw_export_list(dataset.dataset_id)


def _choose(dataset_id: str) -> tuple[FormatSpec, ExportOptions]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which: Which = st.selectbox(
            texts.SAMPLES, list(texts.WHICH_TITLES), format_func=texts.WHICH_TITLES.__getitem__, width=220
        )
        formats = [name for name in FORMATS if which != "all" or SPECS[name].has_verdicts]
        name: ExportFormat = st.selectbox(texts.FORMAT, formats, format_func=lambda item: SPECS[item].title, width=260)
        link = st.selectbox(texts.COPY_OR_LINK, LINKS, width=130) if SPECS[name].links else "copy"
    root = st.text_input(texts.RELATIVE_TO, placeholder=texts.RELATIVE_TO_HINT) or None
    more = st.multiselect(
        texts.MORE_COLUMNS, EXTRA_COLUMNS, format_func=texts.EXTRA_COLUMNS.__getitem__,
        placeholder=texts.NO_MORE_COLUMNS,
    ) if SPECS[name].is_table else []  # fmt: skip
    labels: Labels = "original"
    if SPECS[name].has_classes and count_relabelled(store(), dataset_id):
        labels = st.selectbox(texts.CLASSES_BY, list(texts.LABEL_TITLES), format_func=texts.LABEL_TITLES.__getitem__)
    return SPECS[name], ExportOptions(which, root, link, tuple(more), labels)


def _is_download(spec: FormatSpec, size: ListSize) -> bool:
    """Return whether the browser downloads it; ask where there is a choice."""
    if not size.fits_download(spec.name):
        return False
    places = (texts.BROWSER, texts.SERVER)
    return st.segmented_control(texts.SAVE_TO, places, default=places[0], required=True) == places[0]


def _size_text(spec: FormatSpec, options: ExportOptions, size: ListSize) -> str:
    return texts.export_size(size.num_rows, size.num_bytes if spec.has_images and options.link == "copy" else None)


def _download(shown: Evaluation, spec: FormatSpec, options: ExportOptions, name: str) -> None:
    def made() -> Download:
        # The click may come much later than the page: the list is of the data as they are then.
        evaluation = evaluate(store(), shown.scores, shown.curation, shown.decisions)
        recipe = make_recipe(store(), evaluation, shown.dataset.name)
        return export_bytes(store(), shown.dataset.dataset_id, recipe, spec.name, options, evaluation)

    with st.container(horizontal=True):
        st.download_button(
            texts.download(spec.title),
            lambda: made().data,
            name,
            spec.mime,
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            texts.PROVENANCE,
            lambda: made().provenance,
            f"{name}.provenance.json",
            "application/json",
            icon=":material/receipt_long:",
            on_click="ignore",
            help=texts.PROVENANCE_HELP,
        )


def _write_here(evaluation: Evaluation, spec: FormatSpec, options: ExportOptions, name: str) -> str:
    """Request an export by the worker on the computer that the app runs on; return the path."""
    path = st.text_input(texts.path_on_server(spec.is_folder), str(Path.home() / name))

    def write() -> None:
        recipe = make_recipe(store(), evaluation, name[:100])
        request_export(store(), evaluation.dataset.dataset_id, recipe, Path(path).expanduser(), spec.name, options)
        st.rerun()

    pressed = st.button(texts.write(spec.title), type="primary", icon=":material/drive_folder_upload:")
    do_asked("export", (evaluation.scores, evaluation.curation, path, spec.name, options), write if pressed else None)
    return path


def _command(evaluation: Evaluation, path: str, file_format: ExportFormat, options: ExportOptions) -> str:
    scores, curation = evaluation.scores, evaluation.curation
    words = ["jepascore", "export", evaluation.dataset.name, path, "--format", file_format]
    words += ["--backbone", scores.key.text]
    words += ["--definition", scores.definition] if scores.definition != "rank" else []
    words += ["--rules", to_text(curation)] if curation.clauses else []
    words += ["--which", options.which] if options.which != "kept" else []
    words += ["--root", options.root] if options.root else []
    words += ["--link", options.link] if options.link != "copy" else []
    words += ["--labels", options.labels] if options.labels != "original" else []
    words += [word for name in options.columns for word in ("--columns", name)]
    return shlex.join(words)
