"""Uris of images inside a file: `<kind>:<path>#<i>` is item i of an idx file or of a NumPy archive.

An item is read as a binary PGM or PPM: the same bytes, and so the same content id, everywhere. A new kind of file with
many images is a row in `_OPENERS`; readers, exports and downloads recognise items by `is_item` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from jepascore_core.datasets.idx_files import items, open_idx
from jepascore_core.datasets.npz_files import npz_pixels, open_npz
from jepascore_core.datasets.uris import path_to_uri, uri_to_path
from jepascore_core.errors import SourceError

ItemKind = Literal["idx", "npz"]
#: Kinds of sources whose images are items of a file.
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
_PREFIXES = tuple(f"{kind}:" for kind in ITEM_KINDS)


@dataclass(frozen=True, slots=True)
class Item:
    """One item, opened but not read: its size in pixels, channels (1 or 3), and the modification time of its file."""

    path: str
    index: int
    height: int
    width: int
    channels: int
    modified_ns: int
    pixels: Callable[[], bytes]

    @property
    def num_bytes(self) -> int:
        """Number of bytes that `encoded` returns."""
        return len(self._header) + self.height * self.width * self.channels

    @property
    def _header(self) -> bytes:
        return f"P{5 if self.channels == 1 else 6}\n{self.width} {self.height}\n255\n".encode()

    def encoded(self) -> bytes:
        """Read it as PGM or PPM.

        Raises:
            SourceError: if the file ends before, or is damaged.
            OSError: if it cannot be read.
        """
        data = self._header + self.pixels()
        if len(data) != self.num_bytes:
            raise SourceError(f"{self.path} has no complete item {self.index}: download it again.")
        return data


def is_item(uri: str) -> bool:
    """Return whether the image is an item inside a file."""
    return uri.startswith(_PREFIXES)


def item_uri(kind: ItemKind, path: str, index: int) -> str:
    """Return the uri of one item of a file."""
    return f"{kind}:{path_to_uri(path)}#{index}"


def item_place(uri: str) -> tuple[str, str]:
    """Return the path of an item's file, and the item's index as text."""
    location, _, index = uri.partition(":")[2].rpartition("#")
    return uri_to_path(location), index


def open_item(uri: str) -> Item:
    """Find one item of a file, without reading its pixels.

    Raises:
        SourceError: if the file is not of that kind.
        OSError: if it cannot be opened.
        ValueError: if the index is not a number.
    """
    path, index = item_place(uri)
    return _OPENERS[uri.partition(":")[0]](path, int(index))


def _idx_item(path: str, index: int) -> Item:
    idx = open_idx(path, dimensions=3)
    _, height, width = idx.shape
    inside = 0 <= index < idx.shape[0]
    return Item(path, index, height, width, 1, idx.modified_ns, lambda: items(idx, index, 1) if inside else b"")


def _npz_item(path: str, index: int) -> Item:
    images = open_npz(path)
    return Item(path, index, *images.shape[1:], images.modified_ns, partial(npz_pixels, images, index))


_OPENERS: dict[str, Callable[[str, int], Item]] = {"idx": _idx_item, "npz": _npz_item}
