"""What a map shows over HTTP, beside Streamlit and without its script, as bytes that the browser keeps.

Each address names the state of what it answers, so an answer never changes; one about another state is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from jepascore_core.curation import parse
from jepascore_core.curation.columns.layouts import MAP_IS_GONE, find_kept
from jepascore_core.embeddings.layout import LAYOUT_KINDS
from jepascore_core.errors import RuleError, StoreError, matching
from jepascore_core.storage.store import Store
from jepascore_core.views.map_colours import Colouring, colouring, colouring_state
from jepascore_core.views.map_points import listed_bits, map_sample, place_bytes
from pages.ui.app.json_routes import HEADERS, as_json, json_routes, scores_of
from pages.ui.app.routes import FOREVER
from pages.ui.explore.routes import query_of
from pages.ui.map import texts

KIND, IDENTITY, BY, RULES, VERSION, STATE, ROW = "kind", "layout", "by", "rules", "version", "state", "row"
_BYTES = "application/octet-stream"


def map_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the routes, under any base as those of images."""
    answers = {"places": _places, "colours": _colours, "listed": _listed, "sample": _sample}
    return json_routes(store, answers, "map")


def _places(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    scores = scores_of(dataset_id, given)
    kind = matching(given.get(KIND), LAYOUT_KINDS)
    identity = given.get(IDENTITY, "")
    layout = find_kept(store, scores, kind, identity) if kind is not None and identity.isalnum() else None
    if layout is None:
        raise StoreError(MAP_IS_GONE)
    if given.get(VERSION) != _version(store, dataset_id):
        raise StoreError(texts.DATASET_CHANGED)
    return _immutable(place_bytes(store, scores, layout))


def _colours(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    scores, by, rules = scores_of(dataset_id, given), given.get(BY, ""), parse(given.get(RULES) or "")
    found = colouring(store, scores, by, rules)
    state = colouring_state(store, scores, by, rules)
    body = with_head(found)
    return _immutable(body) if given.get(STATE) == state else Response(body, media_type=_BYTES, headers=HEADERS)


def _listed(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    query = query_of(dataset_id, given)
    # What is listed depends on too much to be named in advance: a bit a sample is little to ask for again.
    return Response(listed_bits(store, query), media_type=_BYTES, headers=HEADERS)


def _sample(store: Store, dataset_id: str, request: Request) -> Response:
    row = request.query_params.get(ROW, "")
    if request.query_params.get(VERSION) != _version(store, dataset_id):
        raise StoreError(texts.DATASET_CHANGED)
    found = map_sample(store, dataset_id, int(row)) if row.isascii() and row.isdecimal() and len(row) < 10 else None
    if found is None:
        raise RuleError(texts.NO_SUCH_POINT)
    return as_json(asdict(found))


def with_head(found: Colouring) -> bytes:
    """Return a length in 4 little-endian bytes, the legend as JSON of that length, and the codes."""
    legend: dict[str, Any] = {"entries": [asdict(entry) for entry in found.entries]}
    legend |= {"low": found.low, "high": found.high, "diverging": found.diverging}
    text = json.dumps(legend).encode()
    return len(text).to_bytes(4, "little") + text + found.codes.tobytes()


def _version(store: Store, dataset_id: str) -> str:
    return str(store.catalogue.dataset(dataset_id).version)


def _immutable(body: bytes) -> Response:
    return Response(body, media_type=_BYTES, headers=HEADERS | {"Cache-Control": FOREVER})
