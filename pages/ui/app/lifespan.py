"""What happens around the life of the server."""

from __future__ import annotations

import gc
import inspect
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from starlette.concurrency import run_in_threadpool

from jepascore_core.curation.columns.cache import load_columns
from jepascore_core.errors import JepaScoreError
from jepascore_core.jobs.process import reap_unowned_children, start_worker
from jepascore_core.scores.memo import prefetch
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import shown_first
from jepascore_core.worker.jobs import unfinished_jobs
from pages.ui.app.store import store

#: What Streamlit and the pages load when they first need it: 0.2 to 0.3 s that the first visitor would wait.
LATE_MODULES = ("pandas", "plotly.io")
#: What single pages need: loaded aside, since nobody may come to them.
LATEST_MODULES = ("faiss", "scipy.special")
#: Whoever stops the server waits at most so long for answers that are under way, in seconds: a connection that stays
#: open in the middle of a request would hold it for ever.
GRACE_SECONDS = 5.0


def preload() -> None:
    """Load what the first visit would wait for: modules now, the samples and scores that it shows aside.

    Raises:
        JepaScoreError: if the home folder cannot be used.
    """
    import jepascore_core.figures.agreement  # noqa: F401 - needed by the first visit

    for name in LATE_MODULES:
        import_module(name)
    late = (partial(import_module, name) for name in (*LATEST_MODULES, *_page_modules()))
    # What is loaded stays: looking through all of it for garbage would make a page wait for 0.1 s now and then.
    prefetch(*late, gc.freeze)
    prefetch(partial(_load_scores, store()))
    # Streamlit does so before its first element; with all modules loaded the first time takes 0.2 s.
    inspect.stack()


def _page_modules() -> list[str]:
    root = Path(__file__).parents[2]
    return [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in sorted(root.glob("ui/*/*.py"))]


def _load_scores(kept: Store) -> None:
    scores = shown_first(kept)
    if scores is not None:
        load_columns(kept, scores)


def resume_work(kept: Store) -> None:
    """Start a worker if anything waits for one: after a crash, a reboot, or a worker that idled out."""
    if unfinished_jobs(kept):
        start_worker(kept.home)


def end_in_time() -> None:
    """From now on SIGINT and SIGTERM end the process within `GRACE_SECONDS`, also where the server would still wait."""
    if threading.current_thread() is not threading.main_thread():
        return  # a server of tests, which has no signals
    for kind in (signal.SIGINT, signal.SIGTERM):
        former = signal.getsignal(kind)

        def handle(number: int, stack: FrameType | None, former: Any = former) -> None:
            status = 0 if number == signal.SIGINT else 128 + number
            timer = threading.Timer(GRACE_SECONDS, os._exit, (status,))
            timer.daemon = True
            timer.start()
            if callable(former):
                former(number, stack)

        signal.signal(kind, handle)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Before the first visitor, work that a crash or a reboot interrupted gets a worker again."""
    end_in_time()
    threading.Thread(target=reap_unowned_children, name="reap children", daemon=True).start()
    # A home folder that cannot be used must not keep the app from starting: every page says what is wrong with it.
    with suppress(JepaScoreError):
        await run_in_threadpool(preload)
        await run_in_threadpool(lambda: resume_work(store()))
    yield {}
