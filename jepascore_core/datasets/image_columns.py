"""Columns of Arrow schemas that hold images, as bytes or as `{bytes, path}` of Hugging Face; and names of classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from jepascore_core.datasets.columns import has_bytes
from jepascore_core.datasets.listing import has_image_name
from jepascore_core.datasets.signatures import SIGNATURE_BYTES, format_of
from jepascore_core.datasets.table_columns import usual_names

#: Cells at the beginning of a column by which images are recognised.
NUM_TRIED = 16
_USUAL = ("image", "img", "images", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes")

#: Returns the first cells of a column: bytes and paths, each None where it is missing.
Beginning = Callable[[str], Iterable[tuple[bytes | None, str | None]]]


@dataclass(frozen=True, slots=True)
class Features:
    """What Hugging Face's metadata says of columns: kinds such as Image or ClassLabel, and the names of classes."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def features_of(schema: pa.Schema, described: Any = None) -> Features:
    """Read the features in a schema's metadata, or those that a file beside it describes."""
    try:
        written = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        found = (written.get("info") or {}).get("features") or described
        entries = {str(name): entry for name, entry in found.items() if isinstance(entry, dict)} if found else {}
    except (ValueError, AttributeError, RecursionError):
        return Features()
    kinds = {name: str(entry.get("_type")) for name, entry in entries.items()}
    names = {
        name: tuple(map(str, entry["names"]))
        for name, entry in entries.items()
        if kinds[name] == "ClassLabel" and isinstance(entry.get("names"), list)
    }
    return Features(kinds, names)


def is_pair(kind: pa.DataType) -> bool:
    """Return whether a type is a record of bytes and a path."""
    return bool(
        pa.types.is_struct(kind)
        and {"bytes", "path"} <= {kind.field(number).name for number in range(kind.num_fields)}
        and _is_binary(kind.field("bytes").type)
    )


def may_hold_images(schema: pa.Schema, column: str) -> bool:
    """Return whether a column exists and is of bytes, or of pairs."""
    position = schema.get_field_index(column)
    return position >= 0 and (is_pair(schema.field(position).type) or _is_binary(schema.field(position).type))


def _is_binary(kind: pa.DataType) -> bool:
    return has_bytes(kind) and not pa.types.is_nested(kind) and not pa.types.is_dictionary(kind)


def image_columns(schema: pa.Schema, features: Features, beginning: Beginning) -> list[str]:
    """Return the columns that hold images, the one with the most usual name first."""
    found = []
    for column in schema:
        kind = features.kinds.get(column.name)
        if not (is_pair(column.type) or _is_binary(column.type)) or kind in ("Audio", "Video", "Pdf"):
            continue
        if kind == "Image" or any(_is_image(*cell) for cell in beginning(column.name)):
            found.append(column.name)
    usual = usual_names(found, _USUAL)
    return usual + [name for name in found if name not in usual]


def _is_image(data: bytes | None, path: str | None) -> bool:
    has_name = path is not None and has_image_name(path)
    return has_name or (data is not None and format_of(data[:SIGNATURE_BYTES]) is not None)


def cells_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the bytes of a column of images, or of pairs."""
    return _child(column, "bytes") if pa.types.is_struct(column.type) else column


def paths_of(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return the paths of a column of pairs; None for one of bytes."""
    return _child(column, "path") if pa.types.is_struct(column.type) else None


def cells_and_paths(column: pa.ChunkedArray) -> Iterator[tuple[bytes | None, str | None]]:
    """Yield the cells of a column of images or of pairs, bytes and paths; None for what is missing."""
    paths = paths_of(column)
    yield from zip(
        cells_of(column).to_pylist(), paths.to_pylist() if paths is not None else [None] * len(column), strict=True
    )


def _child(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    kind = column.type
    position = next(number for number in range(kind.num_fields) if kind.field(number).name == name)
    return column.flatten()[position]


def scalar_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of texts, numbers, times and the like: not nested, not binary, not of a type of its own."""
    return [
        column.name
        for column in schema
        if not (
            pa.types.is_nested(column.type) or has_bytes(column.type) or isinstance(column.type, pa.BaseExtensionType)
        )
    ]
