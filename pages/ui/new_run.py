"""Asking for a run: dataset, backbones, weights, and what it will cost."""

from __future__ import annotations

from typing import Any

import streamlit as st

from jepascore_core.errors import JepaScoreError
from jepascore_core.records import BackboneRef, CostProbe, ProbeResult, ProbeState
from jepascore_core.runs import request_probe, request_run
from jepascore_core.views.choices import DatasetChoice
from jepascore_core.views.formats import bytes_text, count_text, duration_text, plural
from pages.ui import state
from pages.ui.backbones import pick_backbones
from pages.ui.cached import store
from pages.ui.errors import errors_shown, show_error
from pages.ui.estimators import pick_estimator
from pages.ui.pick import pick_one
from pages.ui.text import plain

DEVICES = ("auto", "cpu", "cuda", "mps")
PROBE_POLL_SECONDS = 1.0


@errors_shown()
def draw_new_run(datasets: tuple[DatasetChoice, ...]) -> None:
    """Choices, the buttons, and the answers of cost probes."""
    with st.container(border=True, key="new-run"):
        st.subheader("New run", anchor=False)
        options = {choice.dataset_id: choice.name for choice in datasets}
        dataset_id = pick_one("Dataset", state.DATASET, options, resets=(state.LABEL, state.SAMPLE, state.PAGE))
        names = pick_backbones()
        refs, device = _refine(names)
        options = pick_estimator()
        if dataset_id is not None:
            _draw_buttons(dataset_id, refs, {"device": device, **options})
            draw_probes(dataset_id)


def _refine(names: list[str]) -> tuple[list[BackboneRef], str]:
    """What differs from a backbone's own settings; it applies to all that are chosen."""
    with st.expander("Own weights, pooling, size and device"):
        checkpoint = st.text_input(
            "Checkpoint", placeholder="/weights/encoder.safetensors, a weights-only .pth, or a folder"
        )
        columns = st.columns(5)
        image_size = columns[0].number_input("Image size", 8, 2048, value=None, placeholder="own")
        mean = columns[1].text_input("Mean", placeholder="0.5, 0.5, 0.5")
        std = columns[2].text_input("Std", placeholder="0.5, 0.5, 0.5")
        pooling = columns[3].selectbox(
            "Pooling", [None, "token", "avg", "projection"], format_func=lambda p: p or "own"
        )
        device = columns[4].selectbox("Device", DEVICES)
        offline = st.checkbox("Offline: never try the network for weights")
    settings = {
        "checkpoint": checkpoint.strip() or None,
        "pooling": pooling,
        "image_size": image_size,
        "mean": _channels(mean),
        "std": _channels(std),
        "offline": offline,
    }
    return [BackboneRef(name, **settings) for name in names], device


def _channels(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(item) for item in text.split(",")) if text.strip() else None
    except ValueError:
        raise JepaScoreError(
            f"Mean and std are numbers separated by commas, such as 0.5, 0.5, 0.5, not {text!r}."
        ) from None


@errors_shown()
def _draw_buttons(dataset_id: str, refs: list[BackboneRef], options: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        start = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not refs)
        hint = "Times a few images on the worker's device."
        predict = st.button("Predict cost", icon=":material/timer:", disabled=not refs, help=hint)
    if predict:
        probes = [request_probe(store(), dataset_id, ref, **options) for ref in refs]
        st.session_state[state.PROBES] = [probe.probe_id for probe in probes]
    if start:
        for ref in refs:
            request_run(store(), dataset_id, ref, **options)
        st.session_state.pop(state.PROBES, None)
        st.rerun()


def draw_probes(dataset_id: str) -> None:
    """Answers to this visit's cost probes of a dataset; polls until all are there."""
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
    probes = (store().catalogue.probe(probe_id) for probe_id in st.session_state.get(state.PROBES, []))
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
