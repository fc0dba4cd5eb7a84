"""Images in Arrow streams, as `datasets` saves them: mapped into memory, so that a cell is read alone."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from jepascore_core.datasets.image_columns import NUM_TRIED, cells_and_paths, cells_of
from jepascore_core.errors import SourceError


class OpenedArrow(NamedTuple):
    """A mapped file, and when it was modified."""

    table: pa.Table
    modified_ns: int


def open_arrow(path: str) -> OpenedArrow:
    """Map a file, or return it if it was mapped before and has not changed.

    Raises:
        SourceError: if it is not an Arrow stream, or is damaged.
        OSError: if it cannot be opened.
    """
    state = os.stat(path)  # noqa: PTH116 - once for every image read
    return _open(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _open(path: str, _size: int, modified_ns: int) -> OpenedArrow:
    try:
        with pa.memory_map(path) as mapped, pa.ipc.open_stream(mapped) as stream:
            return OpenedArrow(stream.read_all(), modified_ns)
    except (pa.ArrowException, EOFError, OSError) as error:
        raise SourceError(f"{path} is not a readable Arrow stream ({error}): download or save it again.") from error


def arrow_cell(path: str, opened: OpenedArrow, row: int, column: str) -> bytes | None:
    """Return the bytes of one cell; None for null.

    Raises:
        SourceError: if there is no such cell.
    """
    if not 0 <= row < len(opened.table) or column not in opened.table.column_names:
        raise SourceError(f"{path} has no row {row} with a column {column}: add the dataset again.")
    value = cells_of(opened.table[column].slice(row, 1))[0].as_py()
    return value if value is None else bytes(value)


def first_cells(opened: OpenedArrow, column: str) -> Iterator[tuple[bytes | None, str | None]]:
    """Return the first cells of a column, bytes and paths."""
    return cells_and_paths(opened.table[column].slice(0, NUM_TRIED))
