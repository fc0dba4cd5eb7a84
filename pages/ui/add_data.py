"""Adding a dataset: a path on this machine, or an uploaded zip."""

from __future__ import annotations

import shutil
from typing import IO

import streamlit as st

from jepascore_core.datasets.sources import KINDS, SourceOptions
from jepascore_core.errors import JepaScoreError
from jepascore_core.runs import request_dataset
from pages.ui.cached import store
from pages.ui.errors import show_error

PATH, UPLOAD = "A path on this machine", "Upload a zip"


def draw_add_data(is_open: bool) -> None:
    """The form; what it asks for is indexed in the background."""
    with st.expander("Add data", expanded=is_open, icon=":material/add_photo_alternate:"):
        way = st.segmented_control("Where are the images?", [PATH, UPLOAD], default=PATH, required=True)
        with st.form("add-data", border=False, clear_on_submit=False):
            name = st.text_input("Name", placeholder="What to call the dataset", max_chars=100)
            source = upload = None
            if way == UPLOAD:
                upload = st.file_uploader("Zip with images", type="zip")
            else:
                source = st.text_input(
                    "Path",
                    placeholder="/data/photographs",
                    help="A folder (a sub-folder for each class, or flat), a CSV, TSV, JSONL or Parquet table that "
                    "lists images, a zip, or MNIST idx files.",
                )
            options = _options()
            if st.form_submit_button("Add", type="primary", icon=":material/add:"):
                _add(name.strip(), source, upload, options)


def _options() -> SourceOptions:
    with st.popover("Options", icon=":material/tune:"):
        st.caption("Everything is found by itself unless given here. Columns matter for tables only.")
        kind = st.selectbox("Kind", [None, *KINDS], format_func=lambda item: item or "found by itself")
        columns = [st.text_input(label) or None for label in ("Path column", "Label column", "Split column")]
        root = st.text_input("Root of relative paths", help="Also allows a table to list images below this folder.")
    return SourceOptions(kind, *columns, root=root or None)


def _add(name: str, source: str | None, upload: IO[bytes] | None, options: SourceOptions) -> None:
    if not name or not (source or upload):
        st.error("Give a name, and a path or a zip.")
        return
    try:
        request_dataset(store(), name, source or _keep(name, upload), options)
    except JepaScoreError as error:
        show_error(error)
        return
    st.rerun()


def _keep(name: str, upload: IO[bytes] | None) -> str:
    """Keep an uploaded zip in the home folder, where the worker finds it."""
    folder = store().home / "uploads"
    folder.mkdir(exist_ok=True)
    # The name is a person's words, hence not a file name.
    path = folder / f"{name.encode().hex()[:120]}.zip"
    with path.open("wb") as sink:
        shutil.copyfileobj(upload, sink)
    return str(path)
