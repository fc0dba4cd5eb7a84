"""Parts of a page that fill while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from pages.ui.app.fragments import fragment, watch
from pages.ui.app.store import store

REFRESH_SECONDS = 4.0
WAIT_SECONDS = 2.0


def live(draw: Callable[[], None], *dataset_ids: str) -> None:
    """Draw, and draw again every few seconds while one of the datasets is being measured."""
    fragment(draw, REFRESH_SECONDS if is_filling(*dataset_ids) else None)


def await_change(look: Callable[[], Hashable]) -> None:
    """For a page that has nothing to show yet: while runs go on, run it again as soon as `look` sees something else."""
    if store().catalogue.runs(active_only=True):
        watch(look, WAIT_SECONDS)


def is_filling(*dataset_ids: str) -> bool:
    """Whether one of these datasets is being measured, or waits for it."""
    return any(run.dataset_id in dataset_ids for run in store().catalogue.runs(active_only=True))
