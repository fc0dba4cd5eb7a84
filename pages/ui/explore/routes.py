"""The list of Explore over HTTP, beside Streamlit and without its script: rows page by page, and counts of filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from jepascore_core.curation import parse
from jepascore_core.errors import RuleError, matching
from jepascore_core.formatting import number_text, score_text
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
from pages.ui.app.json_routes import HEADERS, as_json, json_routes, scores_of, scores_parameters

MAX_ROWS = 500
MAX_SEED = 10**6
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")

#: Names of parameters.
SORT, DESCENDING, SEED, FILTER, WHICH = "sort", "descending", "seed", "filter", "decided"


def list_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the routes, under any base as those of images."""
    return json_routes(store, {"rows": _rows, "facets": _facets, "place": _place, "keys": _keys})


def parameters(query: BrowseQuery) -> dict[str, str]:
    """Return the parameters that stand for a query, but for its filters."""
    found = scores_parameters(query.scores) | {SORT: query.sort}
    return found | ({DESCENDING: "1"} if query.descending else {}) | ({SEED: str(query.seed)} if query.seed else {})


def query_of(dataset_id: str, given: Any) -> BrowseQuery:
    """Return the query that parameters stand for.

    Raises:
        RuleError: if one of them cannot be read.
    """
    return BrowseQuery(
        scores_of(dataset_id, given),
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
        return as_json({"view": "indexing", "total": so_far.num_indexed, "rows": [_row(x, "") for x in so_far.samples]})
    query = query_of(dataset_id, given)
    view = browse(store, query)
    rows = [_row(sample, query.sort) for sample in browsed_samples(store, query, view, first, number)]
    return as_json({"view": view.identity, "total": len(view.rows), "rows": rows})


def _facets(store: Store, dataset_id: str, request: Request) -> Response:
    return as_json(asdict(facets(store, query_of(dataset_id, request.query_params))))


def _place(store: Store, dataset_id: str, request: Request) -> Response:
    query = query_of(dataset_id, request.query_params)
    view = browse(store, query)
    position = position_of(store, query, view, request.query_params.get("key", ""))
    return as_json({"position": position, "total": len(view.rows)})


def _keys(store: Store, dataset_id: str, request: Request) -> Response:
    given = request.query_params
    query = query_of(dataset_id, given)
    view, ranges = browse(store, query), ranges_of(given.get("ranges", ""))
    check_ranges(view, given.get("view", ""), ranges)
    keys = "".join(f"{key}\n" for key, _ in samples_in(store, query, view, ranges))
    return PlainTextResponse(keys, headers={**HEADERS, "Content-Disposition": 'attachment; filename="selected.txt"'})


def _row(sample: BrowsedSample, sort: str) -> dict[str, Any]:
    return {
        "sample_key": sample.sample_key,
        "content_id": sample.content_id,
        "label": sample.label,
        "width": sample.width,
        "height": sample.height,
        "value": _value_text(sample.value, sort),
        "verdict": sample.verdict,
        "tags": sample.tags,
    }


def _value_text(value: float | str | None, sort: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return score_text(value) if sort.startswith("score") else number_text(value, ",.4g")


def _number(text: str | None, most: int) -> int:
    return min(int(text), most) if text and re.fullmatch(r"[0-9]{1,10}", text) else 0
