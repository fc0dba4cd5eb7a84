"""Datasets: where they come from, and the state of their index."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from jepascore_core.errors import StoreError, unknown
from jepascore_core.records.canonical import canonical_json
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.storage.catalogue.database import Database, new_id, utc_now


class DatasetTable(Database):
    """The table `datasets`."""

    def add_dataset(
        self,
        name: str,
        source: str,
        kind: str,
        options: dict[str, Any],
        state: DatasetState = DatasetState.INDEXING,
        purpose: str = "",
        parent_id: str | None = None,
    ) -> DatasetRecord:
        """Register a dataset that is not indexed yet; a worker will index it if `state` is INDEXING.

        One with a `purpose` is hidden, and is removed with the dataset `parent_id`.

        Raises:
            StoreError: if the name is taken, or has invisible characters.
        """
        if not 0 < len(name) <= 100 or name != name.strip() or not name.isprintable():
            raise StoreError(
                f"{name[:100]!r} is not a valid name of a dataset: use 1 to 100 visible characters, with spaces only "
                "between them."
            )
        dataset_id = new_id()
        try:
            self._execute(
                "INSERT INTO datasets (dataset_id, name, source, kind, options, state, created_at, purpose, parent_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(dataset_id, name, source, kind, canonical_json(options), state, utc_now(), purpose, parent_id),
            )
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise StoreError(f"A dataset named {name!r} already exists: choose another name.") from error
            raise
        return self.dataset(dataset_id)

    def datasets(self, hidden: bool = False) -> list[DatasetRecord]:
        """Return all datasets, oldest first; with `hidden` also those that serve a check of another one."""
        sql = "SELECT * FROM datasets WHERE ? OR purpose = '' ORDER BY dataset_id"
        return [_dataset(row) for row in self._rows(sql, hidden)]

    def hidden_datasets(self, parent_id: str, purpose: str) -> list[DatasetRecord]:
        """Return the hidden datasets that serve one purpose for a dataset, newest first."""
        sql = "SELECT * FROM datasets WHERE parent_id = ? AND purpose = ? ORDER BY dataset_id DESC"
        return [_dataset(row) for row in self._rows(sql, parent_id, purpose)]

    def find_dataset(self, name_or_id: str) -> DatasetRecord | None:
        """Return the dataset with this name or id, or None; a hidden one only by its id."""
        sql = "SELECT * FROM datasets WHERE (name = ?1 AND purpose = '') OR dataset_id = ?1"
        rows = self._rows(sql, name_or_id)
        return _dataset(rows[0]) if rows else None

    def dataset(self, name_or_id: str) -> DatasetRecord:
        """Return the dataset with this name or id.

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
        """Remove a dataset with its runs; measurements are kept, since other datasets may share them."""
        self._execute("DELETE FROM datasets WHERE dataset_id = ?", dataset_id)


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
