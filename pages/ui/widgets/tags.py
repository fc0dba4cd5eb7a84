"""The tags of a dataset: which there are, their keys and colours; add, rename, merge and delete them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from jepascore_core.curation.tags import (
    DIGITS,
    MAX_TAG,
    TAG_COLOURS,
    Tag,
    create_tag,
    delete_tag,
    rename_tag,
    set_tag,
    tag_list,
)
from jepascore_core.errors import JepaScoreError
from jepascore_core.formatting import count_text
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.widgets import texts

_NEW, _PICKED, _NAME, _COLOUR, _DIGIT = "tag-new", "tag-picked", "tag-name", "tag-colour", "tag-digit"


def draw_tags(dataset_id: str, who: str) -> None:
    """Draw a button that opens the list of tags, with a form to change one of them."""
    tags = tag_list(store(), dataset_id)
    with st.popover(texts.tags_title(len(tags)), icon=":material/sell:", key="tags"):
        st.caption(texts.TAGS_ABOUT)
        for tag in tags:
            st.markdown(texts.tag_line(plain(tag.name), count_text(tag.num_samples), tag.colour, tag.digit))
        st.text_input(
            texts.NEW_TAG, key=_NEW, max_chars=MAX_TAG, placeholder=texts.NEW_TAG_EXAMPLE, on_change=_create,
            args=(dataset_id,),
        )  # fmt: skip
        if tags:
            _draw_change(dataset_id, who, tags)


def _draw_change(dataset_id: str, who: str, tags: tuple[Tag, ...]) -> None:
    by_name = {tag.name: tag for tag in tags}
    picked = by_name[st.selectbox(texts.CHANGE_TAG, list(by_name), key=_PICKED)]
    name = st.text_input(texts.TAG_NAME, picked.name, key=f"{_NAME}-{picked.name}", max_chars=MAX_TAG).strip()
    left, right = st.columns(2)
    colour = left.selectbox(
        texts.TAG_COLOUR, TAG_COLOURS, TAG_COLOURS.index(picked.colour), key=f"{_COLOUR}-{picked.name}"
    )
    digits = [None, *DIGITS] if picked.digit is None else [*DIGITS]
    digit = right.selectbox(
        texts.TAG_KEY, digits, digits.index(picked.digit), key=f"{_DIGIT}-{picked.name}",
        format_func=lambda number: texts.NO_KEY if number is None else str(number),
    )  # fmt: skip

    def save() -> None:
        set_tag(store(), dataset_id, picked.name, colour=colour, digit=digit)
        if name != picked.name:
            rename_tag(store(), dataset_id, picked.name, name, who, merge=name in by_name)

    def delete() -> None:
        delete_tag(store(), dataset_id, picked.name, who)

    is_merge = name != picked.name and name in by_name
    with st.container(horizontal=True):
        title = texts.merge_tag(plain(name)) if is_merge else texts.SAVE_TAG
        st.button(title, key="tag-save", type="primary", on_click=_tried, args=(save,))
        st.button(
            texts.DELETE_TAG, key="tag-delete", icon=":material/delete:", on_click=_tried, args=(delete,),
            help=texts.DELETE_TAG_HELP,
        )  # fmt: skip


def _create(dataset_id: str) -> None:
    name = st.session_state[_NEW].strip()
    if name:
        _tried(lambda: create_tag(store(), dataset_id, name))
    st.session_state[_NEW] = ""


def _tried(change: Callable[[], None]) -> None:
    """Change tags from a callback; say why where that fails."""
    try:
        change()
    except JepaScoreError as error:
        st.toast(plain(str(error)), icon=":material/error:")
