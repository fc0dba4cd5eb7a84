"""Choose backbones by name, licence, cost on this machine and location of the weights, with cautions."""

from __future__ import annotations

import streamlit as st

from jepascore_core.backbones.bundled_encoder import backbone_name
from jepascore_core.views.backbones import SEPARATOR, BackboneOption, cost_basis
from jepascore_core.views.suited_backbones import options_for
from pages.ui.app import state
from pages.ui.app.store import store
from pages.ui.app.text import plain
from pages.ui.runs import texts
from pages.ui.runs.backbone_table import draw_backbone_table
from pages.ui.runs.own_weights import draw_missing_weights
from pages.ui.widgets.url_widgets import pick_or_type


def pick_backbones(dataset_id: str | None, details: str) -> list[str]:
    """Names of the backbones chosen for a dataset, known ones or typed, with cautions below.

    `details` is the part of the page where a checkpoint is given.

    Raises:
        UnknownNameError: for a path where no encoder is.
    """
    options = {option.name: option for option in options_for(store(), dataset_id)}
    chosen = pick_or_type(
        texts.BACKBONES,
        state.MEASURE_WITH,
        {name: option.label for name, option in options.items()},
        texts.BACKBONES_HINT,
        # A label changes when a cost was measured meanwhile.
        help=texts.BACKBONES_HELP,
        identify=lambda text: text.partition(SEPARATOR)[0],
    )
    draw_backbone_table(tuple(options.values()))
    names = list(dict.fromkeys(map(backbone_name, chosen)))
    st.caption(plain(cost_basis(store())))
    missing = [name for name in names if name in options and options[name].weights == "to give"]
    if missing and not state.read_text(state.CHECKPOINT):
        draw_missing_weights(missing, details)
    _draw_cautions([options[name] for name in names if name in options])
    return names


def _draw_cautions(chosen: list[BackboneOption]) -> None:
    for option in chosen:
        if option.cautions:
            st.caption(f":material/info: **{plain(option.name)}**: {plain(' '.join(option.cautions))}")
