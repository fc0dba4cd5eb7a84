"""Choosing backbones: searchable, with licence, cost on this machine, where the weights are, and what to beware of."""

from __future__ import annotations

import streamlit as st

from jepascore_core.backbones.bundled_encoder import backbone_name
from jepascore_core.views.zoo import SEPARATOR, BackboneOption, backbone_options, cost_basis
from pages.ui import state
from pages.ui.cached import store
from pages.ui.text import plain


def pick_backbones() -> list[str]:
    """Names of the chosen backbones, known ones or typed, with cautions below.

    Raises:
        UnknownNameError: for a path where no encoder is.
    """
    options = {option.name: option for option in backbone_options(store())}
    chosen = st.multiselect(
        "Backbones",
        list(options),
        format_func=lambda name: options[name].label if name in options else name,
        accept_new_options=True,
        placeholder="Choose, or type timm:<name>, open_clip:<name>:<tag>, hf:<owner>/<name> or a path",
        # A fuzzy match would swallow a name that is typed in whole; all at once is nothing to offer by the way.
        filter_mode="contains",
        select_all=False,
        key=state.widget_key("new-backbones"),
    )
    # A label that has changed since it was chosen, since a cost was measured meanwhile, comes back as if it were typed.
    names = list(dict.fromkeys(backbone_name(value.partition(SEPARATOR)[0]) for value in chosen))
    st.caption(plain(cost_basis(store())))
    _draw_cautions([options[name] for name in names if name in options])
    return names


def _draw_cautions(chosen: list[BackboneOption]) -> None:
    for option in chosen:
        if option.cautions:
            st.caption(f":material/info: **{plain(option.name)}**: {plain(' '.join(option.cautions))}")
