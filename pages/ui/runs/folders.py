"""Look through the folders of this machine for images, with how many are in each, and choose one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from jepascore_core.datasets.browsing import FolderView, data_roots, look_into
from jepascore_core.errors import SourceError
from pages.ui.app import state
from pages.ui.app.errors import show_error
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts


def draw_folders(choose: Callable[[str], None]) -> None:
    """Draw the folders in a popover; `choose` is a callback that takes the path of the chosen one, before the page."""
    fragment(partial(_draw, choose))


def _draw(choose: Callable[[str], None]) -> None:
    if st.session_state.pop(state.FOLDER_CHOSEN, False):
        st.rerun()
    box = st.popover(texts.BROWSE, icon=":material/folder_open:", key=state.FOLDERS_OPEN, on_change="rerun")
    with box:
        if box.open:
            _draw_view(_view(), choose)


def _view() -> FolderView:
    """Look into the folder of the URL, or list the roots where it is none of theirs any more."""
    roots = data_roots(dataset.source for dataset in store().catalogue.datasets())
    path = state.read_text(state.FOLDER) or (roots[0] if len(roots) == 1 else None)
    try:
        return look_into(path, roots)
    except SourceError as error:
        show_error(error)
        return look_into(None, roots)


def _draw_view(view: FolderView, choose: Callable[[str], None]) -> None:
    if view.path is not None:
        with st.container(horizontal=True, gap="xxsmall", key="folders-above"):
            _open_button(texts.ALL_FOLDERS, None, "")
            for name, path in view.above[:-1]:
                _open_button(name, path, "")
        title = view.above[-1][0]
        total = view.num_images + sum(item.num_images or 0 for item in view.folders)
        is_least = bool(view.num_more) or any(item.is_least for item in view.folders)
        st.markdown(f"**{plain(title)}** · {texts.images(total, is_least)}")
        st.button(
            texts.USE_FOLDER, type="primary", icon=":material/check:", key="use-folder",
            on_click=_choose, args=(choose, view.path), disabled=view.is_empty,
        )  # fmt: skip
    with st.container(gap="xxsmall", height=280 if len(view.folders) + len(view.files) > 6 else "content"):
        for item in view.folders:
            _open_button(item.name, item.path, texts.images(item.num_images, item.is_least), item.num_images is None)
        for name, path in view.files:
            st.button(
                plain(texts.use_file(name)), key=f"use-{path}", icon=":material/table:", type="tertiary",
                on_click=_choose, args=(choose, path),
            )  # fmt: skip
    if view.num_more:
        st.caption(texts.more_folders(view.num_more))
    if view.num_more_files:
        st.caption(texts.more_files(view.num_more_files))
    if not view.folders and not view.files:
        st.caption(texts.NO_FOLDERS)


def _open_button(name: str, path: str | None, count: str, disabled: bool = False) -> None:
    title = f"{plain(name)} · {count}" if count else plain(name)
    st.button(
        title, key=f"open-{path}", icon=":material/folder:", type="tertiary", disabled=disabled,
        on_click=state.write, args=(state.FOLDER, path),
    )  # fmt: skip


def _choose(choose: Callable[[str], None], path: str) -> None:
    st.session_state[state.FOLDERS_OPEN] = False
    st.session_state[state.FOLDER_CHOSEN] = True
    state.write(state.FOLDER, None)
    choose(path)
