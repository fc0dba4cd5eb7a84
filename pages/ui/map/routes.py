"""What a map shows over HTTP, beside Streamlit and without its script, as bytes that the browser keeps.

Each address names the state of what it answers, so an answer never changes; one about another state is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from jepascore_core.curation import parse
from jepascore_core.curation.columns.layouts import find_kept
from jepascore_core.embeddings.layout import LAYOUT_KINDS
from jepascore_core.errors import JepaScoreError, RuleError, StoreError, matching
from jepascore_core.storage.store import Store
from jepascore_core.views.map_colours import Colouring, colouring, colouring_state
from jepascore_core.views.map_points import listed_bits, map_sample, place_bytes
from pages.ui.app.routes import DATASET_ID, FOREVER
from pages.ui.explore.routes import FILTER, WHICH, query_of
from pages.ui.map import texts

KIND, IDENTITY, BY, RULES, VERSION, STATE, ROW = "kind", "layout", "by", "rules", "version", "state", "row"
_BYTES = "application/octet-stream"
_SAFE = {"X-Content-Type-Options": "nosniff"}
_OFTEN = {"Cache-Control": "no-store", **_SAFE}

__all__ = ["BY", "FILTER", "IDENTITY", "KIND", "RULES", "STATE", "VERSION", "WHICH", "map_routes"]


def map_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the routes, under any base as those of images."""

    def route(name: str, answer: Callable[[Store, str, Request], Response]) -> BaseRoute:
        def endpoint(request: Request) -> Response:
            dataset_id = request.path_params["dataset_id"]
            if not DATASET_ID.fullmatch(dataset_id):
                return _problem("There is no such dataset.", 404)
            try:
                return answer(store(), dataset_id, request)
            except JepaScoreError as error:
                return _problem(str(error), 400)

        return Route(f"/{{base:path}}map/{{dataset_id}}/{name}", endpoint)

    return [route("places", _places), route("colours", _colours), route("listed", _listed), route("sample", _sample)]


def _places(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    scores = query_of(dataset_id, given).scores
    kind = matching(given.get(KIND), LAYOUT_KINDS)
    identity = given.get(IDENTITY, "")
    layout = find_kept(store, scores, kind, identity) if kind is not None and identity.isalnum() else None
    if layout is None:
        raise StoreError(texts.MAP_IS_GONE)
    if given.get(VERSION) != _version(store, dataset_id):
        raise StoreError(texts.DATASET_CHANGED)
    return _immutable(place_bytes(store, scores, layout))


def _colours(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    scores, by, rules = query_of(dataset_id, given).scores, given.get(BY, ""), parse(given.get(RULES) or "")
    found = colouring(store, scores, by, rules)
    state = colouring_state(store, scores, by, rules)
    body = with_head(found)
    return _immutable(body) if given.get(STATE) == state else Response(body, media_type=_BYTES, headers=_OFTEN)


def _listed(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    query = query_of(dataset_id, given)
    # What is listed depends on too much to be named in advance: a bit a sample is little to ask for again.
    return Response(listed_bits(store, query), media_type=_BYTES, headers=_OFTEN)


def _sample(store: Store, dataset_id: str, request: Request) -> Response:
    row = request.query_params.get(ROW, "")
    if request.query_params.get(VERSION) != _version(store, dataset_id):
        raise StoreError(texts.DATASET_CHANGED)
    found = map_sample(store, dataset_id, int(row)) if row.isascii() and row.isdecimal() and len(row) < 10 else None
    if found is None:
        raise RuleError(texts.NO_SUCH_POINT)
    return JSONResponse(asdict(found), headers=_OFTEN)


def with_head(found: Colouring) -> bytes:
    """Return a length in 4 little-endian bytes, the legend as JSON of that length, and the codes."""
    legend: dict[str, Any] = {"entries": [asdict(entry) for entry in found.entries]}
    legend |= {"low": found.low, "high": found.high, "diverging": found.diverging}
    text = json.dumps(legend).encode()
    return len(text).to_bytes(4, "little") + text + found.codes.tobytes()


def _version(store: Store, dataset_id: str) -> str:
    return str(store.catalogue.dataset(dataset_id).version)


def _immutable(body: bytes) -> Response:
    return Response(body, media_type=_BYTES, headers={"Cache-Control": FOREVER, **_SAFE})


def _problem(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status, _OFTEN)
