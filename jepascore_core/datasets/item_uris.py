"""Uris of images inside a file: item i of an idx file or NumPy archive, a member of a tar, or a cell of a table.

`idx:<path>#<i>` and `npz:<path>#<i>` are read as a binary PGM or PPM: the same bytes, and so the same content id,
everywhere. `tar:<path>#<offset>+<size>/<member>` says where the member's bytes are, so that reading it is one seek and
one read. `parquet:<path>#<row>/<column>` and `arrow:` name a cell of a table. A new kind of file with many images is a
row in `_OPENERS`; readers, exports and downloads recognise items by `is_item` alone.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Literal, get_args

from jepascore_core.datasets.arrow_files import arrow_cell, open_arrow
from jepascore_core.datasets.idx_files import items, open_idx
from jepascore_core.datasets.listing import extension, has_image_name
from jepascore_core.datasets.npz_files import npz_pixels, open_npz
from jepascore_core.datasets.parquet_files import open_parquet, parquet_cell
from jepascore_core.datasets.uris import clean_text, is_text, path_to_uri, uri_to_path
from jepascore_core.errors import SourceError

ItemKind = Literal["idx", "npz", "tar", "parquet", "arrow"]
RowKind = Literal["parquet", "arrow"]
#: Schemes of uris of images inside a file.
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
_PREFIXES = tuple(f"{kind}:" for kind in ITEM_KINDS)
#: Items whose size is not known before they are read.
_UNSIZED = "parquet:"
_ROW_PLACE = re.compile(r"(\d+)/(.*)", re.DOTALL)
_TAR_PLACE = re.compile(r"(\d+)\+(\d+)/(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One item, opened but not read: its file, its name there, its size if known, and when the file was modified."""

    path: str
    name: str
    num_bytes: int | None
    modified_ns: int
    read: Callable[[], bytes]

    def encoded(self) -> bytes:
        """Read its encoded bytes.

        Raises:
            SourceError: if the file ends before, or is damaged.
            OSError: if it cannot be read.
        """
        data = self.read()
        if self.num_bytes is not None and len(data) != self.num_bytes:
            raise SourceError(f"{self.path} has no complete item {self.name}: download it again.")
        return data


def is_item(uri: str) -> bool:
    """Return whether the image is an item inside a file."""
    return uri.startswith(_PREFIXES)


def item_uri(kind: ItemKind, path: str, index: int) -> str:
    """Return the uri of one item of a file, by its index."""
    return f"{kind}:{path_to_uri(path)}#{index}"


def tar_uri(path: str, offset: int, size: int, member: str) -> str:
    """Return the uri of a member of a tar, whose bytes begin at an offset."""
    return f"tar:{path_to_uri(path)}#{offset}+{size}/{_quoted(member)}"


def row_uri(kind: RowKind, path: str, row: int, column: str) -> str:
    """Return the uri of the image in one row of a table."""
    return f"{kind}:{path_to_uri(path)}#{row}/{_quoted(column)}"


def has_unknown_size(uri: str) -> bool:
    """Return whether the size of an image is only known once it is read."""
    return uri.startswith(_UNSIZED)


def _quoted(name: str) -> str:
    quoted = name.replace("%", "%25").replace("#", "%23")
    return quoted if is_text(quoted) and quoted.isprintable() else urllib.parse.quote(os.fsencode(name))


def file_of(uri: str) -> str:
    """Return the path of the file that holds an image: its own, or that of the file that it is an item of."""
    return _place(uri)[0] if is_item(uri) else uri_to_path(uri)


def item_title(uri: str) -> str:
    """Return what an item is called without an extension: a member's own name, or its file's name and its index."""
    path, place = _place(uri)
    found = _TAR_PLACE.fullmatch(place)
    if found is None:
        return f"{clean_text(PurePath(path).name)}-{place.partition('/')[0]}"
    name = _unquoted(found[3]).rpartition("/")[2]
    return clean_text(name[: len(name) - len(extension(name))] if has_image_name(name) else name)


def open_item(uri: str) -> Item:
    """Find one item of a file, without reading its pixels.

    Raises:
        SourceError: if the file is not of that kind.
        OSError: if it cannot be opened.
        ValueError: if the uri does not say where in the file it is.
    """
    return _OPENERS[uri.partition(":")[0]](*_place(uri))


def _place(uri: str) -> tuple[str, str]:
    """Return the path of an item's file, and where in it the item is."""
    location, _, place = uri.partition(":")[2].rpartition("#")
    return uri_to_path(location), place


def _unquoted(name: str) -> str:
    return os.fsdecode(urllib.parse.unquote_to_bytes(name))


def _idx_item(path: str, place: str) -> Item:
    idx, index = open_idx(path, dimensions=3), int(place)
    _, height, width = idx.shape
    inside = 0 <= index < idx.shape[0]
    return _pixel_item(
        path, index, (height, width, 1), idx.modified_ns, lambda: items(idx, index, 1) if inside else b""
    )


def _npz_item(path: str, place: str) -> Item:
    images, index = open_npz(path), int(place)
    return _pixel_item(path, index, images.shape[1:], images.modified_ns, partial(npz_pixels, images, index))


def _pixel_item(
    path: str, index: int, shape: tuple[int, int, int], modified_ns: int, pixels: Callable[[], bytes]
) -> Item:
    """Return an item of pixels [H, W, C] with C = 1 or 3, which is read as PGM or PPM."""
    height, width, channels = shape
    header = f"P{5 if channels == 1 else 6}\n{width} {height}\n255\n".encode()
    num_bytes = len(header) + height * width * channels
    return Item(path, str(index), num_bytes, modified_ns, lambda: header + pixels())


def _tar_item(path: str, place: str) -> Item:
    found = _TAR_PLACE.fullmatch(place)
    if found is None:
        raise ValueError(f"it has no offset and size: {place}")
    offset, size = int(found[1]), int(found[2])
    modified_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - once for every image read
    return Item(path, clean_text(_unquoted(found[3])), size, modified_ns, partial(_bytes_at, path, offset, size))


def _parquet_item(path: str, place: str) -> Item:
    row, column = _row_place(place)
    opened = open_parquet(path)
    return Item(path, str(row), None, opened.modified_ns, lambda: _cell(parquet_cell(path, opened, row, column), place))


def _arrow_item(path: str, place: str) -> Item:
    row, column = _row_place(place)
    opened = open_arrow(path)
    data = arrow_cell(path, opened, row, column)
    return Item(path, str(row), len(data or b""), opened.modified_ns, lambda: _cell(data, place))


def _row_place(place: str) -> tuple[int, str]:
    found = _ROW_PLACE.fullmatch(place)
    if found is None:
        raise ValueError(f"it has no row and column: {place}")
    return int(found[1]), _unquoted(found[2])


def _cell(data: bytes | None, place: str) -> bytes:
    if not data:
        row, column = _row_place(place)
        raise SourceError(f"The cell of row {row} in column {column} is empty: fill it in, or remove the row.")
    return data


def _bytes_at(path: str, offset: int, size: int) -> bytes:
    with Path(path).open("rb", buffering=0) as stream:
        stream.seek(offset)
        data = stream.read(size)
        while len(data) < size and (more := stream.read(size - len(data))):
            data += more
    return data


_OPENERS: dict[str, Callable[[str, str], Item]] = {
    "idx": _idx_item,
    "npz": _npz_item,
    "tar": _tar_item,
    "parquet": _parquet_item,
    "arrow": _arrow_item,
}
