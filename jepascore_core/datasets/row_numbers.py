"""Which row of a table each sample is, as pandas or csv count them: from 0, without the header."""

from __future__ import annotations

from pathlib import Path

from jepascore_core.datasets.candidates import SourceOptions
from jepascore_core.datasets.table_files import is_table, read_table
from jepascore_core.datasets.tables import find_columns, find_table, row_keys
from jepascore_core.errors import SourceError


def described_table(source: Path, options: SourceOptions) -> Path:
    """The table that a source is, or that describes the images of a folder.

    Raises:
        SourceError: if there is none.
    """
    if is_table(source) and source.is_file():
        return source
    found = find_table(source, options) if source.is_dir() else None
    if found is None:
        raise SourceError(f"{source} does not hold the table any more")
    return found


def row_numbers(table: Path, options: SourceOptions) -> dict[str, int]:
    """Row of each sample key of a table. Lines that are not rows are not counted.

    Raises:
        SourceError: if it cannot be read, or has no such columns.
    """
    content = read_table(table)
    columns = find_columns(content.table.column_names, options, table, content.embedded)
    _, keys = row_keys(content.table[columns.path], content.bad_lines)
    return {key: number for number, key in enumerate(keys)}
