"""Request a run: dataset, backbones, settings, and predicted cost."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from jepascore_core.backbones.augmentation import parse_augmentation
from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.jobs.requests import request_probe, request_run
from jepascore_core.measuring.specs import MOST_VIEWS, PRECISIONS
from jepascore_core.records.augmentation import AUTO
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import CostProbe, ProbeState
from jepascore_core.scores.measured import DatasetChoice
from pages.ui.app import state
from pages.ui.app.errors import do_asked, errors_shown, show_error
from pages.ui.app.fragments import fragment
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.runs.backbones import pick_backbones
from pages.ui.runs.estimators import pick_estimator, pick_pilot
from pages.ui.runs.own_weights import draw_channel_presets, draw_checkpoint_hints
from pages.ui.runs.training import draw_training
from pages.ui.widgets.choose_scores import OF_A_DATASET
from pages.ui.widgets.url_widgets import pick_count, pick_expander, pick_flag, pick_one, pick_words

OWN = "own"
#: The part of the form with the settings of backbones.
DETAILS = "new-run-details"
DEVICES = {name: name for name in ("auto", "cpu", "cuda", "mps")}
PRECISION_TITLES = {name: name for name in ("auto", *PRECISIONS)}
PROBE_POLL_SECONDS = 1.0


@errors_shown()
def draw_new_run(datasets: tuple[DatasetChoice, ...]) -> None:
    """Draw the choices, the buttons, and the results of cost probes."""
    with st.container(border=True, key="new-run"):
        st.subheader(texts.NEW_RUN, anchor=False)
        options = {choice.dataset_id: choice.name for choice in datasets}
        dataset_id = pick_one("Dataset", state.DATASET, options, resets=OF_A_DATASET)
        names = pick_backbones(dataset_id, DETAILS)
        chosen = next((choice for choice in datasets if choice.dataset_id == dataset_id), None)
        if chosen is not None:
            draw_training(chosen)
        refs, how = _refine(names)
        how |= pick_estimator()
        how |= pick_pilot(how["estimator"])
        if chosen is not None:
            requests = [MeasurementRequest(chosen.dataset_id, ref, **how) for ref in refs]
            _draw_buttons(chosen, requests, bool(names))
            draw_probes(chosen.dataset_id)


def _refine(names: list[str]) -> tuple[list[BackboneRef], dict[str, Any]]:
    """Return the chosen backbones with changed settings, and how to measure; changes apply to all of them.

    Invalid settings are shown as errors, and leave no backbones.
    """
    box = pick_expander(texts.ADVANCED, DETAILS)
    with box:
        # In a container of their own: a hint that came between would move the fields below, and what is being typed
        # there would be lost.
        with st.container():
            checkpoint = pick_words(texts.CHECKPOINT, state.CHECKPOINT, texts.CHECKPOINT_HINT, longest=state.MAX_TEXT)
            draw_checkpoint_hints(checkpoint, names)
        draw_channel_presets()
        columns = st.columns(3)
        with columns[0]:
            image_size = pick_count(
                texts.IMAGE_SIZE, state.IMAGE_SIZE, None, 8, 2048, placeholder=texts.DEFAULT, help=texts.IMAGE_SIZE_HELP
            )
        with columns[1]:
            mean = pick_words(texts.MEAN, state.MEAN, texts.CHANNELS_HINT, help=texts.CHANNELS_HELP)
        with columns[2]:
            std = pick_words(texts.STD, state.STD, texts.CHANNELS_HINT, help=texts.CHANNELS_HELP)
        with columns[0]:
            pooling = pick_one(texts.POOLING, state.POOLING, texts.POOLINGS, help=texts.POOLING_HELP) or OWN
        with columns[1]:
            device = pick_one(texts.DEVICE, state.DEVICE, DEVICES, help=texts.DEVICE_HELP) or "auto"
        with columns[2]:
            precision = (
                pick_one(texts.PRECISION, state.PRECISION, PRECISION_TITLES, help=texts.PRECISION_HELP) or "auto"
            )
        with columns[0]:
            way = pick_one(
                texts.PREPROCESSING, state.PREPROCESSING, texts.PREPROCESSINGS, help=texts.PREPROCESSING_HELP
            )
        with columns[1]:
            views = pick_count(texts.VIEWS, state.VIEWS, 1, 1, MOST_VIEWS, help=texts.VIEWS_HELP) or 1
        with columns[2]:
            augmentation = pick_words(
                texts.AUGMENTATION, state.AUGMENTATION, texts.AUGMENTATION_HINT, help=texts.AUGMENTATION_HELP
            )
        offline = pick_flag(texts.OFFLINE, state.OFFLINE)
    how: dict[str, Any] = {"device": device, "precision": precision}
    try:
        channels = {"mean": _channels(mean), "std": _channels(std)}
        how |= {"views": views, "augmentation": _augmentation(augmentation)}
    except JepaScoreError as error:
        show_error(error)
        return [], how
    settings: dict[str, Any] = {
        "checkpoint": checkpoint.strip() or None,
        "pooling": None if pooling == OWN else pooling,
        "image_size": image_size,
        **channels,
        "offline": offline,
        "preprocessing": None if way == OWN else way,
    }
    if not box.open:
        _draw_changes({**settings, **how})
    return [BackboneRef(name, **settings) for name in names], how


def _augmentation(text: str) -> str:
    text = text.strip() or AUTO
    if text != AUTO:
        parse_augmentation(text)
    return text


def _draw_changes(settings: dict[str, Any]) -> None:
    """Draw the settings that a link may have changed in the closed part of the form."""
    changed = []
    for name, value in settings.items():
        if value not in (None, False, "auto") and (name, value) != ("views", 1):
            shown = "" if value is True else ", ".join(map(str, value)) if isinstance(value, tuple) else value
            changed.append(f"{name.replace('_', ' ')} {shown}".strip())
    if changed:
        st.caption(plain(texts.changed(" · ".join(changed))))


def _channels(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(item) for item in text.split(",")) if text.strip() else None
    except ValueError:
        raise JepaScoreError(texts.not_numbers(text)) from None


def _draw_buttons(dataset: DatasetChoice, requests: list[MeasurementRequest], is_chosen: bool) -> None:
    with st.container(horizontal=True):
        hint = None if requests else texts.FIX_FIRST if is_chosen else texts.CHOOSE_FIRST
        start = st.button(texts.START, type="primary", icon=":material/play_arrow:", disabled=not requests, help=hint)
        hint = hint or texts.PREDICT_HELP
        predict = st.button(texts.PREDICT, icon=":material/timer:", disabled=not requests, help=hint)
    act = _start if start else _predict if predict else None
    do_asked("new-run", (dataset, tuple(requests)), partial(act, requests) if act else None)


def _predict(requests: list[MeasurementRequest]) -> None:
    probes = [request_probe(store(), request) for request in requests]
    state.write(state.PROBES, [probe.probe_id for probe in probes])


def _start(requests: list[MeasurementRequest]) -> None:
    for request in requests:
        request_run(store(), request)
    state.write(state.PROBES, None)
    st.toast(plain(texts.started([request.backbone.name for request in requests])), icon=":material/play_circle:")
    st.rerun()


def draw_probes(dataset_id: str) -> None:
    """Draw the results of the cost probes of a dataset that the URL names; poll until all are there."""
    probes = _probes(dataset_id)
    if probes:
        is_waiting = any(probe.state is ProbeState.QUEUED for probe in probes)
        fragment(partial(_draw_probes, dataset_id, is_waiting), PROBE_POLL_SECONDS if is_waiting else None)


def _draw_probes(dataset_id: str, was_waiting: bool) -> None:
    probes = _probes(dataset_id)
    for probe in probes:
        _draw_probe(probe)
    if was_waiting and all(probe.state is not ProbeState.QUEUED for probe in probes):
        st.rerun()  # nothing is left to poll for


def _probes(dataset_id: str) -> list[CostProbe]:
    probes = []
    for probe_id in state.read_ids(state.PROBES):
        with suppress(UnknownNameError):  # of another home folder, or mistyped
            probes.append(store().catalogue.probe(probe_id))
    return [probe for probe in probes if probe.dataset_id == dataset_id]


def _draw_probe(probe: CostProbe) -> None:
    name = plain(probe.backbone.name)
    if probe.state is ProbeState.FAILED:
        show_error(JepaScoreError(f"{probe.backbone.name}: {probe.message}"))
    elif probe.result is None:
        st.markdown(f":material/hourglass_empty: {texts.timing(name)}")
    else:
        st.markdown(f":material/timer: **{name}**: {texts.cost(probe.result)}")
