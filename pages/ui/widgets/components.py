"""Components of our own. Their scripts are ES modules, which the browser fetches by HTTP and keeps.

Streamlit hands a component one script as text, which cannot import by relative paths. So this one says only where the
modules are: `scripts/VERSION/NAME.js` below the page's folder, as images are. Another version has another address.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
import xxhash
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pages.ui.app.routes import FOREVER

_FOLDER = Path(__file__).parent / "gallery_component"
#: What could not be fetched, for instance while the server starts, is asked for once more.
_LOADER = """const modules = new URL("scripts/{version}/", document.baseURI);
const load = () => import(new URL("{name}.js", modules));
const {{ default: draw }} = await load().catch(load);
export default draw;
"""


def component(name: str, *styles: str) -> Any:
    """The component of NAME.html, NAME.css, which comes after the style of all and those named, and NAME.js."""
    css = "\n".join((_FOLDER / f"{part}.css").read_text(encoding="utf-8") for part in ("desk", *styles, name))
    html = (_FOLDER / f"{name}.html").read_text(encoding="utf-8")
    script = _LOADER.format(version=scripts_version(), name=name)
    return st.components.v2.component(f"jepascore_{name}", html=html, css=css, js=script)


def open_component(name: str) -> Any:
    """The component of NAME.html, NAME.css and NAME.js within the page's own document instead of one of its own.

    Its elements can be named by others of the page, as a list by its text field; its style has to keep to itself.
    """
    css, html = ((_FOLDER / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("css", "html"))
    script = _LOADER.format(version=scripts_version(), name=name)
    return st.components.v2.component(f"jepascore_{name}", html=html, css=css, js=script, isolate_styles=False)


def script_routes() -> list[BaseRoute]:
    """The routes of the modules, under any base as those of images."""
    return [Route("/{base:path}scripts/{version}/{name}.js", _script)]


def scripts_version() -> str:
    """A hash over the names and texts of all modules."""
    total = xxhash.xxh3_128()
    for name, text in _scripts().items():
        total.update(f"{name}\0{len(text)}\0".encode() + text)
    return total.hexdigest()


@cache
def _scripts() -> dict[str, bytes]:
    """The modules by name, as they were when the server started: a version never changes under its address."""
    return {path.stem: path.read_bytes() for path in sorted(_FOLDER.glob("*.js"))}


def _script(request: Request) -> Response:
    text = _scripts().get(request.path_params["name"])
    if text is None or request.path_params["version"] != scripts_version():
        return PlainTextResponse("No such script.", 404, {"Cache-Control": "no-store"})
    headers = {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/javascript", headers=headers)
