"""The SQLite catalogue: what is known, wanted and under way. Any process may read and write it at any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ulid import ULID

from jepascore_core.errors import StoreError, UnknownNameError, unknown
from jepascore_core.records.approximation import ApproximationPlan, ApproximationReport
from jepascore_core.records.backbones import BackboneInfo, BackboneRef
from jepascore_core.records.canonical import canonical_json
from jepascore_core.records.datasets import DatasetRecord, DatasetState, SampleFailure
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.runs import CostProbe, ProbeResult, ProbeState, Run, RunState
from jepascore_core.storage.disk import full_disk_remedy
from jepascore_core.storage.migrations import migrate

#: How long a writer waits for another one, in seconds.
BUSY_TIMEOUT = 30.0
#: Exports that have ended are remembered up to this number.
MAX_EXPORTS = 50

#: All of an export but its recipe, which may be long and is wanted once.
_EXPORT = ", ".join(item.name for item in fields(ExportRequest))


def new_id() -> str:
    """A fresh identifier that sorts by time of creation."""
    return str(ULID()).lower()


def utc_now() -> str:
    """Now, as UTC ISO-8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Catalogue:
    """Typed access to `catalogue.sqlite`. Holds no connection, so it may be shared by threads and outlive forks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as connection:
            migrate(connection, path.parent)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)
        except sqlite3.Error as error:
            raise StoreError(f"The catalogue {self.path} cannot be opened: {error}.") from error
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            remedy = full_disk_remedy(self.path.parent)
            raise StoreError(f"The catalogue {self.path} cannot be used: {error}.{remedy}") from error
        finally:
            connection.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection whose changes are committed together at the end of the block, or not at all if it raises."""
        return self._connect()

    def _rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        with self._connect() as connection:
            return connection.execute(sql, parameters).fetchall()

    def _execute(self, sql: str, *parameters: Any) -> int:
        with self._connect() as connection:
            return connection.execute(sql, parameters).rowcount

    def _update(self, table: str, key: str, identifier: str, changes: dict[str, Any]) -> None:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        values = [canonical_json(value) if isinstance(value, dict) else value for value in changes.values()]
        self._execute(f"UPDATE {table} SET {assignments} WHERE {key} = ?", *values, identifier)

    # Datasets

    def add_dataset(
        self,
        name: str,
        source: str,
        kind: str,
        options: dict[str, Any],
        state: DatasetState = DatasetState.INDEXING,
    ) -> DatasetRecord:
        """Register a dataset whose index is still to be built; by a worker if `state` is INDEXING.

        Raises:
            StoreError: if the name is taken, or would not be seen as it is.
        """
        if not 0 < len(name) <= 100 or name != name.strip() or not name.isprintable():
            raise StoreError(
                f"{name[:100]!r} cannot name a dataset: a name has 1 to 100 visible characters, and spaces only between"
                " them."
            )
        dataset_id = new_id()
        try:
            self._execute(
                "INSERT INTO datasets (dataset_id, name, source, kind, options, state, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(dataset_id, name, source, kind, canonical_json(options), state, utc_now()),
            )
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise StoreError(f"There is a dataset named {name!r} already. Choose another name.") from error
            raise
        return self.dataset(dataset_id)

    def datasets(self) -> list[DatasetRecord]:
        """All datasets, oldest first."""
        return [_dataset(row) for row in self._rows("SELECT * FROM datasets ORDER BY dataset_id")]

    def find_dataset(self, name_or_id: str) -> DatasetRecord | None:
        """The dataset of this name or id, or None."""
        rows = self._rows("SELECT * FROM datasets WHERE name = ?1 OR dataset_id = ?1", name_or_id)
        return _dataset(rows[0]) if rows else None

    def dataset(self, name_or_id: str) -> DatasetRecord:
        """The dataset of this name or id.

        Raises:
            UnknownNameError: if there is none; lists near matches.
        """
        found = self.find_dataset(name_or_id)
        if found is None:
            raise unknown("dataset", name_or_id, (record.name for record in self.datasets()))
        return found

    def update_dataset(self, dataset_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("datasets", "dataset_id", dataset_id, changes)

    def remove_dataset(self, dataset_id: str) -> None:
        """Forget a dataset with its runs; measurements stay, since other datasets may share them."""
        self._execute("DELETE FROM datasets WHERE dataset_id = ?", dataset_id)

    # Backbones

    def save_backbone(self, info: BackboneInfo) -> None:
        """Remember what a backbone id stands for."""
        self._execute(
            "INSERT OR IGNORE INTO backbones (backbone_id, info, created_at) VALUES (?, ?, ?)",
            *(info.backbone_id, canonical_json(info.to_dict()), utc_now()),
        )

    def backbones(self) -> dict[str, BackboneInfo]:
        """Every backbone that was ever loaded here, by id, the first one first."""
        rows = self._rows("SELECT backbone_id, info FROM backbones ORDER BY created_at, rowid")
        return {row["backbone_id"]: BackboneInfo.from_dict(json.loads(row["info"])) for row in rows}

    # Runs

    def add_run(
        self,
        dataset_id: str,
        backbone: BackboneRef,
        spec: MeasurementSpec,
        device: str,
        plan: ApproximationPlan | None = None,
        is_precision_open: bool = False,
    ) -> Run:
        """Queue a run; an active run that was asked for the same way is returned instead of a second one."""
        wanted = (dataset_id, canonical_json(backbone.to_dict()), canonical_json(spec.to_dict()), _plan_json(plan))
        run_id = new_id()
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            twin = connection.execute(
                "SELECT run_id FROM runs WHERE dataset_id = ? AND backbone = ? AND spec = ? AND plan IS ?"
                " AND state IN ('queued', 'running') AND NOT cancel_requested",
                wanted,
            ).fetchone()
            if twin is None:
                connection.execute(
                    "INSERT INTO runs"
                    " (run_id, dataset_id, backbone, spec, plan, device, state, created_at, is_precision_open)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (run_id, *wanted, device, RunState.QUEUED, utc_now(), is_precision_open),
                )
        return self.run(twin["run_id"] if twin else run_id)

    def runs(self, dataset_id: str | None = None, active_only: bool = False) -> list[Run]:
        """Runs, newest first."""
        sql = (
            "SELECT * FROM runs WHERE (?1 IS NULL OR dataset_id = ?1)"
            " AND (NOT ?2 OR state IN ('queued', 'running')) ORDER BY run_id DESC"
        )
        return [_run(row) for row in self._rows(sql, dataset_id, active_only)]

    def run(self, run_id: str) -> Run:
        """The run of this id.

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
        """Forget a run with its failures; measurements stay."""
        self._execute("DELETE FROM runs WHERE run_id = ?", run_id)

    def add_run_failures(self, run_id: str, failures: Iterable[SampleFailure]) -> None:
        """Record why images of a run have no measurement; the last reason of an image counts."""
        rows = [
            (run_id, item.content_id or "", item.sample_key, item.uri, item.stage, item.error_class, item.message)
            for item in failures
        ]
        with self._connect() as connection:
            connection.executemany("INSERT OR REPLACE INTO run_failures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def run_failures(self, run_id: str) -> list[SampleFailure]:
        """Recorded failures of a run, by sample key."""
        rows = self._rows("SELECT * FROM run_failures WHERE run_id = ? ORDER BY sample_key", run_id)
        return [SampleFailure(**{key: row[key] for key in row.keys() if key != "run_id"}) for row in rows]  # noqa: SIM118

    def clear_run_failures(self, run_id: str) -> None:
        """Forget a run's failures, so that their images are pending again."""
        self._execute("DELETE FROM run_failures WHERE run_id = ?", run_id)

    # Cost probes

    def add_probe(
        self,
        dataset_id: str,
        backbone: BackboneRef,
        spec: MeasurementSpec,
        device: str,
        plan: ApproximationPlan | None = None,
        is_precision_open: bool = False,
    ) -> CostProbe:
        """Queue a cost probe."""
        probe_id = new_id()
        self._execute(
            "INSERT INTO probes (probe_id, dataset_id, backbone, spec, plan, is_precision_open, device, state,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(probe_id, dataset_id, canonical_json(backbone.to_dict()), canonical_json(spec.to_dict())),
            *(_plan_json(plan), int(is_precision_open), device, ProbeState.QUEUED, utc_now()),
        )
        return self.probe(probe_id)

    def probe(self, probe_id: str) -> CostProbe:
        """The probe of this id.

        Raises:
            UnknownNameError: if there is none.
        """
        rows = self._rows("SELECT * FROM probes WHERE probe_id = ?", probe_id)
        if not rows:
            raise UnknownNameError(f"The cost probe {probe_id} was removed: ask for a new prediction.")
        return _probe(rows[0])

    def queued_probes(self) -> list[CostProbe]:
        """Probes that no worker has answered yet, oldest first."""
        return [_probe(row) for row in self._rows("SELECT * FROM probes WHERE state = 'queued' ORDER BY probe_id")]

    def update_probe(self, probe_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("probes", "probe_id", probe_id, changes)

    # Exports

    def add_export(
        self, dataset_id: str, recipe: str, path: str, file_format: str, options: dict[str, Any]
    ) -> ExportRequest:
        """Queue an export; of those that have ended the oldest are forgotten."""
        export_id = new_id()
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO exports (export_id, dataset_id, recipe, path, file_format, options, state, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (export_id, dataset_id, recipe, path, file_format, canonical_json(options), RunState.QUEUED, utc_now()),
            )
            connection.execute(
                "DELETE FROM exports WHERE export_id IN (SELECT export_id FROM exports"
                " WHERE state NOT IN ('queued', 'running') ORDER BY export_id DESC LIMIT -1 OFFSET ?)",
                (MAX_EXPORTS,),
            )
        return self.export(export_id)

    def exports(self, dataset_id: str | None = None, active_only: bool = False) -> list[ExportRequest]:
        """Exports that were asked for, newest first."""
        sql = (
            f"SELECT {_EXPORT} FROM exports WHERE (?1 IS NULL OR dataset_id = ?1)"
            " AND (NOT ?2 OR state IN ('queued', 'running')) ORDER BY export_id DESC"
        )
        return [_export(row) for row in self._rows(sql, dataset_id, active_only)]

    def export(self, export_id: str) -> ExportRequest:
        """The export of this id.

        Raises:
            UnknownNameError: if there is none.
        """
        rows = self._rows(f"SELECT {_EXPORT} FROM exports WHERE export_id = ?", export_id)
        if not rows:
            raise UnknownNameError(f"The export {export_id} was removed: ask for it again.")
        return _export(rows[0])

    def export_recipe(self, export_id: str) -> str:
        """What an export is to keep, as it was asked for."""
        return str(self._rows("SELECT recipe FROM exports WHERE export_id = ?", export_id)[0]["recipe"])

    def update_export(self, export_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("exports", "export_id", export_id, changes)

    def remove_export(self, export_id: str) -> None:
        """Forget that an export was asked for; what it wrote stays."""
        self._execute("DELETE FROM exports WHERE export_id = ?", export_id)


def _dataset(row: sqlite3.Row) -> DatasetRecord:
    values = dict(row)
    values.update(
        options=json.loads(row["options"]),
        ignored=json.loads(row["ignored"]),
        wanted=json.loads(row["wanted"]) if row["wanted"] else None,
        state=DatasetState(row["state"]),
        cancel_requested=bool(row["cancel_requested"]),
    )
    return DatasetRecord(**values)


def _plan_json(plan: ApproximationPlan | None) -> str | None:
    return None if plan is None else canonical_json(asdict(plan))


def _request(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **dict(row),
        "backbone": BackboneRef.from_dict(json.loads(row["backbone"])),
        "spec": MeasurementSpec.from_dict(json.loads(row["spec"])),
        "plan": ApproximationPlan(**json.loads(row["plan"])) if row["plan"] else None,
    }


def _run(row: sqlite3.Row) -> Run:
    values = _request(row)
    values.update(
        state=RunState(row["state"]),
        cancel_requested=bool(row["cancel_requested"]),
        is_precision_open=bool(row["is_precision_open"]),
        report=ApproximationReport.from_dict(json.loads(row["report"])) if row["report"] else None,
    )
    return Run(**values)


def _probe(row: sqlite3.Row) -> CostProbe:
    result = ProbeResult.from_dict(json.loads(row["result"])) if row["result"] else None
    is_open = bool(row["is_precision_open"])
    return CostProbe(
        **{**_request(row), "state": ProbeState(row["state"]), "result": result, "is_precision_open": is_open}
    )


def _export(row: sqlite3.Row) -> ExportRequest:
    options, state = json.loads(row["options"]), RunState(row["state"])
    stops = bool(row["cancel_requested"])
    return ExportRequest(**{**dict(row), "options": options, "state": state, "cancel_requested": stops})
