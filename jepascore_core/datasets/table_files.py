"""CSV, TSV, JSONL and Parquet files as one Arrow table; columns are text, or have one of the types of columns.py.

The table is held in memory as a whole (about the size of its text); its columns get their types from all rows.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.datasets.columns import cast, common_type, from_arrow, from_values, has_bytes
from jepascore_core.datasets.csv_rows import BadLine, CsvRow, csv_rows
from jepascore_core.datasets.uris import clean_text
from jepascore_core.errors import SourceError

TABLE_EXTENSIONS = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"))

_JSON_EXTENSIONS = (".jsonl", ".ndjson")
_HEAD_ROWS = 100
_ROWS_AT_ONCE = 10_000
_SEPARATORS = ",;\t|"
_READ_ERRORS = (pa.ArrowException, OSError, UnicodeError, csv.Error)


class Head(NamedTuple):
    """The beginning of a table: its column names and first rows."""

    names: list[str]
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table of user columns, and the lines of its file that are no rows.

    `is_text` says that the format knows no types: every cell is the text that stands there, "" if nothing does.
    `embedded` names columns of binary data, such as images, which are not part of the table.
    """

    table: pa.Table
    bad_lines: list[BadLine] = field(default_factory=list)
    is_text: bool = False
    embedded: tuple[str, ...] = ()


def is_table(path: Path) -> bool:
    """Whether the name says that the file is a table."""
    return path.suffix.lower() in TABLE_EXTENSIONS


def head(path: Path) -> Head:
    """Column names and first rows of a table, without reading all of it.

    Raises:
        SourceError: if the file is no readable table.
    """
    try:
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path) as opened:
                names = [field.name for field in opened.schema_arrow if not has_bytes(field.type)]
                batch = next(opened.iter_batches(batch_size=_HEAD_ROWS, columns=names), None)
            rows = batch.rename_columns(unique_names(names)).to_pylist() if batch else []
            return Head(unique_names(names), rows)
        with _open_text(path) as lines:
            if path.suffix.lower() in _JSON_EXTENSIONS:
                rows = [row for row in islice(_json_rows(lines), _HEAD_ROWS) if isinstance(row, dict)]
                keys = list(_json_columns(rows))
                names = unique_names(keys)
                return Head(names, [dict(zip(names, map(row.get, keys), strict=True)) for row in rows])
            names, rows = _csv_parts(path, lines)
            found = (row.cells for row in rows if isinstance(row, CsvRow))
            return Head(names, [dict(zip(names, cells, strict=True)) for cells in islice(found, _HEAD_ROWS)])
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def read_table(path: Path) -> TableFile:
    """Read a whole table.

    Raises:
        SourceError: if the file is no readable table, or is empty.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        return _read_json_lines(path) if path.suffix.lower() in _JSON_EXTENSIONS else _read_csv(path)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def unique_names(names: Iterable[str]) -> list[str]:
    """Column names that differ by more than case (SQL ignores case), and none empty; in the same order."""
    result: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        base = clean_text(name).strip() or f"column_{position}"
        unique, repeat = base, 1
        while unique.casefold() in taken:
            repeat += 1
            unique = f"{base}_{repeat}"
        taken.add(unique.casefold())
        result.append(unique)
    return result


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"The table {path} cannot be read ({error}): save it again as CSV or TSV in UTF-8, JSON lines or Parquet."
    )


def _open_text(path: Path) -> Any:
    with path.open("rb") as stream:
        if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise SourceError(f"The table {path} is in UTF-16: save it again as UTF-8.")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_parts(path: Path, lines: Iterable[str]) -> tuple[list[str], Iterator[CsvRow | BadLine]]:
    """Column names of CSV or TSV, and its rows. The separator is a tab in TSV, else the commonest of the first line."""
    iterator = iter(lines)
    beginning: list[str] = []
    while not "".join(beginning).strip() and (line := next(iterator, None)) is not None:
        beginning.append(line)
    first = beginning[-1] if beginning else ""
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)
    rows = csv_rows(chain(beginning, iterator), separator)
    header = next(rows, None)
    if header is None:
        raise SourceError(f"The table {path} is empty: it needs a first line with column names.")
    if isinstance(header, BadLine):
        raise SourceError(
            f"The column names of the table {path} cannot be read: {header.reason}. Correct line {header.number}."
        )
    return unique_names(header.cells), rows


def _read_csv(path: Path) -> TableFile:
    bad: list[BadLine] = []
    with _open_text(path) as lines:
        names, rows = _csv_parts(path, lines)
        parts: list[pa.RecordBatch] = []
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            bad += [row for row in some if isinstance(row, BadLine)]
            cells = [row.cells for row in some if isinstance(row, CsvRow)]
            columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
            if columns:
                parts.append(pa.record_batch(columns, names))
    schema = pa.schema([(name, pa.string()) for name in names])
    return TableFile(pa.Table.from_batches(parts, schema), bad, is_text=True)


def _read_parquet(path: Path) -> TableFile:
    schema = pq.read_schema(path)
    embedded = tuple(name for name in schema.names if has_bytes(schema.field(name).type))
    table = pq.read_table(path, columns=[name for name in schema.names if name not in embedded])
    columns = pa.table([from_arrow(column) for column in table.columns], names=unique_names(table.column_names))
    return TableFile(columns, embedded=embedded)


def _json_rows(lines: Iterable[str]) -> Iterator[dict[str, Any] | BadLine]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadLine(number, f"not JSON ({error})")
            continue
        yield row if isinstance(row, dict) else BadLine(number, "not a JSON object")


def _json_columns(rows: Iterable[dict[str, Any]]) -> dict[str, None]:
    """All keys, in the order of their first appearance."""
    return dict.fromkeys(key for row in rows for key in row)


def _read_json_lines(path: Path) -> TableFile:
    bad: list[BadLine] = []
    parts: list[tuple[int, dict[str, pa.Array]]] = []
    with _open_text(path) as lines:
        parsed = _json_rows(lines)
        while some := list(islice(parsed, _ROWS_AT_ONCE)):
            bad += [row for row in some if isinstance(row, BadLine)]
            rows = [row for row in some if isinstance(row, dict)]
            parts.append((len(rows), {key: from_values([row.get(key) for row in rows]) for key in _json_columns(rows)}))
    keys = list(dict.fromkeys(key for _, columns in parts for key in columns))
    if not keys:
        raise SourceError(f'The table {path} holds no JSON object: it needs one a line, such as {{"path": "a.jpg"}}.')
    return TableFile(
        pa.table([_joined(key, parts) for key in keys], names=unique_names(keys)),
        bad,
    )


def _joined(key: str, parts: list[tuple[int, dict[str, pa.Array]]]) -> pa.ChunkedArray:
    """One column from its pieces, which may be missing or differ in type."""
    pieces = [columns.get(key, pa.nulls(length)) for length, columns in parts]
    wanted = common_type(piece.type for piece in pieces)
    return pa.chunked_array(
        [chunk for piece in pieces for chunk in cast(pa.chunked_array([piece]), wanted).chunks], wanted
    )
