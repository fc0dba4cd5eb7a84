"""A table in each split folder that describes its images, as in Hugging Face's imagefolder: `train/metadata.csv`.

Images come from the walk through the folders; a table adds labels and user columns to those that it names, by paths
relative to its own folder. The tables and a dictionary of their paths are kept in memory.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jepascore_core.datasets.candidates import NO_COLUMN, Candidate, SourceOptions, UsedTable, scan_failure
from jepascore_core.datasets.columns import cast, common_type, from_text
from jepascore_core.datasets.listing import extension
from jepascore_core.datasets.locating import composed, split_cell
from jepascore_core.datasets.table_columns import PATH_NAMES, find_columns, label_texts, texts, usual_names
from jepascore_core.datasets.table_files import TableFile, read_table, table_beginning
from jepascore_core.datasets.tables import unique_keys
from jepascore_core.datasets.uris import Roots, path_to_uri
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

_ROWS_AT_ONCE = 1000
_NO_PATH = "The row has no path: fill it in, or remove the row."
_TWICE = "An earlier row names the same image: keep one of them."
_SEVERAL = "The row of another image also matches this one: write the extension into the table."
_NO_IMAGE = "The row does not name an image of this folder: correct its path, or remove the row."

Item = Candidate | SampleFailure


@dataclass(frozen=True)
class SplitMetadata:
    """Content of the tables of a root. `rows` are indices into `labels` and `columns` [N], by sample key.

    `files` are the paths of the tables, and `used` their columns that are used; `labelled` are the folders ("train/")
    whose tables have labels; `faults` are the rows that cannot be used.
    """

    root: str
    files: frozenset[str]
    rows: dict[str, int]
    labels: pa.ChunkedArray
    columns: pa.Table
    faults: tuple[SampleFailure, ...]
    labelled: tuple[str, ...]
    used: tuple[UsedTable, ...]

    @property
    def types(self) -> dict[str, pa.DataType]:
        """User columns and their types."""
        return dict(zip(self.columns.column_names, self.columns.schema.types, strict=True))

    def describe(self, items: Iterable[Item], tally: Counter[str]) -> Iterator[Item]:
        """Yield the items of a walk, with label and columns from their rows, and failures for rows without an image.

        `tally` counts images without a row. Where a table has labels, they are the only ones: an image without a row,
        or with a row without a label, has none, whatever its folder's name.
        """
        iterator = iter(items)
        is_used = np.zeros(len(self.labels), dtype=bool)
        while some := list(islice(iterator, _ROWS_AT_ONCE)):
            some = [self._known_once(item, is_used) for item in some]
            places = [self._place(item.sample_key) for item in some]
            known = [place for place in places if place is not None]
            cells = self._cells(known)
            for item, place in zip(some, places, strict=True):
                label, values = (None, {}) if place is None else next(cells)
                tally["without row"] += place is None and isinstance(item, Candidate)
                yield self._described(item, label, values)
        for key, place in self.rows.items():
            if not is_used[place]:
                yield scan_failure(key, path_to_uri(f"{self.root}/{key}"), _NO_IMAGE)
        yield from self.faults

    def _place(self, key: str) -> int | None:
        """Return the row index of an image; the table's path may have backslashes, other accents, or no extension."""
        if key in self.rows:
            return self.rows[key]
        plain = _plain(key)
        ending = extension(plain)
        place = self._by_plain.get(plain)
        return self._by_plain.get(plain[: -len(ending)]) if place is None and ending else place

    def _known_once(self, item: Item, is_used: np.ndarray) -> Item:
        """Return the item, or a failure for another image that the same row matches."""
        place = self._place(item.sample_key)
        if place is None:
            return item
        if is_used[place] and isinstance(item, Candidate):
            return scan_failure(item.sample_key, item.uri, _SEVERAL)
        is_used[place] = True
        return item

    @cached_property
    def _by_plain(self) -> dict[str, int]:
        return {_plain(key): place for key, place in reversed(self.rows.items())}

    def _described(self, item: Item, label: str | None, cells: dict[str, Any]) -> Item:
        if isinstance(item, SampleFailure):
            return item
        present = {name: value for name, value in cells.items() if value is not None}
        is_told = item.sample_key.startswith(self.labelled)
        return replace(item, label=label if is_told else item.label, metadata=present)

    def _cells(self, places: list[int]) -> Iterator[tuple[str | None, dict[str, Any]]]:
        chosen = pa.array(places, pa.int64())
        # A table without columns yields no rows.
        cells = self.columns.take(chosen).to_pylist() if self.types else [{} for _ in places]
        return zip(self.labels.take(chosen).to_pylist(), cells, strict=True)


def _plain(key: str) -> str:
    return composed("/".join(split_cell(key)))


