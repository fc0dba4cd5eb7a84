"""User columns in four types that every reader supports: bool, int64, double and string; one type per column.

All other types are stored as text: dates as ISO 8601, lists and records as JSON. Bytes are left out.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jepascore_core.datasets.uris import clean_text

#: Text columns become numbers only if no text is lost: "007" and twenty-digit identifiers stay text.
_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
_DECIMAL = r"^[+-]?(((0|[1-9]\d{0,14})(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|NaN|inf)$"
_BOOLEAN = r"^(true|false|True|False|TRUE|FALSE)$"


def to_text(value: Any) -> str | None:
    """Return the text of one cell; None stays None, and NaN becomes None."""
    if value is None or isinstance(value, str) or value != value:
        return clean_text(value) if isinstance(value, str) else None
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list | dict | tuple):
        return clean_text(json.dumps(value, default=str, ensure_ascii=False))
    return clean_text(value.isoformat() if hasattr(value, "isoformat") else str(value))


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """Return the narrowest of the four types that covers all of `types`; string if they disagree or there are none."""
    found = {kind for kind in types if not pa.types.is_null(kind)}
    if len(found) == 1:
        return found.pop()
    return pa.float64() if found == {pa.int64(), pa.float64()} else pa.string()


def from_values(values: Sequence[Any]) -> pa.Array:
    """Return a column of Python values in the narrowest type that holds them all."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds and not kinds <= {bool, int, float}:
        return pa.array([to_text(value) for value in values], pa.string())
    try:
        wanted = common_type({bool: pa.bool_(), int: pa.int64(), float: pa.float64()}[kind] for kind in kinds)
        return as_type(values, wanted) if kinds else pa.nulls(len(values))
    except (OverflowError, pa.ArrowInvalid):  # whole numbers beyond 64 bits, or beyond a double beside decimals
        return pa.array([to_text(value) for value in values], pa.string())


def as_type(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    """Convert Python values to a column of type `wanted`, one of the four, which must be able to represent them."""
    if wanted == pa.string():
        return pa.array([to_text(value) for value in values], wanted)
    return pa.array(values, wanted)


def cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Convert a column of one of the four types (or null) to another."""
    if column.type == wanted:
        return column
    if wanted == pa.string() and not pa.types.is_null(column.type):
        return pa.chunked_array([as_type(chunk.to_pylist(), wanted) for chunk in column.chunks], wanted)
    return column.cast(wanted, safe=False)


def from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a text column to the type that all its cells parse as; empty cells become null."""
    column = pc.if_else(pc.equal(column, ""), None, column)
    trimmed = pc.utf8_trim_whitespace(column)
    for pattern, wanted in ((_INTEGER, pa.int64()), (_BOOLEAN, pa.bool_()), (_DECIMAL, pa.float64())):
        if column.null_count < len(column) and pc.all(pc.match_substring_regex(trimmed, pattern)).as_py():
            with contextlib.suppress(pa.ArrowInvalid):  # numbers beyond a double, such as 1e999
                return trimmed.cast(wanted)
    return column


def from_arrow(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Convert a column of any Arrow type to one of the four types; None for bytes, which are left out."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return from_arrow(column.cast(kind.value_type))
    if has_bytes(kind):
        return None
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    return pa.chunked_array([as_type(chunk.to_pylist(), pa.string()) for chunk in column.chunks], pa.string())


def has_bytes(kind: pa.DataType) -> bool:
    """Return whether a type is, or contains, binary data such as embedded images."""
    if pa.types.is_dictionary(kind):
        return has_bytes(kind.value_type)
    if pa.types.is_nested(kind):
        return any(has_bytes(kind.field(number).type) for number in range(kind.num_fields))
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or (kind == pa.binary_view())
    )
