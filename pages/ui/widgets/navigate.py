"""Open another page, after a click on something that is not a link."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import urlencode

from pages.ui.widgets.components import component

_mount = component("navigate")


def navigate(page: str, parameters: Mapping[str, str]) -> None:
    """Open a page, such as "pages/explore.py", with these parameters and no others.

    `st.switch_page` writes the parameters into the address of the page that is left, before it leaves it. Who goes back
    would come to that address, and the menu take along from there what was never chosen.
    """
    _mount(key="navigate", data={"url": url_of(page, parameters), "token": secrets.token_hex(8)})


def url_of(page: str, parameters: Mapping[str, str]) -> str:
    """Return the address of a page below the folder of the app."""
    name = PurePosixPath(page).stem
    path = "." if name == "app" else name
    return f"{path}?{urlencode(parameters)}" if parameters else path
