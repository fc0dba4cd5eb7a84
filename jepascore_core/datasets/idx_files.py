"""The idx format of MNIST and similar datasets: a header, then unsigned bytes; plain or gzip-compressed.

Header: two zero bytes, type 8 (unsigned byte), number of dimensions, then each dimension as a big-endian uint32. Images
are [N, H, W], labels [N].
"""

from __future__ import annotations

import functools
import gzip
import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jepascore_core.errors import SourceError

#: A compressed file is unpacked in memory; this is the most that it may unpack to (EMNIST's largest has 0.55 GB).
MAX_UNPACKED_BYTES = 2**30

_UNSIGNED_BYTE = 8
_unpack_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class IdxFile:
    """An idx file, with its state when it was opened."""

    path: str
    file_size: int
    modified_ns: int
    shape: tuple[int, ...]

    @property
    def header_bytes(self) -> int:
        """Length of the header in bytes."""
        return 4 + 4 * len(self.shape)

    @property
    def item_bytes(self) -> int:
        """Bytes of one item."""
        return functools.reduce(lambda left, right: left * right, self.shape[1:], 1)


def open_idx(path: str, dimensions: int) -> IdxFile:
    """Read the header of an idx file that must have 3 (images) or 1 (labels) dimensions.

    Raises:
        SourceError: if it is not such a file, or is too large.
        OSError: if it cannot be opened.
    """
    state = os.stat(path)  # noqa: PTH116 - once for every item read
    return _open_idx(path, state.st_size, state.st_mtime_ns, dimensions)


@functools.lru_cache(maxsize=16)
def _open_idx(path: str, file_size: int, modified_ns: int, dimensions: int) -> IdxFile:
    with _reader(path) as stream:
        header = _read(stream, path, 4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise SourceError(
            f"{path} is not an idx file of unsigned bytes with {dimensions} dimension(s): download it again, "
            "or point to the original MNIST-style files."
        )
    idx = IdxFile(path, file_size, modified_ns, struct.unpack(f">{dimensions}I", header[4:]))
    if _is_compressed(path) and idx.header_bytes + idx.shape[0] * idx.item_bytes > MAX_UNPACKED_BYTES:
        raise SourceError(f"{path} unpacks to more than {MAX_UNPACKED_BYTES} bytes: unpack it with gunzip first.")
    return idx


def check_complete(idx: IdxFile) -> None:
    """Raise SourceError unless the file contains all items that its header declares."""
    declared = idx.header_bytes + idx.shape[0] * idx.item_bytes
    held = len(_unpacked(idx)) if _is_compressed(idx.path) else idx.file_size
    if held < declared:
        raise SourceError(f"{idx.path} declares {declared} bytes but has {held}: it is truncated, download it again.")


def items(idx: IdxFile, first: int, count: int) -> bytes:
    """Read the bytes of `count` items from index `first`; fewer if the file ends before.

    Raises:
        SourceError: if the compressed data is damaged.
        OSError: if the file cannot be read.
    """
    start, length = idx.header_bytes + first * idx.item_bytes, count * idx.item_bytes
    if _is_compressed(idx.path):
        return _unpacked(idx)[start : start + length]
    with Path(idx.path).open("rb") as stream:
        stream.seek(start)
        return stream.read(length)


def _is_compressed(path: str) -> bool:
    return path.endswith(".gz")


def _reader(path: str) -> BinaryIO:
    return gzip.open(path, "rb") if _is_compressed(path) else Path(path).open("rb")  # type: ignore[return-value]


def _read(stream: BinaryIO, path: str, length: int) -> bytes:
    try:
        return stream.read(length)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path} is damaged ({error}): download it again.") from error


def _unpacked(idx: IdxFile) -> bytes:
    with _unpack_lock:  # one thread unpacks, the others wait for its result
        return _unpack(idx)


@functools.lru_cache(maxsize=2)
def _unpack(idx: IdxFile) -> bytes:
    with _reader(idx.path) as stream:
        # Reading one byte more than declared makes gzip reach the end and verify its checksum.
        return _read(stream, idx.path, idx.header_bytes + idx.shape[0] * idx.item_bytes + 1)
