"""Plan the samples of tables that list images: their rows, then the images of the folder without a row."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from jepascore_core.datasets.candidates import (
    NO_COLUMN,
    Candidate,
    ScanPlan,
    SourceOptions,
    UsedTable,
    scan_failure,
)
from jepascore_core.datasets.columns import cast, common_type, from_text
from jepascore_core.datasets.finding import ImageTable, TableSearch
from jepascore_core.datasets.layout import NOTHING_SAID, Layout, Said, layout_of_paths
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.locating import Located, common_folders
from jepascore_core.datasets.table_columns import Columns, find_columns, label_texts, texts, words
from jepascore_core.datasets.table_files import TableFile, read_table
from jepascore_core.datasets.uris import path_to_uri, sample_key
from jepascore_core.errors import SampleError
from jepascore_core.records.datasets import SampleFailure

_ROWS_AT_ONCE = 8192

Item = Candidate | SampleFailure
#: Walks through a folder; its argument is the tables that are read separately.
Walk = Callable[[frozenset[str]], Iterable[Item]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table with its columns assigned: user columns by their common names, and the split from its name."""

    table: ImageTable
    content: TableFile
    columns: Columns
    metadata: dict[str, pa.ChunkedArray]


def plan_tables(
    search: TableSearch,
    options: SourceOptions,
    layout: Layout | None = None,
    walk: Walk | None = None,
    max_rows: int | None = None,
) -> ScanPlan:
    """Read tables and plan their rows, then the images without a row that a walk finds.

    An image without a row is a sample without a label, unless the tables have no labels: then all labels come from the
    folders, `layout`. Splits come from a column, from the names of the tables, or from the folders.

    Args:
        search: the tables.
        options: columns and encoding.
        layout: meaning of the folders; None for a table that is the source itself: splits then follow from its paths.
        walk: walks through the folder that is the source.
        max_rows: maximum number of rows to read of each table.

    Raises:
        SourceError: if a table cannot be read, or lacks the columns.
    """
    tables = [_read(table, options, max_rows) for table in search.used]
    types = _common_columns(tables)
    ignored = PassedOver()
    plan = ScanPlan("table", iter(()), ignored, types, list(search.questions), unused=list(search.unused))
    plan.tables = [
        UsedTable(str(rows.table.path), rows.columns.path, rows.columns.label, rows.columns.split) for rows in tables
    ]
    plan.items = _items(tables, search.root, options, layout, walk, plan.tally)
    return plan


def _read(table: ImageTable, options: SourceOptions, max_rows: int | None) -> _Rows:
    content = read_table(table.path, options.encoding, max_rows)
    names = content.table.column_names
    columns = find_columns(names, replace(options, path_column=table.path_column), table.path, content.embedded)
    others = [name for name in names if name not in (columns.path, columns.label, columns.split)]
    cells = {name: from_text(content.table[name]) if content.is_text else content.table[name] for name in others}
    return _Rows(table, content, columns, cells)


def row_keys(search: TableSearch, options: SourceOptions) -> list[str]:
    """Return the sample keys of the rows of the only table, in order.

    Raises:
        SourceError: if it cannot be read, or lacks the columns.
    """
    rows = _read(search.used[0], options, None)
    return unique_keys(_keys(rows, _places(rows), search.root))[len(rows.content.bad_lines) :]


def _common_columns(tables: Sequence[_Rows]) -> dict[str, pa.DataType]:
    """Return user columns and their types; those of several tables are matched ignoring case."""
    spelled: dict[str, str] = {}
    found: dict[str, list[pa.DataType]] = {}
    for rows in tables:
        for name, column in rows.metadata.items():
            spelled.setdefault(name.casefold(), name)
            found.setdefault(name.casefold(), []).append(column.type)
    types = {spelled[folded]: common_type(kinds) for folded, kinds in found.items()}
    for rows in tables if len(tables) > 1 else ():
        own = {spelled[name.casefold()]: column for name, column in rows.metadata.items()}
        rows.metadata.clear()
        rows.metadata.update({name: cast(column, types[name]) for name, column in own.items()})
    return types


def _items(
    tables: Sequence[_Rows],
    root: str,
    options: SourceOptions,
    layout: Layout | None,
    walk: Walk | None,
    tally: Counter[str],
) -> Iterator[Item]:
    places = [_places(rows) for rows in tables]
    beginnings = [_keys(rows, found, root) for rows, found in zip(tables, places, strict=True)]
    keys = unique_keys([key for some in beginnings for key in some])
    inside = [_inside(found, root) for found in places]
    said = layout or layout_of_paths(path or "" for paths in inside for path in paths)
    folders = _Folders(
        said,
        layout is not None and options.label_column != NO_COLUMN and not any(rows.columns.label for rows in tables),
        options.split_column != NO_COLUMN and not any(rows.columns.split or rows.table.split for rows in tables),
    )
    first, uris = 0, set()
    for rows, found, paths in zip(tables, places, inside, strict=True):
        last = first + len(rows.content.bad_lines) + len(found)
        for item in _row_items(rows, found, keys[first:last], list(map(folders.say, paths))):
            uris.add(item.uri)
            yield item
        first = last
    if walk is not None:
        taken = set(keys)
        for item in walk(frozenset(str(rows.table.path) for rows in tables)):
            if isinstance(item, Candidate) and item.uri not in uris:
                tally["without row"] += 1
                label, split = folders.say(item.sample_key)
                yield replace(item, sample_key=_free_key(item.sample_key, taken), label=label, split=split)
            elif isinstance(item, SampleFailure) and item.sample_key not in taken:
                yield item


