"""Read rows spread over a table, without reading all of a large one, to decide how to read it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.datasets.csv_rows import CsvRow, csv_rows
from jepascore_core.datasets.table_columns import texts
from jepascore_core.datasets.table_files import TableFile, csv_separator, is_json, read_table, table_beginning

#: Larger tables are sampled.
WHOLE_BYTES = 4 * 2**20

_NUM_ROWS = 256
_NUM_PLACES = 32
_PLACE_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class TableSample:
    """Rows of a table as text, by column name; `whole` is all of it if it is small. `embedded` columns are binary."""

    names: list[str]
    rows: list[dict[str, str | None]]
    embedded: tuple[str, ...] = ()
    whole: TableFile | None = None

    def cells(self, column: str) -> list[str]:
        """List the cells of a column that are not empty."""
        return [cell for row in self.rows if (cell := row.get(column))]

    def all_cells(self, column: str) -> Iterator[str]:
        """Iterate over the cells of a column, of the whole table if it was read."""
        if self.whole is not None:
            yield from filter(None, texts(self.whole.table[column]).to_pylist())


def table_sample(path: Path, encoding: str | None = None) -> TableSample:
    """Read rows spread over a table.

    Raises:
        SourceError: if the file is not a readable table, or is empty.
    """
    if path.stat().st_size <= WHOLE_BYTES:
        whole = read_table(path, encoding)
        step = max(1, -(-len(whole.table) // _NUM_ROWS))
        return _sample(whole, range(0, len(whole.table), step), whole)
    beginning = table_beginning(path, encoding)
    sample = _sample(beginning, range(len(beginning.table)))
    places = _parquet_places(path, sample.names) if path.suffix.lower() == ".parquet" else _text_places(path, sample)
    return TableSample(sample.names, sample.rows + list(places), sample.embedded)


def _sample(content: TableFile, places: Sequence[int], whole: TableFile | None = None) -> TableSample:
    table = content.table.take(pa.array(places, pa.int64()))
    columns = {name: texts(table[name]).to_pylist() for name in table.column_names}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return TableSample(table.column_names, rows, content.embedded, whole)


def _parquet_places(path: Path, names: list[str]) -> Iterator[dict[str, str | None]]:
    with pq.ParquetFile(path) as opened:
        groups = range(0, opened.num_row_groups, max(1, opened.num_row_groups // 8))
        for group in groups:
            batches = opened.iter_batches(batch_size=_NUM_ROWS // 8, row_groups=[group], columns=names)
            for row in next(iter(batches)).to_pylist():
                yield {name: None if cell is None else str(cell) for name, cell in row.items()}


def _text_places(path: Path, sample: TableSample) -> Iterator[dict[str, str | None]]:
    """Yield rows that begin after evenly spaced offsets in a file.

    An offset inside a quoted cell yields garbled rows: those with a different number of cells are left out.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        separator = csv_separator(path, stream.readline().decode("utf-8", "replace"))
        for place in range(1, _NUM_PLACES):
            stream.seek(size * place // _NUM_PLACES)
            text = stream.read(_PLACE_BYTES).decode("utf-8", "surrogateescape")
            lines = io.StringIO(text, newline="").readlines()[1:-1]
            yield from islice(_rows(lines, path, sample.names, separator), _NUM_ROWS // _NUM_PLACES)


def _rows(lines: list[str], path: Path, names: list[str], separator: str) -> Iterator[dict[str, str | None]]:
    if not is_json(path):
        for row in csv_rows(lines, separator, len(names)):
            if isinstance(row, CsvRow):
                yield dict(zip(names, row.cells, strict=True))
        return
    for line in lines:
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield {name: None if (cell := found.get(name)) is None else str(cell) for name in names}