def find_metadata(root: str, splits: Sequence[str], allowed: Roots, options: SourceOptions) -> SplitMetadata | None:
    """Read the metadata of split folders; return None if none has a table with a column of image paths.

    Raises:
        SourceError: if such a table cannot be read, a folder has several, or none has the given label column.
    """
    files = {split: found for split in splits if (found := _tables(f"{root}/{split}", allowed, options))}
    if not files:
        return None
    for split, found in files.items():
        if len(found) > 1:
            raise SourceError(f"{root}/{split} contains several metadata tables: keep one of {', '.join(found)}.")
    paths = {split: f"{root}/{split}/{name}" for split, (name,) in files.items()}
    names = {path: _names(Path(path), options) for path in paths.values()}
    if not any(options.label_column in (None, NO_COLUMN, *columns) for columns in names.values()):
        first = next(iter(names))
        find_columns(names[first], replace(options, split_column=None), first)
    return _joined(root, [_Described.read(split, path, options) for split, path in paths.items()])


def _tables(folder: str, allowed: Roots, options: SourceOptions) -> list[str]:
    """Return the names of the tables that describe the images of a folder."""
    paths = [Path(f"{folder}/{name}") for name in NAMES]
    return [
        path.name
        for path in paths
        if path.is_file()
        and allowed.contain(os.path.realpath(path))
        and (options.path_column or usual_names(_names(path, options), PATH_NAMES))
    ]


def _names(path: Path, options: SourceOptions) -> list[str]:
    return list(table_beginning(path, options.encoding).table.column_names)


@dataclass(frozen=True, slots=True)
class _Described:
    """The table of one split: paths below the root, labels and columns by row, and lines that are not rows."""

    split: str
    path: str
    keys: list[str | None]
    used: UsedTable
    labels: pa.ChunkedArray
    columns: dict[str, pa.ChunkedArray]
    content: TableFile

    @classmethod
    def read(cls, split: str, path: str, options: SourceOptions) -> _Described:
        content = read_table(Path(path), options.encoding)
        table, given = content.table, options.label_column
        wanted = replace(
            options, split_column=None, label_column=given if given in (NO_COLUMN, *table.column_names) else None
        )
        found = find_columns(table.column_names, wanted, path, content.embedded)
        label = found.label if given in (None, found.label) else None
        # The folder defines the split: a column of that name is ordinary metadata.
        others = [name for name in table.column_names if name not in (found.path, label)]
        folder = path.rpartition("/")[0]
        cells = texts(table[found.path]).to_pylist()
        return cls(
            split,
            path,
            [_key(split, cell.removeprefix(f"{folder}/")) if cell else None for cell in cells],
            UsedTable(path, found.path, label, None),
            label_texts(table[label]) if label else pa.chunked_array([pa.nulls(len(table), pa.string())]),
            {name: from_text(table[name]) if content.is_text else table[name] for name in others},
            content,
        )

    def faults(self) -> Iterator[SampleFailure]:
        """Yield failures for lines that are not rows, rows without a path, and repeated images."""
        uri = path_to_uri(self.path)
        for bad in self.content.bad_lines:
            message = f"Line {bad.number} of the table is not a row: {bad.reason}. Correct the line."
            yield scan_failure(f"{self.split}/#line {bad.number}", uri, message)
        names = [key or f"{self.split}/#row {number}" for number, key in enumerate(self.keys, start=1)]
        for key, name, unique in zip(self.keys, names, unique_keys(names), strict=True):
            if key is None or name != unique:
                yield scan_failure(unique, uri, _TWICE if key else _NO_PATH)


def _key(split: str, cell: str) -> str:
    """Return the path below the root; a path to another folder is returned unchanged and matches no image."""
    path = posixpath.normpath(f"{split}/{cell}")
    return path if path.startswith(f"{split}/") else f"{split}/{cell}"


def _joined(root: str, tables: Sequence[_Described]) -> SplitMetadata:
    """Combine several tables: a column gets one type for all, and names that differ by more than case."""
    spelled: dict[str, str] = {}
    types: dict[str, list[pa.DataType]] = {}
    for table in tables:
        for name, column in table.columns.items():
            spelled.setdefault(name.casefold(), name)
            types.setdefault(name.casefold(), []).append(column.type)
    keys = [key for table in tables for key in table.keys]
    rows: dict[str, int] = {}
    for place, key in enumerate(keys):
        if key is not None:
            rows.setdefault(key, place)
    columns = {spelled[folded]: _column(tables, folded, common_type(found)) for folded, found in types.items()}
    return SplitMetadata(
        root,
        frozenset(table.path for table in tables),
        rows,
        pa.chunked_array([chunk for table in tables for chunk in table.labels.chunks], pa.string()),
        pa.table(columns),
        tuple(fault for table in tables for fault in table.faults()),
        tuple(f"{table.split}/" for table in tables if table.used.label_column),
        tuple(table.used for table in tables),
    )


def _column(tables: Sequence[_Described], folded: str, wanted: pa.DataType) -> pa.ChunkedArray:
    parts: list[pa.Array] = []
    for table in tables:
        own = next((column for name, column in table.columns.items() if name.casefold() == folded), None)
        parts += [pa.nulls(len(table.keys), wanted)] if own is None else cast(own, wanted).chunks
    return pa.chunked_array(parts, wanted)
