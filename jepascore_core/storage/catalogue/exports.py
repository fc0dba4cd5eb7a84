"""Requested exports and their progress."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Any

from jepascore_core.errors import UnknownNameError
from jepascore_core.records.canonical import canonical_json
from jepascore_core.records.exports import ExportRequest
from jepascore_core.records.runs import RunState
from jepascore_core.storage.catalogue.database import Database, new_id, utc_now

#: At most this many ended exports are kept.
MAX_EXPORTS = 50

#: All columns except the recipe, which may be long and is rarely needed.
_EXPORT = ", ".join(item.name for item in fields(ExportRequest))


class ExportTable(Database):
    """The table `exports`."""

    def add_export(
        self, dataset_id: str, recipe: str, path: str, file_format: str, options: dict[str, Any]
    ) -> ExportRequest:
        """Queue an export; remove the oldest of those that have ended."""
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
        """List requested exports, newest first."""
        sql = (
            f"SELECT {_EXPORT} FROM exports WHERE (?1 IS NULL OR dataset_id = ?1)"
            " AND (NOT ?2 OR state IN ('queued', 'running')) ORDER BY export_id DESC"
        )
        return [_export(row) for row in self._rows(sql, dataset_id, active_only)]

    def export(self, export_id: str) -> ExportRequest:
        """Return the export with this id.

        Raises:
            UnknownNameError: if there is none.
        """
        rows = self._rows(f"SELECT {_EXPORT} FROM exports WHERE export_id = ?", export_id)
        if not rows:
            raise UnknownNameError(f"The export {export_id} was removed: request it again.")
        return _export(rows[0])

    def export_recipe(self, export_id: str) -> str:
        """Return the recipe of an export, as it was requested."""
        return str(self._rows("SELECT recipe FROM exports WHERE export_id = ?", export_id)[0]["recipe"])

    def update_export(self, export_id: str, **changes: Any) -> None:
        """Set the given columns."""
        self._update("exports", "export_id", export_id, changes)

    def remove_export(self, export_id: str) -> None:
        """Remove an export from the list; its files are kept."""
        self._execute("DELETE FROM exports WHERE export_id = ?", export_id)


def _export(row: sqlite3.Row) -> ExportRequest:
    options, state = json.loads(row["options"]), RunState(row["state"])
    stops = bool(row["cancel_requested"])
    return ExportRequest(**{**dict(row), "options": options, "state": state, "cancel_requested": stops})
