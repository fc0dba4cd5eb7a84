"""One writer a format: batches of `EXPORT_SCHEMA` in, bytes out, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.errors import ExportError

EXPORT_SCHEMA = pa.schema(
    [
        ("sample_key", pa.string()),
        ("uri", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("score", pa.float64()),
        ("class_percentile", pa.float64()),
        ("percentile", pa.float64()),
        ("verdict", pa.string()),
    ]
)

ROW_GROUP = 65_536

#: Where a spreadsheet would begin a formula: at the start of a cell, or behind what it may take for a separator.
_FORMULA = re.compile(r"(^|[;\t])(?=[=+\-@\t\r\n])")

Writer = Callable[[BinaryIO, Iterable[pa.RecordBatch]], None]


def write_txt(sink: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    r"""Sample keys in UTF-8, one a line, each line ended by "\n".

    Raises:
        ExportError: if a key holds a line break: a reader would take it for two.
    """
    for batch in batches:
        keys = batch["sample_key"].to_pylist()
        broken = [key for key in keys if "\n" in key or "\r" in key]
        if broken:
            raise ExportError(
                f"A text list cannot hold the sample key {broken[0]!r}, which has a line break. "
                "Export as CSV, JSONL or Parquet."
            )
        sink.write("".join(f"{key}\n" for key in keys).encode())


def write_csv(sink: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    """CSV in UTF-8 with a header, safe to open in a spreadsheet.

    Texts are quoted, numbers are not, and what is missing is an empty text. Texts that a spreadsheet would run as a
    formula (starting with = + - @, tab or line break) get a leading apostrophe; for exactly the same keys whatever they
    are, use JSONL or Parquet.
    """
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(EXPORT_SCHEMA.names)
    for batch in batches:
        columns = [
            [None if value is None else neutralised(value) for value in column.to_pylist()]
            if pa.types.is_string(column.type)
            else column.to_pylist()
            for column in batch.columns
        ]
        writer.writerows(zip(*columns, strict=True))
    text.detach()


def neutralised(text: str) -> str:
    """The same text, with an apostrophe wherever a spreadsheet would begin a formula."""
    return _FORMULA.sub(r"\1'", text)


def write_jsonl(sink: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    """One JSON object a line, in ASCII (other letters escaped), so that no reader splits a line at a wrong place."""
    for batch in batches:
        lines = (json.dumps(row, allow_nan=False, separators=(",", ":")) for row in batch.to_pylist())
        sink.write("".join(f"{line}\n" for line in lines).encode("ascii"))


def write_parquet(sink: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    """Parquet, zstd, in row groups of `ROW_GROUP`."""
    with pq.ParquetWriter(sink, EXPORT_SCHEMA, compression="zstd") as writer:
        for table in _in_row_groups(batches):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _in_row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Sizes of incoming batches depend on the number of threads; the file must not."""
    waiting = EXPORT_SCHEMA.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()
