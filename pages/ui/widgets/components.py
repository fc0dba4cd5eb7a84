"""Components of our own: scripts that share what they know of keys, decisions and elements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui.widgets.keys import KEYS

_FOLDER = Path(__file__).parent / "gallery_component"


def component(name: str) -> Any:
    """The component of NAME.html, NAME.css and NAME.js; before its own come the style and script of desk."""
    css, js = ("\n".join(_read(f"{part}.{kind}") for part in ("desk", name)) for kind in ("css", "js"))
    script = f"const KEYS = {json.dumps(KEYS)};\n{js}"
    return st.components.v2.component(f"jepascore_{name}", html=_read(f"{name}.html"), css=css, js=script)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
