"""Exports that the worker writes: requested here, followed in the catalogue, complete or not there at all.

Images of a large dataset take minutes to hours, so no page waits for them. Whatever ends an attempt, a cancellation, a
full disk or a killed worker, nothing of it remains; after a worker was stopped or killed the next one starts over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

from jepascore_core.curation.precompute.steps import precompute_all
from jepascore_core.curation.recipes import Recipe, from_dict, precompute_recipe, to_dict
from jepascore_core.errors import ExportError
from jepascore_core.exporters.export import export
from jepascore_core.exporters.extras import extras_work
from jepascore_core.exporters.options import ExportOptions, checked_format
from jepascore_core.exporters.publishing import check_targets, targets_of
from jepascore_core.exporters.staging import recover, remove, temporary_path
from jepascore_core.jobs.process import start_worker, worker_is_alive
from jepascore_core.jobs.queue import ring_bell
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store

#: Counters are written at most this often, in seconds.
REPORT_SECONDS = 0.3


def request_export(
    store: Store, dataset_id: str, recipe: Recipe, path: Path, file_format: str, options: ExportOptions
) -> ExportRequest:
    """Ask the worker to export what a recipe keeps.

    Raises:
        ExportError: for errors that are detectable beforehand: the target exists or is being written, its folder does
        not
            exist, the format does not support the options.
    """
    chosen = checked_format(file_format, options)
    if not path.is_absolute():
        raise ExportError(f"{path} must be an absolute path: start with /, or with ~ for your own folder.")
    if any(item.path == str(path) for item in store.catalogue.exports(active_only=True)):
        raise ExportError(f"{path} is already being written. Wait for it, or cancel it.")
    recover(targets_of(path))
    check_targets(list(targets_of(path)))
    body = json.dumps(to_dict(recipe))
    request = store.catalogue.add_export(dataset_id, body, str(path), chosen, dataclasses.asdict(options))
    return _enqueued(store, request.export_id)


def repeat_export(store: Store, export_id: str) -> ExportRequest:
    """Request a cancelled or failed export again."""
    request = store.catalogue.export(export_id)
    if request.state.is_active:
        return request
    store.catalogue.update_export(
        export_id, state=RunState.QUEUED, cancel_requested=0, num_total=0, num_written=0, started_at=None,
        finished_at=None, message="",
    )  # fmt: skip
    return _enqueued(store, export_id)


def cancel_export(store: Store, export_id: str) -> None:
    """Cancel an export, of which nothing is left: at once if no worker works on it, else within a moment."""
    request = store.catalogue.export(export_id)
    if not request.state.is_active:
        return
    store.catalogue.update_export(export_id, cancel_requested=1)
    if request.state is RunState.QUEUED or not worker_is_alive(store.home):
        with contextlib.suppress(ExportError):  # another process writes there, and cleans up
            recover(targets_of(Path(request.path)))
        store.catalogue.update_export(export_id, state=RunState.CANCELLED, message="Cancelled")


def write_requested(store: Store, request: ExportRequest, check: Callable[[], None]) -> str:
    """Write a requested export; return a status message.

    Raises:
        ExportError: if it cannot be written completely; nothing is left behind.
        RunCancelled, WorkerStopped: from `check`; nothing is left behind.
    """
    path = Path(request.path)
    num_rows = _written_before(path, request.export_id)
    if num_rows is None:
        recipe = from_dict(json.loads(store.catalogue.export_recipe(request.export_id)))
        options = ExportOptions.from_dict(request.options)
        # Usually done by the page already; new measurements may have arrived since.
        precompute_recipe(store, request.dataset_id, recipe, lambda _: lambda _: check())
        scores = recipe.score_set(request.dataset_id)
        precompute_all(store, scores, extras_work(options.columns), follow=lambda _: lambda _: check())
        num_rows = export(
            store,
            request.dataset_id,
            recipe,
            path,
            file_format=checked_format(request.file_format, options),
            options=options,
            progress=_Reporter(store, request.export_id, check),
            export_id=request.export_id,
        ).num_rows
    store.catalogue.update_export(request.export_id, num_total=num_rows, num_written=num_rows)
    return f"{num_rows:,} samples written to {path}"


class _Reporter:
    """Reports the progress of an export to the catalogue, and stops it when it should end."""

    def __init__(self, store: Store, export_id: str, check: Callable[[], None]) -> None:
        self._store, self._export_id, self._check = store, export_id, check
        self._started = time.monotonic()
        self._told = 0.0

    def __call__(self, done: int, total: int) -> None:
        self._check()
        now = time.monotonic()
        if now - self._told < REPORT_SECONDS:
            return
        self._told = now
        rate = done / max(now - self._started, 1e-3)
        self._store.catalogue.update_export(
            self._export_id, num_total=total, num_written=done, rate=rate, message="Writing"
        )


def _written_before(path: Path, export_id: str) -> int | None:
    """Return the samples that an attempt of this export wrote before its worker was killed; None if it must be written.

    The provenance is renamed first. If only that happened, it is removed, so that the export can be written again.
    """
    temporary = temporary_path(path, export_id)
    is_named = path.exists() and (not temporary.exists() or temporary.samefile(path))
    recover(targets_of(path))
    _, provenance_path = targets_of(path)
    try:
        found = json.loads(provenance_path.read_text(encoding="utf-8"))
        if found["export_id"] != export_id:
            return None
        num_rows = int(found["list"]["num_rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if is_named:
        return num_rows
    remove(provenance_path)
    return None


def _enqueued(store: Store, export_id: str) -> ExportRequest:
    ring_bell(store.home)
    start_worker(store.home)
    return store.catalogue.export(export_id)
