"""The list of Explore over HTTP, beside Streamlit and without its script: rows page by page, and counts of filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from jepascore_core.curation import parse
from jepascore_core.errors import JepaScoreError, RuleError, matching
from jepascore_core.formatting import number_text, score_text
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.score_set import NOT_MEASURED, ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.browse import (
    BY_KEY,
    DECIDED,
    BrowsedSample,
    BrowseQuery,
    browse,
    browsed_samples,
    check_ranges,
    position_of,
    samples_in,
)
from jepascore_core.views.facets import facets
from jepascore_core.views.indexed_so_far import indexed_so_far
from pages.ui.app.routes import DATASET_ID

MAX_ROWS = 500
MAX_SEED = 10**6
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")

#: Names of parameters.
SCORES, DEFINITION, SORT, DESCENDING, SEED, FILTER, WHICH = (
    "scores", "definition", "sort", "descending", "seed", "filter", "decided",
)  # fmt: skip


def list_routes(store: Callable[[], Store]) -> list[BaseRoute]:
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

        return Route(f"/{{base:path}}samples/{{dataset_id}}/{name}", endpoint)

    return [route("rows", _rows), route("facets", _facets), route("place", _place), route("keys", _keys)]


def parameters(query: BrowseQuery) -> dict[str, str]:
    """Return the parameters that stand for a query, but for its filters."""
    found = {DEFINITION: query.scores.definition, SORT: query.sort}
    found |= {SCORES: query.scores.key.text} if query.scores.is_measured else {}
    return found | ({DESCENDING: "1"} if query.descending else {}) | ({SEED: str(query.seed)} if query.seed else {})


def query_of(dataset_id: str, given: Any) -> BrowseQuery:
    """Return the query that parameters stand for.

    Raises:
        RuleError: if one of them cannot be read.
    """
    try:
        key = MeasurementKey.parse(given[SCORES]) if given.get(SCORES) else NOT_MEASURED
    except ValueError as error:
        raise RuleError(str(error)) from error
    definition = matching(given.get(DEFINITION), DEFINITIONS) or DEFINITIONS[0]
    return BrowseQuery(
        ScoreSet(dataset_id, key, definition),
        parse(given.get(FILTER) or ""),
        matching(given.get(WHICH), DECIDED) or DECIDED[0],
        given.get(SORT) or BY_KEY,
        given.get(DESCENDING) == "1",
        _number(given.get(SEED), MAX_SEED),
    )


def ranges_of(text: str) -> tuple[tuple[int, int], ...]:
    """Read "0-12,20-21", positions [first, end).

    Raises:
        RuleError: if it is anything else.
    """
    found = [_RANGE.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise RuleError("Select images first.")
    return tuple((int(part[1]), int(part[2])) for part in found if part)


def _rows(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    first, number = _number(given.get("from"), 10**9), min(_number(given.get("n"), 10**9), MAX_ROWS)
    dataset = store.catalogue.dataset(dataset_id)
    if dataset.version is None:
        so_far = indexed_so_far(store, dataset, first, number)
        return _json({"view": "indexing", "total": so_far.num_indexed, "rows": [_row(x, "") for x in so_far.samples]})
    query = query_of(dataset_id, given)
    view = browse(store, query)
    rows = [_row(sample, query.sort) for sample in browsed_samples(store, query, view, first, number)]
    return _json({"view": view.identity, "total": len(view.rows), "rows": rows})


def _facets(store: Store, dataset_id: str, request: Request) -> Response:
    return _json(asdict(facets(store, query_of(dataset_id, request.query_params))))


def _place(store: Store, dataset_id: str, request: Request) -> Response:
    query = query_of(dataset_id, request.query_params)
    view = browse(store, query)
    position = position_of(store, query, view, request.query_params.get("key", ""))
    return _json({"position": position, "total": len(view.rows)})


def _keys(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    query = query_of(dataset_id, given)
    view, ranges = browse(store, query), ranges_of(given.get("ranges", ""))
    check_ranges(view, given.get("view", ""), ranges)
    keys = "".join(f"{key}\n" for key, _ in samples_in(store, query, view, ranges))
    return PlainTextResponse(keys, headers={**_HEADERS, "Content-Disposition": 'attachment; filename="selected.txt"'})


def _row(sample: BrowsedSample, sort: str) -> dict[str, Any]:
    return {
        "sample_key": sample.sample_key,
        "content_id": sample.content_id,
        "label": sample.label,
        "width": sample.width,
        "height": sample.height,
        "value": _value_text(sample.value, sort),
        "verdict": sample.verdict,
    }


def _value_text(value: float | str | None, sort: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return score_text(value) if sort.startswith("score") else number_text(value, ",.4g")


def _number(text: str | None, most: int) -> int:
    return min(int(text), most) if text and re.fullmatch(r"[0-9]{1,10}", text) else 0


def _json(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_HEADERS)


def _problem(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status, _HEADERS)
