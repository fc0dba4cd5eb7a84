"""Draw one large image with a link to its original file."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import streamlit as st

from pages.ui.sample.texts import ORIGINAL_FILE

#: Images below this are enlarged by a whole factor and shown as squares of pixels, longest side in pixels.
TINY_SIDE = 128
SHOWN_SIDE = 384


def picture(dataset_id: str, content_id: str, name: str, width: int, height: int) -> None:
    """Draw an image of a dataset as large as the column allows; `name` is its description, sizes are in pixels."""
    st.html(picture_html(dataset_id, content_id, name, width, height))


def picture_html(dataset_id: str, content_id: str, name: str, width: int, height: int) -> str:
    """Return the markup; every external part is escaped."""
    address = f"{quote(dataset_id, safe='')}/{quote(content_id, safe='')}"
    longest = max(width, height, 1)
    factor = max(1, SHOWN_SIDE // longest) if longest < TINY_SIDE else 1
    scaling = "image-rendering: pixelated;" if longest < TINY_SIDE else ""
    return (
        f'<img src="images/view/{address}" alt="{escape(name)}" width="{width * factor}" height="{height * factor}" '
        f'style="display: block; max-width: 100%; height: auto; max-height: 75vh; object-fit: contain; '
        f'object-position: left; {scaling}">'
        f'<a href="images/original/{address}" download style="font-size: 0.875rem; color: inherit">{ORIGINAL_FILE}</a>'
    )
