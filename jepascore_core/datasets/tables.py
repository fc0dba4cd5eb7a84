"""Tables that list images: which columns are path, label and split, and which rows may be read."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.datasets.candidates import NO_COLUMN, Candidate, ScanPlan, SourceOptions, scan_failure
from jepascore_core.datasets.columns import as_type, cast, common_type, from_text
from jepascore_core.datasets.listing import PassedOver
from jepascore_core.datasets.table_files import BadLine, head, is_table, read_table
from jepascore_core.datasets.uris import FILE_PREFIX, Roots, clean_text, path_to_uri, uri_to_path
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.records import SampleFailure

#: Usual names, the most telling first; compared in lower case.
PATH_NAMES = (
    "path", "file_path", "filepath", "image_path", "imagepath", "img_path", "file_name", "filename", "image_file",
    "file", "uri", "image_uri", "image", "img", "sample_key",
)  # fmt: skip
LABEL_NAMES = ("label", "class", "class_name", "classname", "category", "target", "label_name", "labels", "y")
SPLIT_NAMES = ("split", "subset", "set", "partition")

_ROWS_AT_ONCE = 8192
_PARENTS_KEPT = 10_000
_WHOLE_FLOAT = r"^-?\d+\.0+$"
_WEB_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns play which part; the others are metadata."""

    path: str
    label: str | None
    split: str | None


