"""CSV that is safe to open in a spreadsheet, and CSV for programs, with every text unchanged."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

#: Where a spreadsheet would start a formula: at the start of a cell, or after a possible separator. An apostrophe there
#: is doubled, so that `restored` can tell which ones were inserted.
_BEGINNING = re.compile(r"(^|[;\t])(?=['=+\-@\t\r\n])")
_PUT_IN = re.compile(r"(^|[;\t])'")
#: A number is not a formula, whatever its sign: the class -1 stays -1.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def neutralised(text: str) -> str:
    """Return the text with an apostrophe wherever a spreadsheet would start a formula; numbers are unchanged."""
    return text if _NUMBER.fullmatch(text) else _BEGINNING.sub(r"\1'", text)


def restored(text: str) -> str:
    """Return the text without the apostrophes that `neutralised` inserted."""
    return _PUT_IN.sub(r"\1", text)


def write_csv(
    sink: BinaryIO, names: Sequence[str], batches: Iterable[pa.RecordBatch], for_spreadsheets: bool = True
) -> None:
    """Write CSV in UTF-8 with a header. Texts are quoted, numbers are not, and missing values are empty.

    Args:
        sink: receives the bytes.
        names: the header.
        batches: the rows, in these columns.
        for_spreadsheets: neutralise texts; otherwise every text is written unchanged.
    """
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(names)
    for batch in batches:
        columns = [_cells(column, for_spreadsheets) for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))
    text.detach()


def _cells(column: pa.Array, for_spreadsheets: bool) -> list[object]:
    cells: list[Any] = column.to_pylist()
    if for_spreadsheets and pa.types.is_string(column.type):
        return [None if cell is None else neutralised(cell) for cell in cells]
    return cells


def table_csv(table: pa.Table) -> bytes:
    """Return a table as CSV that is safe in a spreadsheet."""
    sink = io.BytesIO()
    write_csv(sink, table.column_names, table.to_batches())
    return sink.getvalue()
