"""Parquet files of images made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PAIR = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_rows(path: Path, rows: list[dict[str, Any]], group: int = 3, **types: pa.DataType) -> Path:
    """Write rows in groups of a size; `types` are those of columns that are not to be inferred."""
    inferred = pa.Table.from_pylist(rows).schema
    schema = pa.schema([(name, types.get(name, inferred.field(name).type)) for name in inferred.names])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=group)
    return path


def pair(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}
