"""Images over HTTP, beside Streamlit and without its script: thumbnails, large views, all pixels, untouched originals.

The browser names identifiers only; what file they stand for is looked up here. Every URL is content-addressed, so an
answer may be kept for ever. Pages use the URLs relative to their own (`images/...`), which holds at the root, under
`server.baseUrlPath` and behind a proxy; hence the routes accept any base before `images/`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import PurePath
from urllib.parse import quote

from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from jepascore_core.datasets.content import content_id as content_id_of
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.item_uris import is_item, item_title
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.datasets.signatures import SIGNATURE_BYTES, suffix_of_content
from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.datasets.uris import clean_text, uri_to_path
from jepascore_core.errors import JepaScoreError
from jepascore_core.sensitivity.requests import closeup_folder
from jepascore_core.storage.home import home_folder

#: (dataset id, content id) -> where the bytes are, or None if the dataset has no such image. Called in a thread.
Lookup = Callable[[str, str], str | None]

CONTENT_ID = re.compile(r"[0-9a-f]{32}")
CLOSEUP_NAME = re.compile(r"(input|(leading|trailing)-[0-9]{1,2}-(over|alone))\.png")
DATASET_ID = re.compile(r"[0-9a-z]{26}")
#: Longest side of a large view, and up to which one an image is sent without loss and unscaled, in pixels.
VIEW_SIDE = 1600
LOSSLESS_SIDE = 512
WEBP_QUALITY = 88
FOREVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
}
SHOWN_BY_BROWSERS = (".jpg", ".png", ".webp", ".gif", ".bmp", ".avif")
_HARDENING = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def image_routes(lookup: Lookup) -> list[BaseRoute]:
    """The routes. Endpoints are plain functions, which Starlette runs in its threads."""

    def view(request: Request) -> Response:
        return _from_dataset(request, lookup, _view)

    def pixels(request: Request) -> Response:
        return _from_dataset(request, lookup, _pixels)

    def original(request: Request) -> Response:
        return _from_dataset(request, lookup, _original)

    return [
        Route("/{base:path}images/thumb/{content_id}.webp", thumbnail),
        Route("/{base:path}images/view/{dataset_id}/{content_id}", view),
        Route("/{base:path}images/pixels/{dataset_id}/{content_id}", pixels),
        Route("/{base:path}images/original/{dataset_id}/{content_id}", original),
        Route("/{base:path}images/closeup/{backbone_id}/{content_id}/{name}", closeup),
        Route("/{base:path}images/{rest:path}", _not_found),
    ]


def thumbnail(request: Request) -> Response:
    """The stored thumbnail of an image."""
    content_id = request.path_params["content_id"]
    if not CONTENT_ID.fullmatch(content_id):
        return _not_found(request)
    try:
        data = thumbnail_path(home_folder() / "thumbs", content_id).read_bytes()
    except OSError:
        return _not_found(request)
    return _immutable(request, data, "image/webp", f"thumb-{content_id}")


def closeup(request: Request) -> Response:
    """A picture of a singular vector. It may be made anew by a better engine, so the browser asks each time."""
    backbone_id, content_id, name = (request.path_params[key] for key in ("backbone_id", "content_id", "name"))
    if not (CONTENT_ID.fullmatch(content_id) and CLOSEUP_NAME.fullmatch(name)):
        return _not_found(request)
    try:
        data = (closeup_folder(home_folder(), backbone_id, content_id) / name).read_bytes()
    except (OSError, JepaScoreError):
        return _not_found(request)
    return Response(data, media_type="image/png", headers={"Cache-Control": "no-cache", **_HARDENING})


def _from_dataset(request: Request, lookup: Lookup, answer: Callable[[Request, bytes, str], Response]) -> Response:
    dataset_id, content_id = request.path_params["dataset_id"], request.path_params["content_id"]
    if not (DATASET_ID.fullmatch(dataset_id) and CONTENT_ID.fullmatch(content_id)):
        return _not_found(request)
    try:
        uri = lookup(dataset_id, content_id)
        if uri is None:
            return _not_found(request)
        data = read_bytes(uri)
        # A file that was overwritten since it was indexed is another image: never under this one's address.
        if content_id_of(data) != content_id:
            return _not_found(request)
        return answer(request, data, uri)
    except JepaScoreError:
        return _not_found(request)


def _view(request: Request, data: bytes, _uri: str) -> Response:
    image = decode(data)
    encoded = io.BytesIO()
    if max(image.size) <= LOSSLESS_SIDE:
        image.save(encoded, "PNG")
        return _immutable(request, encoded.getvalue(), "image/png", "view-" + request.path_params["content_id"])
    image.thumbnail((VIEW_SIDE, VIEW_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.save(encoded, "WEBP", quality=WEBP_QUALITY)
    return _immutable(request, encoded.getvalue(), "image/webp", "view-" + request.path_params["content_id"])


def _pixels(request: Request, data: bytes, _uri: str) -> Response:
    """Every pixel of an image: the file itself where browsers can show it, else without loss."""
    tag = "pixels-" + request.path_params["content_id"]
    suffix = suffix_of_content(data[:SIGNATURE_BYTES])
    if suffix in SHOWN_BY_BROWSERS:
        return _immutable(request, data, MEDIA_TYPES[suffix], tag)
    encoded = io.BytesIO()
    decode(data).save(encoded, "PNG", compress_level=1)
    return _immutable(request, encoded.getvalue(), "image/png", tag)


def _original(request: Request, data: bytes, uri: str) -> Response:
    name = _file_name(uri, data)
    media_type = MEDIA_TYPES.get(PurePath(name).suffix.lower(), "application/octet-stream")
    response = _immutable(request, data, media_type, "original-" + request.path_params["content_id"])
    response.headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return response


def _file_name(uri: str, data: bytes) -> str:
    """What a download of this uri is called; an item of a file has its name there, and its own format."""
    if is_item(uri):
        return f"{item_title(uri)}{suffix_of_content(data[:SIGNATURE_BYTES]) or ''}"
    return clean_text(PurePath(uri_to_path(uri)).name)


def _immutable(request: Request, data: bytes, media_type: str, tag: str) -> Response:
    headers = {"Cache-Control": FOREVER, "ETag": f'"{tag}"', **_HARDENING}
    known = {item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


def _not_found(_request: Request) -> Response:
    return PlainTextResponse("No such image.", 404, {"Cache-Control": "no-store", **_HARDENING})
