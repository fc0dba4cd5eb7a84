"""What happens around the life of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from jepascore_core.errors import JepaScoreError
from jepascore_core.runs import ensure_worker_for_active_work
from pages.ui.cached import store


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Before the first visitor, work that a crash or a reboot interrupted gets a worker again."""
    # A home folder that cannot be used must not keep the app from starting: every page says what is wrong with it.
    with suppress(JepaScoreError):
        await run_in_threadpool(lambda: ensure_worker_for_active_work(store()))
    yield {}
