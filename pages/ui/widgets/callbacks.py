"""Functions of the package as callbacks of widgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

Arguments = ParamSpec("Arguments")


def discard_result(function: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Return `function` without its result, as `on_click` and `on_change` take it."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        function(*args, **kwargs)

    return call
