"""Read CSV, TSV, JSONL and Parquet files as one Arrow table; columns are text, or have one of the types of columns.py.

The whole table is in memory (about the size of its text); column types are inferred from all rows.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

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


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table of user columns, and the lines of its file that are not rows.

    `is_text` says that the format has no types: every cell is text, "" if it is empty.
    `embedded` names columns of binary data, such as images, which are not part of the table.
    """

    table: pa.Table
    bad_lines: list[BadLine] = field(default_factory=list)
    is_text: bool = False
    embedded: tuple[str, ...] = ()


def is_table(path: Path) -> bool:
    """Return whether the name says that the file is a table."""
    return path.suffix.lower() in TABLE_EXTENSIONS


def read_table(path: Path, encoding: str | None = None, max_rows: int | None = None) -> TableFile:
    """Read a table, all of it or its first rows.

    Raises:
        SourceError: if the file is not a readable table, or is empty.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path, max_rows)
        with open_text(path, encoding) as lines:
            reader = _read_json_lines if is_json(path) else _read_csv
            return reader(path, lines, max_rows)
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error


def table_beginning(path: Path, encoding: str | None = None) -> TableFile:
    """Read the first hundred rows of a table.

    Raises:
        SourceError: if the file is not a readable table, or is empty.
    """
    return read_table(path, encoding, _HEAD_ROWS)


def is_json(path: Path) -> bool:
    """Return whether the name says that each line is a JSON object."""
    return path.suffix.lower() in _JSON_EXTENSIONS


def unique_names(names: Iterable[str]) -> list[str]:
    """Make column names differ by more than case (SQL ignores case) and not empty; in the same order."""
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
    remedy = "save it again as CSV or TSV in UTF-8, JSON lines or Parquet"
    if isinstance(error, UnicodeError):
        remedy += ", or say how it is encoded (--encoding cp1252; in the app Options, Encoding)"
    return SourceError(f"The table {path} cannot be read ({error}): {remedy}.")


def open_text(path: Path, encoding: str | None = None) -> TextIO:
    """Open a table's text, with its line ends unchanged.

    Raises:
        SourceError: if it is in UTF-16 and no encoding is given.
    """
    if encoding is not None:
        return path.open(encoding=encoding, newline="")
    with path.open("rb") as stream:
        if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise SourceError(f"The table {path} is in UTF-16: save it again as UTF-8.")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def csv_separator(path: Path, first_line: str) -> str:
    """Return the separator: a tab in TSV, otherwise the most frequent candidate in the first line."""
    return "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first_line.count)


def csv_parts(path: Path, lines: Iterable[str]) -> tuple[list[str], Iterator[CsvRow | BadLine]]:
    """Return the column names of CSV or TSV, and its rows."""
    iterator = iter(lines)
    beginning: list[str] = []
    while not "".join(beginning).strip() and (line := next(iterator, None)) is not None:
        beginning.append(line)
    first = beginning[-1] if beginning else ""
    rows = csv_rows(chain(beginning, iterator), csv_separator(path, first))
    header = next(rows, None)
    if header is None:
        raise SourceError(f"The table {path} is empty: it needs a first line with column names.")
    if isinstance(header, BadLine):
        raise SourceError(
            f"The column names of the table {path} cannot be read: {header.reason}. Correct line {header.number}."
        )
    return unique_names(header.cells), rows


def _read_csv(path: Path, lines: Iterable[str], max_rows: int | None) -> TableFile:
    bad: list[BadLine] = []
    names, rows = csv_parts(path, lines)
    rows = islice(rows, max_rows)
    parts: list[pa.RecordBatch] = []
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        bad += [row for row in some if isinstance(row, BadLine)]
        cells = [row.cells for row in some if isinstance(row, CsvRow)]
        columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
        if columns:
            parts.append(pa.record_batch(columns, names))
    schema = pa.schema([(name, pa.string()) for name in names])
    return TableFile(pa.Table.from_batches(parts, schema), bad, is_text=True)


def _read_parquet(path: Path, max_rows: int | None) -> TableFile:
    schema = pq.read_schema(path)
    embedded = tuple(name for name in schema.names if has_bytes(schema.field(name).type))
    wanted = [name for name in schema.names if name not in embedded]
    if max_rows is None:
        table = pq.read_table(path, columns=wanted)
    else:
        with pq.ParquetFile(path) as opened:
            batches = islice(opened.iter_batches(batch_size=max(1, min(max_rows, _ROWS_AT_ONCE)), columns=wanted), 1)
            table = pa.Table.from_batches(batches, pa.schema([schema.field(name) for name in wanted]))
    columns = pa.table([from_arrow(column) for column in table.columns], names=unique_names(table.column_names))
    return TableFile(columns, embedded=embedded)


def json_rows(lines: Iterable[str]) -> Iterator[dict[str, Any] | BadLine]:
    """Parse JSON lines into objects, and into bad lines where they are not objects."""
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
    """Return all keys, in order of first appearance."""
    return dict.fromkeys(key for row in rows for key in row)


def _read_json_lines(path: Path, lines: Iterable[str], max_rows: int | None) -> TableFile:
    bad: list[BadLine] = []
    parts: list[tuple[int, dict[str, pa.Array]]] = []
    parsed = islice(json_rows(lines), max_rows)
    while some := list(islice(parsed, _ROWS_AT_ONCE)):
        bad += [row for row in some if isinstance(row, BadLine)]
        rows = [row for row in some if isinstance(row, dict)]
        parts.append((len(rows), {key: from_values([row.get(key) for row in rows]) for key in _json_columns(rows)}))
    keys = list(dict.fromkeys(key for _, columns in parts for key in columns))
    if not keys:
        raise SourceError(
            f'The table {path} contains no JSON object: it needs one per line, such as {{"path": "a.jpg"}}.'
        )
    return TableFile(
        pa.table([_joined(key, parts) for key in keys], names=unique_names(keys)),
        bad,
    )


def _joined(key: str, parts: list[tuple[int, dict[str, pa.Array]]]) -> pa.ChunkedArray:
    """Combine the chunks of one column, which may be missing or differ in type."""
    pieces = [columns.get(key, pa.nulls(length)) for length, columns in parts]
    wanted = common_type(piece.type for piece in pieces)
    return pa.chunked_array(
        [chunk for piece in pieces for chunk in cast(pa.chunked_array([piece]), wanted).chunks], wanted
    )
