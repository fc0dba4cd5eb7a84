"""Add a dataset from a path on this machine or an uploaded zip."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from jepascore_core.datasets.layout import FOLDER_MEANINGS
from jepascore_core.datasets.sources import KINDS, SourceOptions
from jepascore_core.datasets.table_files import TABLE_EXTENSIONS
from jepascore_core.errors import SourceError
from jepascore_core.jobs.requests import request_dataset
from jepascore_core.jobs.uploads import request_upload
from jepascore_core.records.datasets import DatasetRecord
from pages.ui.app import state
from pages.ui.app.errors import do_asked
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.runs.add_preview import answered, draw_preview, forget_reports
from pages.ui.runs.folders import draw_folders
from pages.ui.runs.uploads import Upload, chosen_upload, draw_upload
from pages.ui.widgets.url_widgets import close, pick_expander, pick_one

FILE_ENDINGS = (*TABLE_EXTENSIONS, ".zip", ".gz")
OPENED = "add-data"
ICON = ":material/add_photo_alternate:"


def draw_add_data(is_open: bool) -> None:
    """Draw the form; the dataset is indexed in the background."""
    # After adding, the form is closed and empty: the number in its keys makes it another one.
    number = st.session_state.get(state.NUM_ADDED, 0)
    with _box(is_open):
        way = pick_one(texts.WHERE, state.WAY_IN, texts.WAYS, segments=True)
        if way == "path":
            draw_folders(partial(_use_path, number))
        with st.form(f"add-data-form-{number}", border=False):
            source, upload = (_draw_path(number), None) if way == "path" else (None, draw_upload(way, number))
            name = st.text_input(texts.NAME, placeholder=texts.NAME_HINT, max_chars=100, key=f"add-name-{number}")
            replace = way != "path" and _draw_replace(number)
            given = _draw_options(number)
            options = answered(given, number)
            with st.container(horizontal=True):
                # Enter presses the first.
                st.form_submit_button(texts.CHECK, icon=":material/fact_check:", on_click=_check, args=(number,))
                pressed = st.form_submit_button(texts.ADD, type="primary", icon=":material/add:")
            if _is_filled_in(name, number):
                name = _name_of(source, upload)
            name = name.strip()
            asked = (name, source, upload.identity if upload else None, replace, tuple(options.to_dict().items()))
            do_asked("add-data", asked, partial(_add, name, source, upload, options, replace) if pressed else None)
        if st.session_state.get(state.CHECKED) == number and (source or upload):
            draw_preview(source, upload, given, number)


def _use_path(number: int, path: str) -> None:
    """Before the page runs: put a path into the form, and preview it."""
    st.session_state[f"add-path-{number}"] = path
    _check(number)


def _check(number: int) -> None:
    """Before the page runs: preview the source again, and name the dataset after it unless it has a name."""
    st.session_state[state.CHECKED] = number
    forget_reports(number)
    if _is_filled_in(st.session_state.get(f"add-name-{number}", ""), number):
        name = _name_of(st.session_state.get(f"add-path-{number}", "").strip(), chosen_upload(number))
        st.session_state[f"add-name-{number}"] = st.session_state[f"{state.FILLED_IN}-{number}"] = name


def _is_filled_in(name: str, number: int) -> bool:
    """Whether nobody typed the name: it follows the path."""
    return name.strip() in ("", st.session_state.get(f"{state.FILLED_IN}-{number}", ""))


def _name_of(source: str | None, upload: Upload | None) -> str:
    """The last part of the path, without the ending of a file."""
    path = Path(upload.name if upload else source or "")
    return (path.stem if path.suffix.lower() in FILE_ENDINGS else path.name)[:100]


def _box(is_open: bool) -> DeltaGenerator:
    return st.expander(texts.ADD_IMAGES, True, icon=ICON) if is_open else pick_expander(texts.ADD_IMAGES, OPENED, ICON)


def _draw_path(number: int) -> str:
    return st.text_input(
        texts.PATH,
        placeholder=texts.PATH_HINT,
        help=texts.PATH_HELP,
        key=f"add-path-{number}",
    ).strip()


def _draw_replace(number: int) -> bool:
    return st.checkbox(
        texts.REPLACE,
        help=texts.REPLACE_HELP,
        key=f"add-replace-{number}",
    )


def _draw_options(number: int) -> SourceOptions:
    with st.popover(texts.OPTIONS, icon=":material/tune:"):
        st.caption(texts.OPTIONS_ABOUT)
        kind = st.selectbox(
            texts.KIND, [None, *KINDS], format_func=lambda item: item or texts.AUTO, key=f"add-kind-{number}"
        )
        path, label, split = (
            st.text_input(texts.column(what), key=f"add-{what.lower()}-column-{number}").strip() or None
            for what in ("Path", "Label", "Split")
        )
        root = st.text_input(
            texts.ROOT,
            help=texts.ROOT_HELP,
            key=f"add-root-{number}",
        ).strip()
        folders = st.selectbox(
            texts.FOLDERS, [None, *FOLDER_MEANINGS], format_func=lambda item: item or texts.AUTO,
            key=f"add-folders-{number}",
        )  # fmt: skip
        table = st.text_input(texts.TABLE, key=f"add-table-{number}").strip()
        encoding = st.text_input(texts.ENCODING, placeholder=texts.AUTO, key=f"add-encoding-{number}").strip()
    return SourceOptions(kind, path, label, split, root or None, folders, encoding or None, table or None)


def _add(name: str, source: str | None, upload: Upload | None, options: SourceOptions, replace: bool) -> None:
    if not (source or upload):
        raise SourceError(texts.GIVE_SOURCE)
    if not name:
        raise SourceError(texts.no_name(source))
    dataset = request_dataset(store(), name, source, options) if source else _add_upload(name, upload, options, replace)
    state.write(state.DATASET, dataset.dataset_id)
    st.session_state.pop(state.PACKED, None)
    close(OPENED)
    st.session_state[state.NUM_ADDED] = st.session_state.get(state.NUM_ADDED, 0) + 1
    st.toast(plain(texts.added(name)), icon=":material/check_circle:")
    st.rerun()


def _add_upload(name: str, upload: Upload | None, options: SourceOptions, replace: bool) -> DatasetRecord:
    if upload is None:
        raise SourceError(texts.UPLOAD_GONE)
    return request_upload(store(), name, upload.archive(), options, replace)
