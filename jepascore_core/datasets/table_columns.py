"""Assign the columns of a table to their roles, and read their cells as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.datasets.candidates import NO_COLUMN, SourceOptions
from jepascore_core.datasets.columns import as_type, cast
from jepascore_core.errors import SourceError, unknown

#: Usual names, the most specific first; compared in lower case.
PATH_NAMES = (
    "path", "file_path", "filepath", "image_path", "imagepath", "img_path", "file_name", "filename", "image_file",
    "file", "uri", "image_uri", "image", "img", "sample_key",
)  # fmt: skip
LABEL_NAMES = ("label", "class", "class_name", "classname", "category", "target", "label_name", "labels", "y")
SPLIT_NAMES = ("split", "subset", "set", "partition")

_WHOLE_FLOAT = r"^-?\d+\.0+$"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns for path, label and split; the others are metadata."""

    path: str
    label: str | None
    split: str | None


def find_columns(names: Sequence[str], options: SourceOptions, where: object, embedded: Sequence[str] = ()) -> Columns:
    """Return the path, label and split columns: those given, else those with usual names.

    Raises:
        SourceError: listing the existing columns, if a given one is missing or no path column is found; `embedded`
            are those of binary data.
    """
    for given in (options.path_column, *options.told()):
        if given is not None and given not in names:
            raise unknown("column", given, names, SourceError, where=str(where))
    path = options.path_column or _usual(names, PATH_NAMES, ())
    if path is None and embedded:
        raise SourceError(
            f"No column of {where} has image paths, and no image was recognised in its columns of bytes "
            f"({', '.join(embedded)}): name the one that holds the images, or their paths (--path-column)."
        )
    if path is None:
        raise SourceError(
            f"No column of {where} has a usual name for image paths ({', '.join(PATH_NAMES[:6])}...). "
            f"Its columns are: {', '.join(names)}. Name the one with the paths (--path-column; in the app Options, "
            "Path column)."
        )
    label = _chosen(names, options.label_column, _label_names(names), (path,))
    split = _chosen(names, options.split_column, SPLIT_NAMES, (path, label))
    return Columns(path, label, split)


def _label_names(names: Sequence[str]) -> Sequence[str]:
    """Return the usual names of labels, without `y` if there is also `x`, since both are coordinates then."""
    return LABEL_NAMES[:-1] if "x" in {name.casefold() for name in names} else LABEL_NAMES


def _chosen(names: Sequence[str], given: str | None, usual: Sequence[str], taken: Sequence[str | None]) -> str | None:
    if given in names:
        return given
    return None if given == NO_COLUMN else _usual(names, usual, taken)


def _usual(names: Sequence[str], usual: Sequence[str], taken: Sequence[str | None]) -> str | None:
    return next(iter(usual_names([name for name in names if name not in taken], usual)), None)


def usual_names(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Return those of the names that are usual, the most specific first."""
    lowered = {name.casefold(): name for name in names}
    return [lowered[name] for name in usual if name in lowered]


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a column to text; empty text is null."""
    column = cast(column, pa.string())
    return pc.if_else(pc.equal(column, ""), None, column)


def words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert labels or splits to text without surrounding blanks; empty cells and NaN become null."""
    column = pc.utf8_trim_whitespace(texts(column))
    return pc.if_else(pc.is_in(column, pa.array(("", "nan", "NaN"))), None, column)


def label_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert labels to text, with integers as "3" even if missing cells turned them into "3.0"."""
    if pa.types.is_float64(column.type):
        numbers = [None if value is None or value != value else value for value in column.to_pylist()]
        cells = [str(int(value)) if value is not None and value.is_integer() else value for value in numbers]
        return pa.chunked_array([as_type(cells, pa.string())])
    column = words(column)
    if column.null_count < len(column) and pc.all(pc.match_substring_regex(column, _WHOLE_FLOAT)).as_py():
        column = pc.replace_substring_regex(column, r"\.0+$", "")
    return column
