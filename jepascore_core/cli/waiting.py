"""Wait for the worker: show a bar until a job ends, and turn how it ended into the exit code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jepascore_core.cli.output import describe_speed, progress_bar, say, visible
from jepascore_core.errors import JepaScoreError, RunCancelled
from jepascore_core.jobs.requests import cancel_dataset, cancel_run, follow
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.store import Store

_Work = TypeVar("_Work", Run, DatasetRecord)


def wait_for_index(store: Store, dataset_id: str) -> DatasetRecord:
    """Show a bar until a dataset's indexing ends; Ctrl-C cancels it.

    Raises:
            JepaScoreError: if no worker is available.
    """

    def cancel() -> None:
        cancel_dataset(store, dataset_id)
        say("Cancelling; what was read is kept. Continue with the same command.")

    name = store.catalogue.dataset(dataset_id).name
    return _watch(store, f"Indexing {name}", partial(store.catalogue.dataset, dataset_id), cancel)


def wait_for_run(store: Store, run_id: str, cancel_on_interrupt: bool = True) -> Run:
    """Show a bar until a run ends; Ctrl-C cancels it, or only stops waiting.

    Raises:
            JepaScoreError: if no worker is available.
    """

    def cancel() -> None:
        if cancel_on_interrupt:
            cancel_run(store, run_id)
            say(f"Cancelling; what was measured is kept. Continue with `jepascore runs resume {run_id}`.")

    name = store.catalogue.dataset(store.catalogue.run(run_id).dataset_id).name
    return _watch(store, f"Measuring {name}", partial(store.catalogue.run, run_id), cancel)


def conclude(work: Run | DatasetRecord) -> None:
    """Raise the error that decides the exit code, unless the job finished.

    Raises:
            JepaScoreError: if it failed, or left its dataset unchanged.
            RunCancelled: if it was cancelled.
    """
    if work.state in (RunState.CANCELLED, DatasetState.CANCELLED):
        raise RunCancelled(work.message)
    if work.state in (RunState.FAILED, DatasetState.FAILED):
        raise JepaScoreError(work.message)
    if isinstance(work, DatasetRecord) and work.error is not None:
        raise JepaScoreError(f"{work.error} {work.name} is unchanged: {work.message}.")


def _watch(store: Store, title: str, look: Callable[[], _Work], cancel: Callable[[], None]) -> _Work:
    """Draw every state of a job; return the last one."""
    with progress_bar() as bar:
        task = bar.add_task(visible(title), total=None, detail="")
        try:
            for state in follow(store, look):
                detail = visible(describe_speed(state))
                bar.update(task, total=state.num_total or None, completed=state.num_processed, detail=detail)
            bar.update(task, detail="")
        except KeyboardInterrupt:
            cancel()
            raise
    return state
