"""Runs: request, progress, and failed images."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from jepascore_core.errors import unknown
from jepascore_core.records.approximation import ApproximationReport
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import Run, RunState
from jepascore_core.storage.catalogue.database import Database, new_id, utc_now
from jepascore_core.storage.catalogue.requests import request_columns, request_values


class RunTable(Database):
    """The tables `runs` and `run_failures`."""

    def add_run(self, request: ResolvedRequest, state: RunState = RunState.QUEUED) -> Run:
        """Queue a run, or record one in another state; if an active run has the same request, return it instead."""
        wanted = request_columns(request)
        run_id = new_id()
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            twin = connection.execute(
                "SELECT run_id FROM runs WHERE dataset_id = ? AND backbone = ? AND spec = ? AND plan IS ?"
                " AND pilot IS ? AND state IN ('queued', 'running') AND NOT cancel_requested",
                wanted,
            ).fetchone()
            if twin is None:
                connection.execute(
                    "INSERT INTO runs"
                    " (run_id, dataset_id, backbone, spec, plan, pilot, device, state, created_at, is_precision_open)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (run_id, *wanted, request.device, state, utc_now(), request.is_precision_open),
                )
        return self.run(twin["run_id"] if twin else run_id)

    def runs(self, dataset_id: str | None = None, active_only: bool = False, hidden: bool = False) -> list[Run]:
        """List runs, newest first; with `hidden`, or by the id of one, also those of hidden datasets."""
        sql = (
            "SELECT * FROM runs WHERE (?1 IS NULL OR dataset_id = ?1)"
            " AND (NOT ?2 OR state IN ('queued', 'running'))"
            " AND (?3 OR ?1 IS NOT NULL OR dataset_id IN (SELECT dataset_id FROM datasets WHERE purpose = ''))"
            " ORDER BY run_id DESC"
        )
        return [_run(row) for row in self._rows(sql, dataset_id, active_only, hidden)]

    def run(self, run_id: str) -> Run:
        """Return the run with this id.

        Raises:
            UnknownNameError: if there is none.
        """
        rows = self._rows("SELECT * FROM runs WHERE run_id = ?", run_id)
        if not rows:
            raise unknown("run", run_id, (run.run_id for run in self.runs()))
        return _run(rows[0])

    def update_run(self, run_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("runs", "run_id", run_id, changes)

    def remove_run(self, run_id: str) -> None:
        """Remove a run with its failures; measurements are kept."""
        self._execute("DELETE FROM runs WHERE run_id = ?", run_id)

    def add_run_failures(self, run_id: str, failures: Iterable[SampleFailure]) -> None:
        """Record why images of a run have no measurement; the latest reason of an image replaces earlier ones."""
        rows = [
            (run_id, item.content_id or "", item.sample_key, item.uri, item.stage, item.error_class, item.message)
            for item in failures
        ]
        with self._connect() as connection:
            connection.executemany("INSERT OR REPLACE INTO run_failures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def run_failures(self, run_id: str) -> list[SampleFailure]:
        """Return the recorded failures of a run, by sample key."""
        rows = self._rows("SELECT * FROM run_failures WHERE run_id = ? ORDER BY sample_key", run_id)
        return [SampleFailure(**{key: row[key] for key in row.keys() if key != "run_id"}) for row in rows]  # noqa: SIM118

    def clear_run_failures(self, run_id: str) -> None:
        """Remove a run's failures, so that their images are pending again."""
        self._execute("DELETE FROM run_failures WHERE run_id = ?", run_id)


def _run(row: sqlite3.Row) -> Run:
    values = request_values(row)
    values.update(
        state=RunState(row["state"]),
        cancel_requested=bool(row["cancel_requested"]),
        is_precision_open=bool(row["is_precision_open"]),
        report=ApproximationReport.from_dict(json.loads(row["report"])) if row["report"] else None,
    )
    return Run(**values)
