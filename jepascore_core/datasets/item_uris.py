"""Uris of images inside a file: item i of an idx file or NumPy archive, or a member of a tar.

`idx:<path>#<i>` and `npz:<path>#<i>` are read as a binary PGM or PPM: the same bytes, and so the same content id,
everywhere. `tar:<path>#<offset>+<size>/<member>` says where the member's bytes are, so that reading it is one seek and
one read. A new kind of file with many images is a row in `_OPENERS`; readers, exports and downloads recognise items by
`is_item` alone.
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

from jepascore_core.datasets.idx_files import items, open_idx
from jepascore_core.datasets.listing import extension, has_image_name
from jepascore_core.datasets.npz_files import npz_pixels, open_npz
from jepascore_core.datasets.uris import clean_text, is_text, path_to_uri, uri_to_path
from jepascore_core.errors import SourceError

ItemKind = Literal["idx", "npz", "tar"]
#: Schemes of uris of images inside a file.
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
_PREFIXES = tuple(f"{kind}:" for kind in ITEM_KINDS)
_TAR_PLACE = re.compile(r"(\d+)\+(\d+)/(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One item, opened but not read: its file, its name there, its size, and the modification time of the file."""

    path: str
    name: str
    num_bytes: int
    modified_ns: int
    read: Callable[[], bytes]

    def encoded(self) -> bytes:
        """Read its encoded bytes.

        Raises:
            SourceError: if the file ends before, or is damaged.
            OSError: if it cannot be read.
        """
        data = self.read()
        if len(data) != self.num_bytes:
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
    name = member.replace("%", "%25").replace("#", "%23")
    if not (is_text(name) and name.isprintable()):
        name = urllib.parse.quote(os.fsencode(member))
    return f"tar:{path_to_uri(path)}#{offset}+{size}/{name}"


def file_of(uri: str) -> str:
    """Return the path of the file that holds an image: its own, or that of the file that it is an item of."""
    return _place(uri)[0] if is_item(uri) else uri_to_path(uri)


def item_title(uri: str) -> str:
    """Return what an item is called without an extension: a member's own name, or its file's name and its index."""
    path, place = _place(uri)
    found = _TAR_PLACE.fullmatch(place)
    if found is None:
        return f"{clean_text(PurePath(path).name)}-{place}"
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


def _bytes_at(path: str, offset: int, size: int) -> bytes:
    with Path(path).open("rb", buffering=0) as stream:
        stream.seek(offset)
        data = stream.read(size)
        while len(data) < size and (more := stream.read(size - len(data))):
            data += more
    return data


_OPENERS: dict[str, Callable[[str, str], Item]] = {"idx": _idx_item, "npz": _npz_item, "tar": _tar_item}
