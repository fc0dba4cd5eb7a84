"""What could be typed next in the query bar, over HTTP: an answer for each key, without the script of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from jepascore_core.curation.rules.completion import Completion, complete
from jepascore_core.errors import JepaScoreError
from jepascore_core.storage.store import Store
from jepascore_core.views.vocabulary import vocabulary
from pages.ui.app import state
from pages.ui.app.routes import DATASET_ID

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
#: Names of parameters: the text before the cursor, and that after it. A position would be another number in a browser.
BEFORE, AFTER = "before", "after"


def completion_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the route, under any base as those of images."""

    def endpoint(request: Request) -> Response:
        dataset_id = request.path_params["dataset_id"]
        before, after = request.query_params.get(BEFORE, ""), request.query_params.get(AFTER, "")
        if not DATASET_ID.fullmatch(dataset_id):
            return _problem("There is no such dataset.", 404)
        if len(before) + len(after) > state.MAX_TEXT:
            return _problem(f"Rules are at most {state.MAX_TEXT:,} characters.", 400)
        try:
            found = complete(before + after, len(before), vocabulary(store(), dataset_id))
        except JepaScoreError as error:
            return _problem(str(error), 404)
        return JSONResponse(_answer(before, after, found), headers=_HEADERS)

    return [Route("/{base:path}rules/{dataset_id}/completions", endpoint)]


def _answer(before: str, after: str, found: Completion) -> dict[str, Any]:
    """Count what a suggestion replaces to both sides of the cursor in the units of a browser."""
    return {
        "back": _units(before[found.start :]),
        "forward": _units(after[: found.end - len(before)]),
        "options": [{"text": item.text, "title": item.title, "about": item.about} for item in found.suggestions],
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _problem(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status, _HEADERS)
