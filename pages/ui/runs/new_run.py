"""Asking for a run: dataset, backbones, weights, and what it will cost."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from jepascore_core.errors import JepaScoreError, UnknownNameError
from jepascore_core.formatting import bytes_text, count_text, duration_text, plural
from jepascore_core.jobs.requests import request_probe, request_run
from jepascore_core.measuring.specs import PRECISIONS
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import CostProbe, ProbeResult, ProbeState
from jepascore_core.scores.measured import DatasetChoice
from pages.ui.app import state
from pages.ui.app.errors import do_asked, errors_shown, show_error
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs.backbones import pick_backbones
from pages.ui.runs.estimators import pick_estimator
from pages.ui.widgets.url_widgets import pick_count, pick_expander, pick_flag, pick_one, pick_words

OWN = "own"
POOLINGS = {OWN: "own", "token": "token", "avg": "avg", "projection": "projection"}
PREPROCESSINGS = {OWN: "own", "timm": "timm's"}
DEVICES = {name: name for name in ("auto", "cpu", "cuda", "mps")}
PRECISION_TITLES = {name: name for name in ("auto", *PRECISIONS)}
CHECKPOINT_HINT = "/weights/encoder.safetensors, a weights-only .pth, or a folder"
SIZE_HELP = (
    "Side of the square that an image is brought to, in pixels; by itself the size that the encoder was trained with."
)
CHANNELS_HELP = "Of each channel, for values from 0 to 1: a pixel enters the encoder as (value − mean) / std."
POOLING_HELP = (
    "What the embedding is: the class token, the mean of the patch tokens, or the projection into the space that is "
    "shared with text; by itself what the encoder was trained for."
)
PREPROCESSING_HELP = (
    "How images become inputs, positions get another size, and DINOv3's tokens are pooled: by itself as the authors "
    "evaluate their encoder; timm's gives the scores of earlier versions."
)
DEVICE_HELP = "What measures: auto takes all GPUs of this machine, or the processor where there is none."
PRECISION_HELP = (
    "Of the reverse passes; what follows is float64. With auto a run tries faster ones on a few images, and takes one "
    "only where scores stay as good as those of float32."
)
PROBE_POLL_SECONDS = 1.0


@errors_shown()
def draw_new_run(datasets: tuple[DatasetChoice, ...]) -> None:
    """Choices, the buttons, and the answers of cost probes."""
    with st.container(border=True, key="new-run"):
        st.subheader("New run", anchor=False)
        options = {choice.dataset_id: choice.name for choice in datasets}
        dataset_id = pick_one("Dataset", state.DATASET, options, resets=(state.LABEL, state.SAMPLE, state.PAGE))
        names = pick_backbones()
        refs, how = _refine(names)
        how |= pick_estimator()
        if dataset_id is not None:
            dataset = next((choice for choice in datasets if choice.dataset_id == dataset_id), datasets[0])
            requests = [MeasurementRequest(dataset.dataset_id, ref, **how) for ref in refs]
            _draw_buttons(dataset, requests, bool(names))
            draw_probes(dataset_id)


def _refine(names: list[str]) -> tuple[list[BackboneRef], dict[str, Any]]:
    """What differs from a backbone's own settings, and how it is measured; it applies to all that are chosen. Settings
    that cannot be are told, and leave nothing to measure with."""
    box = pick_expander("Own weights, pooling, size, device and precision", "new-run-details")
    with box:
        checkpoint = pick_words("Checkpoint", state.CHECKPOINT, CHECKPOINT_HINT, longest=state.MAX_TEXT)
        columns = st.columns(3)
        with columns[0]:
            image_size = pick_count("Image size", state.IMAGE_SIZE, None, 8, 2048, placeholder="own", help=SIZE_HELP)
        with columns[1]:
            mean = pick_words("Mean", state.MEAN, "own, such as 0.5, 0.5, 0.5", help=CHANNELS_HELP)
        with columns[2]:
            std = pick_words("Std", state.STD, "own, such as 0.5, 0.5, 0.5", help=CHANNELS_HELP)
        with columns[0]:
            pooling = pick_one("Pooling", state.POOLING, POOLINGS, help=POOLING_HELP) or OWN
        with columns[1]:
            device = pick_one("Device", state.DEVICE, DEVICES, help=DEVICE_HELP) or "auto"
        with columns[2]:
            precision = pick_one("Precision", state.PRECISION, PRECISION_TITLES, help=PRECISION_HELP) or "auto"
        with columns[0]:
            way = pick_one("Preprocessing", state.PREPROCESSING, PREPROCESSINGS, help=PREPROCESSING_HELP) or OWN
        offline = pick_flag("Offline: never try the network for weights", state.OFFLINE)
    how: dict[str, Any] = {"device": device, "precision": precision}
    try:
        channels = {"mean": _channels(mean), "std": _channels(std)}
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


def _draw_changes(settings: dict[str, Any]) -> None:
    """What a link may have set in the part of the form that is closed."""
    changed = []
    for name, value in settings.items():
        if value not in (None, False, "auto"):
            shown = "" if value is True else ", ".join(map(str, value)) if isinstance(value, tuple) else value
            changed.append(f"{name.replace('_', ' ')} {shown}".strip())
    if changed:
        st.caption(plain(f"With {' · '.join(changed)}"))


def _channels(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(item) for item in text.split(",")) if text.strip() else None
    except ValueError:
        raise JepaScoreError(
            f"Mean and std are numbers separated by commas, such as 0.5, 0.5, 0.5, not {text!r}."
        ) from None


def _draw_buttons(dataset: DatasetChoice, requests: list[MeasurementRequest], is_chosen: bool) -> None:
    with st.container(horizontal=True):
        hint = None if requests else "Mend what is wrong above." if is_chosen else "Choose a backbone first."
        start = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not requests, help=hint)
        hint = hint or "Times a few images on the worker's device."
        predict = st.button("Predict cost", icon=":material/timer:", disabled=not requests, help=hint)
    act = _start if start else _predict if predict else None
    do_asked("new-run", (dataset, tuple(requests)), partial(act, requests) if act else None)


def _predict(requests: list[MeasurementRequest]) -> None:
    probes = [request_probe(store(), request) for request in requests]
    state.write(state.PROBES, [probe.probe_id for probe in probes])


def _start(requests: list[MeasurementRequest]) -> None:
    for request in requests:
        request_run(store(), request)
    state.write(state.PROBES, None)
    st.rerun()


def draw_probes(dataset_id: str) -> None:
    """Answers to the cost probes of a dataset that the URL names; polls until all are there."""
    probes = _probes(dataset_id)
    if probes:
        is_waiting = any(probe.state is ProbeState.QUEUED for probe in probes)
        st.fragment(_draw_probes, run_every=PROBE_POLL_SECONDS if is_waiting else None)(dataset_id, is_waiting)


@errors_shown()
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
        st.markdown(f":material/hourglass_empty: **{name}**: timing a few images on the worker's device")
    else:
        st.markdown(f":material/timer: **{name}**: {_cost_text(probe.result)}")


def _cost_text(found: ProbeResult) -> str:
    if not found.num_pending:
        return f"all {count_text(found.num_total)} images are measured already"
    each = f"{duration_text(found.seconds_per_image)} each (K = {found.dimension}"
    memory = f", {bytes_text(found.peak_bytes)} of memory" if found.peak_bytes else ""
    faster = ", or less: the run first tries a faster precision on a few images" if found.may_be_faster else ""
    some = f"{count_text(found.num_pending)} of " if found.num_pending < found.num_total else ""
    return (
        f"about **{duration_text(found.seconds_total)}** on {found.device} for {some}"
        f"{plural(found.num_total, 'image')}, {each}{memory}) in {found.precision}{faster}"
    )
