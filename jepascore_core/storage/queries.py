"""SQL over the files of a home folder, in one in-memory DuckDB per process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from jepascore_core.errors import StoreError


class QueryEngine:
    """Runs queries from any thread, and caches tables in memory that later queries can use by name."""

    def __init__(self) -> None:
        self._duckdb = duckdb.connect(":memory:", config={"threads": str(max(1, os.cpu_count() or 1))})
        # Reading the footers of shards and tables only once halves the time of short queries.
        self._duckdb.execute("SET GLOBAL parquet_metadata_cache = true")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run one query.

        Raises:
            StoreError: if a file of the home folder cannot be read.
        """
        with _clear_errors():
            return self._duckdb.cursor().sql(sql, params=list(parameters)).to_arrow_table()

    def stream(self, sql: str, parameters: Sequence[Any] = (), rows: int = 16_384) -> Iterator[pa.RecordBatch]:
        """Run one query and yield its result batch by batch, so that it need not fit in memory.

        Raises:
            StoreError: if a file of the home folder cannot be read.
        """
        with _clear_errors():
            yield from self._duckdb.cursor().sql(sql, params=list(parameters)).to_arrow_reader(rows)

    def cache_query(self, name: str, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Cache the result of a query as a table of this name.

        Raises:
            StoreError: if a file of the home folder cannot be read.
        """
        with _clear_errors():
            self._duckdb.cursor().execute(f"CREATE OR REPLACE TABLE {name} AS {sql}", list(parameters))

    def cache_table(self, name: str, table: pa.Table) -> None:
        """Cache an Arrow table under this name."""
        cursor = self._duckdb.cursor()
        cursor.register(f"{name}_arrow", table)
        cursor.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name}_arrow")
        cursor.unregister(f"{name}_arrow")

    def evict(self, name: str) -> None:
        """Free a cached table."""
        self._duckdb.cursor().execute(f"DROP TABLE IF EXISTS {name}")


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise StoreError(f"The store cannot be read: {error}. Run `jepascore doctor` to find the file.") from error
