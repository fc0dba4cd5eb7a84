"""Offer to train an encoder on the images of a dataset, and show how far a training is."""

from __future__ import annotations

from functools import partial

import streamlit as st

from jepascore_core.formatting import duration_text
from jepascore_core.jobs.trainings import (
    Training,
    cancel_training,
    encoder_name,
    find_training,
    is_trained,
    request_training,
    training_seconds,
)
from jepascore_core.scores.measured import DatasetChoice
from pages.ui.app.errors import do_asked
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.runs import texts
from pages.ui.widgets.callbacks import discard_result
from pages.ui.widgets.task_card import task_card

POLL_SECONDS = 1.0


def draw_training(dataset: DatasetChoice) -> None:
    """Draw a button with the estimated time, or the progress; nothing once there is such an encoder."""
    if not dataset.has_index:
        return
    name = encoder_name(store().catalogue.dataset(dataset.dataset_id))
    found = find_training(store(), name)
    if found is not None:
        fragment(partial(_draw_progress, name), POLL_SECONDS if found.is_active else None)
    elif not is_trained(store(), name):
        _draw_offer(dataset)


def _draw_offer(dataset: DatasetChoice) -> None:
    seconds = duration_text(training_seconds(store(), dataset.num_images))
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(texts.train(seconds), icon=":material/model_training:", help=texts.TRAIN_HELP, key="train")
    do_asked("train", dataset.dataset_id, partial(_request, dataset.dataset_id) if pressed else None)


def _request(dataset_id: str) -> None:
    request_training(store(), dataset_id)
    st.rerun()


def _draw_progress(name: str) -> None:
    item = find_training(store(), name)
    if item is None:
        st.rerun()  # the whole page: it is done or cancelled
    left = texts.left(duration_text(item.seconds_left)) if item.seconds_left is not None else ""
    task_card(
        f"training-{name}", item.state, texts.training(name), texts.TRAINING_STATES[item.state],
        item.share if item.is_active else None, [[left]], partial(_draw_actions, item), item.message,
    )  # fmt: skip


def _draw_actions(item: Training) -> None:
    if item.is_active:
        st.button("Cancel", key=f"cancel-training-{item.name}", on_click=cancel_training, args=(store(), item.name))
        return
    st.button(
        texts.TRY_AGAIN, key=f"again-training-{item.name}", on_click=discard_result(request_training),
        args=(store(), item.dataset_id), icon=":material/replay:",
    )  # fmt: skip
    st.button(
        texts.REMOVE_FROM_LIST, key=f"forget-training-{item.name}", on_click=cancel_training, args=(store(), item.name)
    )
