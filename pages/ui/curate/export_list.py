"""Draw the exports of the worker as cards with progress, outcome and actions."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.exporters import cancel_export, repeat_export
from jepascore_core.views.progress import Progress, export_progress
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.curate import texts
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.task_card import task_card

POLL_SECONDS = 1.0
#: Ended exports shown beside running ones.
MAX_ENDED = 5


def draw_export_list(dataset_id: str) -> None:
    """Draw the exports of a dataset, every second while one is running."""
    shown = _exports(dataset_id)
    if shown:
        every = POLL_SECONDS if any(item.is_active for item in shown) else None
        fragment(partial(_draw_list, dataset_id), every)


def _exports(dataset_id: str) -> list[Progress]:
    name = store().catalogue.dataset(dataset_id).name
    found = [export_progress(request, name) for request in store().catalogue.exports(dataset_id)]
    ended = [item for item in found if not item.is_active]
    return [item for item in found if item.is_active] + ended[:MAX_ENDED]


def _draw_list(dataset_id: str) -> None:
    st.markdown(f"**{texts.WRITTEN}**")
    for item in _exports(dataset_id):
        _draw_one(item)


def _draw_one(item: Progress) -> None:
    task_card(
        f"export-{item.identifier}", item.state, item.short_title, item.state_text,
        item.fraction if item.is_active else None, [_facts(item)], partial(_draw_actions, item),
        f"{item.message} {texts.NOTHING_LEFT}" if item.state == "failed" else "",
    )  # fmt: skip


def _facts(item: Progress) -> list[str]:
    if item.is_active:
        facts = [item.counts_text or item.message, item.rate_text, item.time_left_text]
        return facts if any(facts) else [texts.WAITING]
    if item.state == "finished":
        return [item.message, texts.took(item.elapsed_text) if item.elapsed_text else ""]
    return [item.title, texts.NOTHING_LEFT if item.state == "cancelled" else ""]


def _draw_actions(item: Progress) -> None:
    key, arguments = item.identifier, (store(), item.identifier)
    if item.is_active:
        st.button(texts.CANCEL, key=f"cancel-{key}", on_click=cancel_export, args=arguments, disabled=item.is_stopping)
        return
    if item.state != "finished":
        st.button(
            texts.TRY_AGAIN, key=f"again-{key}", on_click=discard_result(repeat_export), args=arguments,
            icon=":material/replay:",
        )  # fmt: skip
    remove = store().catalogue.remove_export
    st.button(texts.REMOVE_FROM_LIST, key=f"forget-{key}", on_click=remove, args=(key,), help=texts.REMOVE_HELP)
