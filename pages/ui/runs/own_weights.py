"""Say what a checkpoint of somebody's own looks like, and fill in what goes with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from jepascore_core.backbones.checkpoint_shapes import CHANNEL_PRESETS, Recognised, checkpoint_shapes, recognise
from jepascore_core.errors import CheckpointError
from pages.ui.app import state
from pages.ui.app.errors import show_error
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.widgets.url_widgets import open_part


def draw_checkpoint_hints(checkpoint: str, names: Sequence[str]) -> None:
    """Draw which architecture a checkpoint has, with a button that chooses it, unless it is chosen already."""
    if not checkpoint.strip():
        return
    try:
        shapes = checkpoint_shapes(checkpoint.strip())
    except CheckpointError as error:
        show_error(error)
        return
    found = recognise(shapes) if shapes is not None else None
    if found is None:
        st.caption(texts.SHAPES_UNKNOWN if shapes is not None else texts.SHAPES_UNREAD)
        return
    st.markdown(f":material/auto_awesome: {plain(texts.recognised(found))}")
    if list(names) != [found.backbone]:
        st.button(texts.use_backbone(found.backbone), on_click=_use, args=(found,), icon=":material/check:")


def _use(found: Recognised) -> None:
    state.write(state.MEASURE_WITH, [found.backbone])
    if found.image_size is not None:
        state.write(state.IMAGE_SIZE, found.image_size)


def draw_channel_presets() -> None:
    """Draw a button for each usual mean and std."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(texts.PRESETS, width="content")
        for name, (mean, std) in CHANNEL_PRESETS.items():
            st.button(
                texts.PRESET_TITLES[name], key=f"channels-{name}", type="tertiary", on_click=_fill_in, args=(mean, std)
            )


def _fill_in(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    for name, values in ((state.MEAN, mean), (state.STD, std)):
        state.write(name, ", ".join(f"{value:g}" for value in values))


def draw_missing_weights(names: Sequence[str], details: str) -> None:
    """Say which backbones need a checkpoint, with a button that opens the part of the form named `details`."""
    st.info(plain(texts.needs_checkpoint(names)), icon=":material/upload_file:")
    st.button(texts.GIVE_CHECKPOINT, on_click=open_part, args=(details,), icon=":material/arrow_downward:")
