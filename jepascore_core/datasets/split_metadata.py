"""A table in each split folder that describes its images, as in Hugging Face's imagefolder: `train/metadata.csv`.

Images come from the walk through the folders; a table gives labels and user columns to those that it names, by paths
that start from the table's own folder. The tables and a dictionary of their paths are held in memory.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jepascore_core.datasets.candidates import NO_COLUMN, Candidate, SourceOptions, scan_failure
from jepascore_core.datasets.columns import cast, common_type, from_text
from jepascore_core.datasets.table_files import TableFile, head, read_table
from jepascore_core.datasets.tables import PATH_NAMES, find_columns, label_texts, texts, unique_keys
from jepascore_core.datasets.uris import Roots, path_to_uri
from jepascore_core.errors import SourceError
from jepascore_core.records import SampleFailure

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

_ROWS_AT_ONCE = 1000
_NO_PATH = "The row has no path: fill it in, or remove the row."
_TWICE = "A row above names the same image: keep one of them."
_NO_IMAGE = "The row names no image of this folder: correct its path, or remove the row."

Item = Candidate | SampleFailure


@dataclass(frozen=True, slots=True)
class SplitMetadata:
    """What the tables of a root say. `rows` are the places of images, by sample key, in `labels` and `columns` [N].

    `files` are the paths of the tables; `faults` is what of them cannot be used.
    """

    root: str
    files: frozenset[str]
    rows: dict[str, int]
    labels: pa.ChunkedArray
    columns: pa.Table
    faults: tuple[SampleFailure, ...]

    @property
    def types(self) -> dict[str, pa.DataType]:
        """User columns and their types."""
        return dict(zip(self.columns.column_names, self.columns.schema.types, strict=True))

    def describe(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items of a walk, with label and columns where an image has a row, and failures for rows without an image.

        Where a row says no label, that of the folders stays.
        """
        iterator = iter(items)
        is_used = np.zeros(len(self.labels), dtype=bool)
        while some := list(islice(iterator, _ROWS_AT_ONCE)):
            places = [self.rows.get(item.sample_key) for item in some]
            known = [place for place in places if place is not None]
            is_used[known] = True
            cells = self._cells(known)
            yield from (
                item if place is None else _described(item, *next(cells))
                for item, place in zip(some, places, strict=True)
            )
        for key, place in self.rows.items():
            if not is_used[place]:
                yield scan_failure(key, path_to_uri(f"{self.root}/{key}"), _NO_IMAGE)
        yield from self.faults

    def _cells(self, places: list[int]) -> Iterator[tuple[str | None, dict[str, Any]]]:
        chosen = pa.array(places, pa.int64())
        # A table without columns yields no rows.
        cells = self.columns.take(chosen).to_pylist() if self.types else [{} for _ in places]
        return zip(self.labels.take(chosen).to_pylist(), cells, strict=True)


def _described(item: Item, label: str | None, cells: dict[str, Any]) -> Item:
    if isinstance(item, SampleFailure):
        return item
    present = {name: value for name, value in cells.items() if value is not None}
    return replace(item, label=item.label if label is None else label, metadata=present)


def find_metadata(root: str, splits: Sequence[str], allowed: Roots, options: SourceOptions) -> SplitMetadata | None:
    """The metadata of split folders; None where none of them has a table with a column of image paths.

    Raises:
        SourceError: if such a table cannot be read, a folder has several, or none has the label column that was given.
    """
    files = {split: found for split in splits if (found := _tables(f"{root}/{split}", allowed, options))}
    if not files:
        return None
    for split, found in files.items():
        if len(found) > 1:
            raise SourceError(f"{root}/{split} holds several tables of metadata: keep one of {', '.join(found)}.")
    paths = {split: f"{root}/{split}/{name}" for split, (name,) in files.items()}
    names = {path: head(Path(path)).names for path in paths.values()}
    if not any(options.label_column in (None, NO_COLUMN, *columns) for columns in names.values()):
        first = next(iter(names))
        find_columns(names[first], replace(options, split_column=None), first)
    return _joined(root, [_Described.read(split, path, options) for split, path in paths.items()])


def _tables(folder: str, allowed: Roots, options: SourceOptions) -> list[str]:
    """Names of the tables that describe the images of a folder."""
    return [
        name
        for name in NAMES
        if (path := Path(f"{folder}/{name}")).is_file()
        and allowed.contain(os.path.realpath(path))
        and (options.path_column or any(column.casefold() in PATH_NAMES for column in head(path).names))
    ]


@dataclass(frozen=True, slots=True)
class _Described:
    """The table of one split: paths from the root, labels and columns a row, and lines that are no rows."""

    split: str
    path: str
    keys: list[str | None]
    labels: pa.ChunkedArray
    columns: dict[str, pa.ChunkedArray]
    content: TableFile

    @classmethod
    def read(cls, split: str, path: str, options: SourceOptions) -> _Described:
        content = read_table(Path(path))
        table, given = content.table, options.label_column
        wanted = replace(
            options, split_column=None, label_column=given if given in (NO_COLUMN, *table.column_names) else None
        )
        found = find_columns(table.column_names, wanted, path, content.embedded)
        label = found.label if given in (None, found.label) else None
        # The folder says the split: a column of that name is one like others.
        others = [name for name in table.column_names if name not in (found.path, label)]
        folder = path.rpartition("/")[0]
        cells = texts(table[found.path]).to_pylist()
        return cls(
            split,
            path,
            [_key(split, cell.removeprefix(f"{folder}/")) if cell else None for cell in cells],
            label_texts(table[label]) if label else pa.chunked_array([pa.nulls(len(table), pa.string())]),
            {name: from_text(table[name]) if content.is_text else table[name] for name in others},
            content,
        )

    def faults(self) -> Iterator[SampleFailure]:
        """Lines that are no rows, rows without a path, and rows about the image of another one."""
        uri = path_to_uri(self.path)
        for bad in self.content.bad_lines:
            message = f"Line {bad.number} of the table is no row: {bad.reason}. Correct the line."
            yield scan_failure(f"{self.split}/#line {bad.number}", uri, message)
        names = [key or f"{self.split}/#row {number}" for number, key in enumerate(self.keys, start=1)]
        for key, name, unique in zip(self.keys, names, unique_keys(names), strict=True):
            if key is None or name != unique:
                yield scan_failure(unique, uri, _TWICE if key else _NO_PATH)


def _key(split: str, cell: str) -> str:
    """Path from the root; one that leads to another folder stays as it is, and is that of no image."""
    path = posixpath.normpath(f"{split}/{cell}")
    return path if path.startswith(f"{split}/") else f"{split}/{cell}"


def _joined(root: str, tables: Sequence[_Described]) -> SplitMetadata:
    """Several tables as one: a column has one type in all of them, and names differ by more than case."""
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
    )


def _column(tables: Sequence[_Described], folded: str, wanted: pa.DataType) -> pa.ChunkedArray:
    parts: list[pa.Array] = []
    for table in tables:
        own = next((column for name, column in table.columns.items() if name.casefold() == folded), None)
        parts += [pa.nulls(len(table.keys), wanted)] if own is None else cast(own, wanted).chunks
    return pa.chunked_array(parts, wanted)
