"""The connection to `catalogue.sqlite`, with identifiers and times that every table needs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ulid import ULID

from jepascore_core.errors import StoreError
from jepascore_core.records.canonical import canonical_json
from jepascore_core.storage.disk import full_disk_remedy
from jepascore_core.storage.migrations import migrate

#: Seconds that a writer waits for another one.
BUSY_TIMEOUT = 30.0


def new_id() -> str:
    """Return a new identifier that sorts by time of creation."""
    return str(ULID()).lower()


def utc_now() -> str:
    """Return the current time, as UTC ISO-8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Held(threading.local):
    """The connection of a thread that is within `Database.connected`."""

    connection: sqlite3.Connection | None = None


class Database:
    """One SQLite file. Without `connected` it keeps no connection open: threads can share it, and it survives forks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = _Held()
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
            with self._errors_explained():
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA foreign_keys = ON")
                with connection:
                    yield connection
        finally:
            connection.close()

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            remedy = full_disk_remedy(self.path.parent)
            raise StoreError(f"The catalogue {self.path} cannot be used: {error}.{remedy}") from error

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Use one connection for all that this thread reads within the block.

        Opening one takes many times as long as most reads. Each read still sees what was written before it, by whom
        ever.
        """
        if self._held.connection is not None:
            yield
            return
        with self._connect() as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = None

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Open a connection whose changes are committed together when the block ends, or rolled back if it raises."""
        return self._connect()

    def _rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        held = self._held.connection
        if held is not None:
            with self._errors_explained():
                return held.execute(sql, parameters).fetchall()
        with self._connect() as connection:
            return connection.execute(sql, parameters).fetchall()

    def _execute(self, sql: str, *parameters: Any) -> int:
        with self._connect() as connection:
            return connection.execute(sql, parameters).rowcount

    def _update(self, table: str, key: str, identifier: str, changes: dict[str, Any]) -> None:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        values = [canonical_json(value) if isinstance(value, dict) else value for value in changes.values()]
        self._execute(f"UPDATE {table} SET {assignments} WHERE {key} = ?", *values, identifier)