@dataclass(frozen=True, slots=True)
class _Folders:
    """Labels and splits from folders, if the tables lack them."""

    layout: Layout
    are_labels: bool
    are_splits: bool

    def say(self, path: str | None) -> Said:
        """Return label and split of an image, from its path below the root; None for one outside it."""
        label, split = NOTHING_SAID if path is None else self.layout.of(path)
        return Said(label if self.are_labels else None, split if self.are_splits else None)


def _places(rows: _Rows) -> list[Located | SampleError]:
    """Resolve the path of each row, or say why it cannot be resolved."""
    cells = texts(rows.content.table[rows.columns.path]).to_pylist()
    locator = rows.table.locator
    locator.common = common_folders(filter(None, cells))
    places: list[Located | SampleError] = []
    for cell in cells:
        try:
            places.append(locator.locate(cell))
        except SampleError as error:
            places.append(error)
    return places


def _keys(rows: _Rows, places: Sequence[Located | SampleError], root: str) -> list[str]:
    """Return keys of bad lines and rows: the path as written, or the path below the root if it differs."""
    cells = texts(rows.content.table[rows.columns.path]).to_pylist()
    starts_elsewhere = rows.table.locator.base != root
    keys = [f"#line {bad.number}" for bad in rows.content.bad_lines]
    for number, (cell, place) in enumerate(zip(cells, places, strict=True), start=1):
        path = None
        if isinstance(place, Located):
            path = place.relative or (_below(place.path, root) if starts_elsewhere else None)
        keys.append(cell or f"#row {number}" if path is None else sample_key(path))
    return keys


def _inside(places: Sequence[Located | SampleError], root: str) -> list[str | None]:
    """Return the path below the root of each row's image; None for one outside it."""
    real = os.path.realpath(root)
    return [(place.relative or _below(place.path, real)) if isinstance(place, Located) else None for place in places]


def _below(path: str, root: str) -> str | None:
    prefix = root.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def _free_key(key: str, taken: set[str]) -> str:
    free, repeat = key, 1
    while free in taken:
        repeat += 1
        free = f"{key}#{repeat}"
    taken.add(free)
    return free


def _row_items(
    rows: _Rows, places: Sequence[Located | SampleError], keys: Sequence[str], said: Sequence[Said]
) -> Iterator[Item]:
    """Yield failures for bad lines, then a candidate or failure for each row."""
    bad_lines = rows.content.bad_lines
    for bad, key in zip(bad_lines, keys, strict=False):
        message = f"Line {bad.number} of the table is not a row: {bad.reason}. Correct the line."
        yield scan_failure(key, path_to_uri(str(rows.table.path)), message)
    keys = keys[len(bad_lines) :]
    nothing = pa.chunked_array([pa.nulls(len(keys), pa.string())])
    table, columns = rows.content.table, rows.columns
    labels = label_texts(table[columns.label]) if columns.label else nothing
    splits = words(table[columns.split]) if columns.split else nothing
    paths, metadata = texts(table[columns.path]), pa.table(rows.metadata)
    for first in range(0, len(keys), _ROWS_AT_ONCE):
        some = slice(first, first + _ROWS_AT_ONCE)
        cells = zip(
            keys[some],
            places[some],
            said[some],
            *(column.slice(first, _ROWS_AT_ONCE).to_pylist() for column in (paths, labels, splits)),
            metadata.slice(first, _ROWS_AT_ONCE).to_pylist() if rows.metadata else [{}] * len(keys[some]),
            strict=True,
        )
        for key, place, folders, path, label, split, values in cells:
            if isinstance(place, SampleError):
                yield scan_failure(key, path or "", str(place))
                continue
            present = {name: value for name, value in values.items() if value is not None}
            own = label if columns.label else folders.label
            yield Candidate(key, path_to_uri(place.path), own, split or rows.table.split or folders.split, present)


def unique_keys(keys: list[str]) -> list[str]:
    """Return the same keys, with `#2`, `#3`... appended to those that occurred before."""
    taken = set(keys)
    if len(taken) == len(keys):
        return keys
    repeats: Counter[str] = Counter()
    result = []
    for key in keys:
        repeats[key] += 1
        unique = key
        while repeats[key] > 1 and (unique := f"{key}#{repeats[key]}") in taken:
            repeats[key] += 1
        taken.add(unique)
        result.append(unique)
    return result
