"""Find the table row of each sample, counted as in pandas or csv: from 0, without the header."""

from __future__ import annotations

from pathlib import Path

from jepascore_core.datasets.candidates import SourceOptions
from jepascore_core.datasets.sources import table_search
from jepascore_core.datasets.tables import row_keys
from jepascore_core.errors import SourceError


def row_numbers(source: Path, options: SourceOptions) -> tuple[Path, dict[str, int]]:
    """Return the table of a source (itself, or that of a folder's images) and the row of each sample key.

    Lines that are not rows are not counted.

    Raises:
        SourceError: if there is none or several, or it cannot be read or lacks the columns.
    """
    search = table_search(source, options)
    if not search.used:
        raise SourceError(f"{source} no longer contains the table")
    if len(search.used) > 1:
        names = ", ".join(table.path.name for table in search.used)
        raise SourceError(f"{source} is described by several tables ({names}), and rows count within one")
    return search.used[0].path, {key: number for number, key in enumerate(row_keys(search, options))}
