"""Answers about a dataset, mostly in JSON, beside Streamlit and without its script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from jepascore_core.errors import JepaScoreError, RuleError, matching
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores.score_set import NOT_MEASURED, ScoreSet
from jepascore_core.storage.store import Store
from pages.ui.app.routes import DATASET_ID

#: Nobody keeps an answer: decisions and measurements change it.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

#: Names of parameters: a measurement key, and the definition of its scores.
SCORES, DEFINITION = "scores", "definition"

#: The store, the id of a dataset, what was asked -> the answer. Called in a thread.
Answer = Callable[[Store, str, Request], Response]


def json_routes(
    store: Callable[[], Store], answers: Mapping[str, Answer], under: str = "samples", status: int = 400
) -> list[BaseRoute]:
    """Return a route `UNDER/DATASET/NAME` for each answer, under any base as those of images.

    A `JepaScoreError` is answered by its sentence and `status`.
    """

    def route(name: str, answer: Answer) -> BaseRoute:
        def endpoint(request: Request) -> Response:
            dataset_id = request.path_params["dataset_id"]
            if not DATASET_ID.fullmatch(dataset_id):
                return problem("There is no such dataset.", 404)
            try:
                return answer(store(), dataset_id, request)
            except JepaScoreError as error:
                return problem(str(error), status)

        return Route(f"/{{base:path}}{under}/{{dataset_id}}/{name}", endpoint)

    return [route(name, answer) for name, answer in answers.items()]


def scores_parameters(scores: ScoreSet) -> dict[str, str]:
    """Return the parameters that stand for scores; there is no key where there is no backbone."""
    return {DEFINITION: scores.definition} | ({SCORES: scores.key.text} if scores.is_measured else {})


def scores_of(dataset_id: str, given: Mapping[str, str]) -> ScoreSet:
    """Return the scores that parameters stand for.

    Raises:
        RuleError: if the key cannot be read.
    """
    try:
        key = MeasurementKey.parse(given[SCORES]) if given.get(SCORES) else NOT_MEASURED
    except ValueError as error:
        raise RuleError(str(error)) from error
    return ScoreSet(dataset_id, key, matching(given.get(DEFINITION), DEFINITIONS) or DEFINITIONS[0])


def as_json(content: dict[str, Any]) -> Response:
    """Return an answer."""
    return JSONResponse(content, headers=HEADERS)


def problem(text: str, status: int) -> Response:
    """Return a sentence that says what is wrong."""
    return JSONResponse({"error": text}, status, HEADERS)
