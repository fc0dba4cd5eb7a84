"""What could be typed next in the query bar, over HTTP: an answer for each key, without the script of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from jepascore_core.curation.rules.completion import Completion, complete
from jepascore_core.storage.store import Store
from jepascore_core.views.vocabulary import vocabulary
from pages.ui.app import state
from pages.ui.app.json_routes import as_json, json_routes, problem

#: Names of parameters: the text before the cursor, and that after it. A position would be another number in a browser.
BEFORE, AFTER = "before", "after"


def completion_routes(store: Callable[[], Store]) -> list[BaseRoute]:
    """Return the route, under any base as those of images."""
    return json_routes(store, {"completions": _completions}, "rules", 404)


def _completions(store: Store, dataset_id: str, request: Request) -> Response:
    before, after = request.query_params.get(BEFORE, ""), request.query_params.get(AFTER, "")
    if len(before) + len(after) > state.MAX_TEXT:
        return problem(f"Rules are at most {state.MAX_TEXT:,} characters.", 400)
    return as_json(_answer(before, after, complete(before + after, len(before), vocabulary(store, dataset_id))))


def _answer(before: str, after: str, found: Completion) -> dict[str, Any]:
    """Count what a suggestion replaces to both sides of the cursor in the units of a browser."""
    return {
        "back": _units(before[found.start :]),
        "forward": _units(after[: found.end - len(before)]),
        "options": [{"text": item.text, "title": item.title, "about": item.about} for item in found.suggestions],
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
