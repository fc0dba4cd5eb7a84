"""Parquet files of the home folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.atomic import atomic_path


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write or replace a table so that a reader, and a crash, sees all of it or none."""
    with atomic_path(path) as temporary, temporary.open("wb") as sink:
        pq.write_table(table, sink, compression="zstd")