def find_columns(names: Sequence[str], options: SourceOptions, where: object, embedded: Sequence[str] = ()) -> Columns:
    """The path, label and split columns: those given, else those found by their usual names.

    Raises:
        SourceError: listing the columns there are, if a given one is missing or no path column is found; `embedded`
            are those of binary data.
    """
    for given in (options.path_column, *options.told()):
        if given is not None and given not in names:
            near = difflib.get_close_matches(given, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SourceError(f"{where} has no column {given!r}.{hint} Its columns are: {', '.join(names)}.")
    path = options.path_column or _usual(names, PATH_NAMES, ())
    if path is None and embedded:
        raise SourceError(
            f"No column of {where} holds image paths, and images inside a table ({', '.join(embedded)}) are not read: "
            "write them to files, and give that folder or a table of their paths."
        )
    if path is None:
        raise SourceError(
            f"No column of {where} has a usual name for image paths ({', '.join(PATH_NAMES[:6])}...). "
            f"Its columns are: {', '.join(names)}. Say which one holds the paths (--path-column; in the app Options, "
            "Path column)."
        )
    label = _chosen(names, options.label_column, _label_names(names), (path,))
    split = _chosen(names, options.split_column, SPLIT_NAMES, (path, label))
    return Columns(path, label, split)


def _label_names(names: Sequence[str]) -> Sequence[str]:
    """Usual names of labels; `y` is none beside `x`, where both are coordinates."""
    return LABEL_NAMES[:-1] if "x" in {name.casefold() for name in names} else LABEL_NAMES


def _chosen(names: Sequence[str], given: str | None, usual: Sequence[str], taken: Sequence[str | None]) -> str | None:
    if given in names:
        return given
    return None if given == NO_COLUMN else _usual(names, usual, taken)


def _usual(names: Sequence[str], usual: Sequence[str], taken: Sequence[str | None]) -> str | None:
    lowered = {name.casefold(): name for name in names if name not in taken}
    return next((lowered[name] for name in usual if name in lowered), None)


def find_table(folder: Path, options: SourceOptions) -> Path | None:
    """The table that describes a folder's images: the only one there, whose first paths lead to files; else None.

    Raises:
        SourceError: if columns were given and that table does not have them.
    """
    tables = [entry for entry in folder.iterdir() if is_table(entry) and not entry.name.startswith(".")]
    if len(tables) != 1:
        return None
    try:
        beginning = head(tables[0])
        columns = find_columns(beginning.names, options, tables[0])
    except SourceError:
        if options.path_column or options.label_column or options.split_column:
            raise
        return None
    base = Path(options.root).expanduser() if options.root else folder
    paths = [row.get(columns.path) for row in beginning.rows]
    return tables[0] if any(path and _is_file(base / str(path)) for path in paths) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def plan_table(path: Path, options: SourceOptions, allowed: Roots) -> ScanPlan:
    """Read a table and plan its rows. Relative paths start from `options.root`, else from the table's folder.

    Raises:
        SourceError: if it cannot be read, or has no such columns.
    """
    content = read_table(path)
    columns = find_columns(content.table.column_names, options, path, content.embedded)
    others = [name for name in content.table.column_names if name not in (columns.path, columns.label, columns.split)]
    metadata = {name: from_text(content.table[name]) if content.is_text else content.table[name] for name in others}
    types = {name: common_type([column.type]) for name, column in metadata.items()}
    base = Path(options.root).expanduser().absolute() if options.root else path.parent
    rows = _Rows(content.table, columns, metadata, PathResolver(str(base), allowed))
    return ScanPlan("table", _items(rows, content.bad_lines, str(path)), PassedOver(), types)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table with its parts assigned."""

    table: pa.Table
    columns: Columns
    metadata: dict[str, pa.ChunkedArray]
    paths: PathResolver


def _items(rows: _Rows, bad_lines: list[BadLine], where: str) -> Iterator[Candidate | SampleFailure]:
    paths = texts(rows.table[rows.columns.path])
    bad_keys, keys = row_keys(paths, bad_lines)
    for bad, key in zip(bad_lines, bad_keys, strict=True):
        message = f"Line {bad.number} of the table is no row: {bad.reason}. Correct the line."
        yield scan_failure(key, path_to_uri(where), message)
    yield from _row_items(rows, paths, keys)


def row_keys(paths: pa.ChunkedArray, bad_lines: Sequence[BadLine]) -> tuple[list[str], list[str]]:
    """Keys of the lines that are not rows, and sample keys of the rows, all different."""
    bad_keys = [f"#line {bad.number}" for bad in bad_lines]
    named = [path or f"#row {number}" for number, path in enumerate(texts(paths).to_pylist(), start=1)]
    keys = unique_keys(bad_keys + named)
    return keys[: len(bad_keys)], keys[len(bad_keys) :]


def _row_items(rows: _Rows, paths: pa.ChunkedArray, keys: list[str]) -> Iterator[Candidate | SampleFailure]:
    nothing = pa.chunked_array([pa.nulls(len(keys), pa.string())])
    labels = label_texts(rows.table[rows.columns.label]) if rows.columns.label else nothing
    splits = words(rows.table[rows.columns.split]) if rows.columns.split else nothing
    metadata = pa.table(rows.metadata)
    for first in range(0, len(keys), _ROWS_AT_ONCE):
        some = slice(first, first + _ROWS_AT_ONCE)
        cells = zip(
            keys[some],
            *(column.slice(first, _ROWS_AT_ONCE).to_pylist() for column in (paths, labels, splits)),
            metadata.slice(first, _ROWS_AT_ONCE).to_pylist() if rows.metadata else [{}] * len(keys[some]),
            strict=True,
        )
        for key, path, label, split, values in cells:
            try:
                uri = path_to_uri(rows.paths.resolve(path))
            except SampleError as error:
                yield scan_failure(key, path or "", str(error))
                continue
            present = {name: value for name, value in values.items() if value is not None}
            yield Candidate(key, uri, label, split, present)


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text; empty text is null."""
    column = cast(column, pa.string())
    return pc.if_else(pc.equal(column, ""), None, column)


def words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of labels or splits as text without blanks around it; what is empty or not a number (nan) is null."""
    column = pc.utf8_trim_whitespace(texts(column))
    return pc.if_else(pc.is_in(column, pa.array(("", "nan", "NaN"))), None, column)


def label_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The words of a column, with whole numbers as "3" even where missing cells had made them "3.0"."""
    if pa.types.is_float64(column.type):
        numbers = [None if value is None or value != value else value for value in column.to_pylist()]
        cells = [str(int(value)) if value is not None and value.is_integer() else value for value in numbers]
        return pa.chunked_array([as_type(cells, pa.string())])
    column = words(column)
    if column.null_count < len(column) and pc.all(pc.match_substring_regex(column, _WHOLE_FLOAT)).as_py():
        column = pc.replace_substring_regex(column, r"\.0+$", "")
    return column


def unique_keys(keys: list[str]) -> list[str]:
    """The same keys, with `#2`, `#3`... behind those that occurred before."""
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


class PathResolver:
    """Turns the path cells of a table into absolute paths without symlinks, inside the allowed roots."""

    def __init__(self, base: str, allowed: Roots) -> None:
        self._base = base
        self._allowed = allowed
        self._parents: dict[str, str] = {}

    def resolve(self, text: str | None) -> str:
        """Absolute path that a cell leads to; whether there is a file is found out when it is read.

        Raises:
            SampleError: stage "scan", for an empty cell, a web address, or a path that leaves the allowed roots.
        """
        if not text:
            raise SampleError("The row has no path: fill it in, or remove the row.", "scan")
        if _WEB_ADDRESS.match(text) and not text.startswith(FILE_PREFIX):
            raise SampleError("Web addresses are not fetched: download the image and list its local path.", "scan")
        try:
            path = self._real(os.path.join(self._base, uri_to_path(text)))  # noqa: PTH118
        except (ValueError, OSError) as error:
            raise SampleError(f"This cannot be a path ({error}): correct the row.", "scan") from error
        if not self._allowed.contain(path):
            allowed = ", ".join(map(clean_text, self._allowed.folders))
            raise SampleError(
                f"The path leads to {clean_text(path)}, outside of the allowed folders ({allowed}): "
                "move the image there, or give the folder that holds it as root.",
                "scan",
            )
        return path

    def _real(self, path: str) -> str:
        """Path without symlinks; folders are resolved once, since a table names the same few again and again."""
        parent, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if parent not in self._parents:
            if len(self._parents) >= _PARENTS_KEPT:
                self._parents.clear()
            self._parents[parent] = os.path.realpath(parent)
        path = os.path.join(self._parents[parent], name)  # noqa: PTH118
        return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114
