"""Images in Parquet files: reading a cell reads the column of its row group, of which the last few stay in memory."""

from __future__ import annotations

import bisect
import functools
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jepascore_core.datasets.image_columns import NUM_TRIED, cells_and_paths, cells_of, is_pair
from jepascore_core.errors import SourceError

#: A row group's column is read as a whole; a larger one is refused.
MAX_GROUP_BYTES = 2 * 2**30
#: Row groups stay in memory up to this size together; the latest one always.
CACHED_BYTES = 256 * 2**20


class OpenedParquet(NamedTuple):
    """An opened file, when it was modified, and the first row of each row group, with the number of rows at the end."""

    file: pq.ParquetFile
    modified_ns: int
    starts: list[int]


_lock = threading.Lock()
_groups: OrderedDict[tuple[str, int, str, int], pa.ChunkedArray] = OrderedDict()


def open_parquet(path: str) -> OpenedParquet:
    """Open a file, or return it if it was opened before and has not changed.

    Raises:
        SourceError: if it is not a Parquet file, or is damaged.
        OSError: if it cannot be opened.
    """
    state = os.stat(path)  # noqa: PTH116 - once for every image read
    return _open(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _open(path: str, _size: int, modified_ns: int) -> OpenedParquet:
    return opened_anew(path, modified_ns)


def opened_anew(path: str, modified_ns: int = 0) -> OpenedParquet:
    """Open a file for the caller alone: one that several threads read is read by one at a time.

    Raises:
        SourceError, OSError: as `open_parquet`.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, EOFError) as error:
        raise SourceError(f"{path} is not a readable Parquet file ({error}): download it again.") from error
    sizes = (file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups))
    return OpenedParquet(file, modified_ns, list(itertools.accumulate(sizes, initial=0)))


def parquet_cell(path: str, opened: OpenedParquet, row: int, column: str) -> bytes | None:
    """Return the bytes of one cell; None for null.

    Raises:
        SourceError: if there is no such cell, or the file is damaged.
        OSError: if it cannot be read.
    """
    if not 0 <= row < opened.starts[-1] or column not in opened.file.schema_arrow.names:
        raise SourceError(f"{path} has no row {row} with a column {column}: add the dataset again.")
    group = bisect.bisect_right(opened.starts, row) - 1
    with _lock:  # one thread reads a group, the others wait for it
        value = _group(path, opened, group, column)[row - opened.starts[group]].as_py()
    return value if value is None else bytes(value)


def _group(path: str, opened: OpenedParquet, group: int, column: str) -> pa.ChunkedArray:
    key = (path, opened.modified_ns, column, group)
    if key not in _groups:
        _groups[key] = read_cells(path, opened, group, column)
        while len(_groups) > 1 and sum(cells.nbytes for cells in _groups.values()) > CACHED_BYTES:
            _groups.popitem(last=False)
    _groups.move_to_end(key)
    return _groups[key]


def read_cells(path: str, opened: OpenedParquet, group: int, column: str) -> pa.ChunkedArray:
    """Read the bytes in a column of one row group.

    Raises:
        SourceError: if they are damaged, or too large.
    """
    _check_size(path, opened, group, column)
    try:
        table = opened.file.read_row_group(group, columns=[_leaf(opened, column)], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} is damaged in row group {group} ({error}): download it again.") from error
    return cells_of(table[column])


def _leaf(opened: OpenedParquet, column: str) -> str:
    return f"{column}.bytes" if is_pair(opened.file.schema_arrow.field(column).type) else column


def _chunk(opened: OpenedParquet, group: int, column: str) -> pq.ColumnChunkMetaData | None:
    leaf, chunks = _leaf(opened, column), opened.file.metadata.row_group(group)
    found = (chunks.column(number) for number in range(chunks.num_columns))
    return next((chunk for chunk in found if chunk.path_in_schema == leaf), None)


def _check_size(path: str, opened: OpenedParquet, group: int, column: str) -> None:
    chunk = _chunk(opened, group, column)
    if chunk is not None and chunk.total_uncompressed_size > MAX_GROUP_BYTES:
        raise SourceError(
            f"{path} holds {chunk.total_uncompressed_size} bytes of images in one row group, more than the limit of "
            f"{MAX_GROUP_BYTES}, and a row group is read as a whole: write the file again with smaller ones, such as "
            "`pyarrow.parquet.write_table(table, path, row_group_size=1000)`."
        )


def missing_cells(path: str, opened: OpenedParquet, group: int, column: str) -> list[bool] | None:
    """Return for each row of a group whether its bytes are null; None if none are. Reads them only if it has to.

    Raises:
        SourceError: if they are damaged, or too large.
    """
    _check_size(path, opened, group, column)
    num_rows = opened.starts[group + 1] - opened.starts[group]
    chunk = _chunk(opened, group, column)
    if chunk is not None and chunk.statistics is not None and chunk.statistics.has_null_count:
        if chunk.statistics.null_count == 0:
            return None
        if chunk.statistics.null_count == num_rows:
            return [True] * num_rows
    missing: list[bool] = pc.is_null(read_cells(path, opened, group, column)).to_pylist()
    return missing


def first_cells(path: str, opened: OpenedParquet, column: str) -> Iterator[tuple[bytes | None, str | None]]:
    """Return the first cells of a column, bytes and paths, without reading all of a row group.

    Raises:
        SourceError: if they are damaged.
    """
    batches = opened.file.iter_batches(batch_size=NUM_TRIED, columns=[column], use_threads=False)
    try:
        table = pa.Table.from_batches(
            list(itertools.islice(batches, 1)), pa.schema([opened.file.schema_arrow.field(column)])
        )
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} is damaged ({error}): download it again.") from error
    return cells_and_paths(table[column])
