"""The sample window over HTTP: what it says of a sample at once, and the samples that it shows beside it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from jepascore_core.records.datasets import Sample
from jepascore_core.storage.store import Store
from jepascore_core.views.detail import find_sample
from pages.ui.app.json_routes import as_json, json_routes, scores_of
from pages.ui.sample.card import copies_beside, nearest_beside, sample_card


def sample_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the routes, under any base as those of images."""
    return json_routes(store, {"card": _card, "copies": _copies, "nearest": _nearest})


def _card(store: Store, dataset_id: str, request: Request) -> Response:
    return as_json(sample_card(store, dataset_id, _sample(store, dataset_id, request)))


def _copies(store: Store, dataset_id: str, request: Request) -> Response:
    return as_json({"groups": copies_beside(store, dataset_id, _sample(store, dataset_id, request))})


def _nearest(store: Store, dataset_id: str, request: Request) -> Response:
    scores = scores_of(dataset_id, request.query_params)
    return as_json({"groups": nearest_beside(store, scores, _sample(store, dataset_id, request))})


def _sample(store: Store, dataset_id: str, request: Request) -> Sample:
    return find_sample(store, dataset_id, request.query_params.get("key", ""))
