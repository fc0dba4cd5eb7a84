"""What lies beside the shards: tables with a row for each key, as img2dataset writes them, and names of classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.datasets.columns import from_arrow, has_bytes
from jepascore_core.datasets.uris import clean_text
from jepascore_core.errors import SourceError

KEY_COLUMN = "key"
#: Names of the classes that `.cls` numbers, beside the shards or in the folder above: a JSON list, or one a line.
CLASS_FILES = ("classes.json", "classnames.txt")
_MAX_BYTES = 16 * 2**20


def table_beside(shard: str) -> Path | None:
    """Return the table with the name of a shard: 00000.parquet of 00000.tar."""
    path = Path(shard).with_suffix(".parquet")
    return path if path.is_file() else None


def rows_by_key(path: Path) -> dict[str, dict[str, Any]]:
    """Read a table into a dictionary: from its column `key` to its other columns, without missing cells.

    Raises:
        SourceError: if it cannot be read, or has no such column.
    """
    try:
        schema = pq.read_schema(path)
        if KEY_COLUMN not in schema.names:
            raise SourceError(f"It has no column {KEY_COLUMN}.")
        wanted = [field.name for field in schema if not (has_bytes(field.type) or pa.types.is_nested(field.type))]
        table = pq.read_table(path, columns=wanted, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"It cannot be read ({error}): download it again.") from error
    cells = {name: from_arrow(table[name]) for name in wanted}
    rows = pa.table({name: column for name, column in cells.items() if column is not None}).to_pylist()
    return {
        str(row[KEY_COLUMN]): {name: value for name, value in row.items() if value is not None and name != KEY_COLUMN}
        for row in rows
    }


def class_names(shard: str) -> tuple[str, ...]:
    """Return the names of classes that are listed beside a shard, or in the folder above; none if there is no list."""
    for folder in Path(shard).parents[:2]:
        for name in CLASS_FILES:
            try:
                with (folder / name).open("rb") as stream:
                    text = stream.read(_MAX_BYTES).decode("utf-8-sig")
                names = json.loads(text) if name.endswith(".json") else text.splitlines()
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(names, list) and all(isinstance(one, str) for one in names):
                return tuple(clean_text(one).strip() for one in names)
    return ()
