"""NumPy archives: `images` [N, H, W, C] or [N, H, W], unsigned bytes with C = 1 or 3, and optionally `labels` [N].

An image is read by its index: directly from the file or, from a compressed archive, out of the whole array, which is
kept in memory. Nothing is unpickled.
"""

from __future__ import annotations

import functools
import math
import os
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from jepascore_core.errors import SourceError

#: A compressed array is unpacked in memory; this is the most that it may unpack to.
MAX_UNPACKED_BYTES = 2**30

_IMAGES, _LABELS = "images.npy", "labels.npy"
#: Bytes of a zip's local header before its two variable-length fields, whose lengths are its last values.
_LOCAL_HEADER = struct.Struct("<26xHH")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error)
_unpack_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class NpzImages:
    """The images of an archive, with its state when it was opened; `start` is their offset, None if compressed."""

    path: str
    file_size: int
    modified_ns: int
    shape: tuple[int, int, int, int]
    start: int | None

    @property
    def item_bytes(self) -> int:
        """Bytes of one image."""
        return math.prod(self.shape[1:])


def open_npz(path: str) -> NpzImages:
    """Open the images of an archive.

    Raises:
        SourceError: if it is not a NumPy archive with such images, is damaged, or is too large when unpacked.
        OSError: if it cannot be opened.
    """
    state = os.stat(path)  # noqa: PTH116 - once for every image read
    return _open_npz(path, state.st_size, state.st_mtime_ns)


def npz_pixels(images: NpzImages, index: int) -> bytes:
    """Return the pixels of one image, [H, W, C]; shorter if there is no such image.

    Raises:
        SourceError: if the compressed data is damaged.
        OSError: if the file cannot be read.
    """
    if not 0 <= index < images.shape[0]:
        return b""
    first = index * images.item_bytes
    if images.start is None:
        with _unpack_lock:  # one thread unpacks, the others wait for its result
            return _unpacked(images)[first : first + images.item_bytes]
    with Path(images.path).open("rb") as stream:
        stream.seek(images.start + first)
        return stream.read(images.item_bytes)


def npz_labels(images: NpzImages) -> list[str | None] | None:
    """Return the label of each image, None for an empty text; return None if the archive has no labels.

    Raises:
        SourceError: if they are not one integer, boolean or text per image, or are damaged.
        OSError: if the file cannot be read.
    """
    try:
        with zipfile.ZipFile(images.path) as archive:
            if _LABELS not in archive.namelist():
                return None
            with archive.open(_LABELS) as stream:
                shape, _, dtype = _header(stream)
                _check_labels(images, shape, dtype)
                stream.seek(0)
                values = npy.read_array(stream, allow_pickle=False).reshape(-1)
    except _DAMAGED as error:
        raise _damaged(images.path, error) from error
    texts = (
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value for value in values.tolist()
    )
    return [str(text) or None for text in texts]


@functools.lru_cache(maxsize=16)
def _open_npz(path: str, file_size: int, modified_ns: int) -> NpzImages:
    try:
        with zipfile.ZipFile(path) as archive:
            if _IMAGES not in archive.namelist():
                held = ", ".join(sorted(name.removesuffix(".npy") for name in archive.namelist())[:8]) or "nothing"
                raise SourceError(
                    f"{path} has no array `images`, only {held}: save it with np.savez(path, images=..., labels=...)."
                )
            info = archive.getinfo(_IMAGES)
            with archive.open(info) as stream:
                shape, is_fortran, dtype = _header(stream)
                _check_images(path, shape, is_fortran, dtype)
                header_bytes = stream.tell()
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    _, height, width, channels = (*shape, 1)[:4]
    size = shape[0] * height * width * channels
    if info.file_size != header_bytes + size:
        raise SourceError(
            f"{path} declares {size} bytes of images but has {info.file_size - header_bytes}: save it again."
        )
    is_stored = info.compress_type == zipfile.ZIP_STORED
    if not is_stored and size > MAX_UNPACKED_BYTES:
        raise SourceError(
            f"{path} unpacks to more than {MAX_UNPACKED_BYTES} bytes: save it with np.savez, uncompressed."
        )
    start = _data_start(path, info.header_offset) + header_bytes if is_stored else None
    return NpzImages(path, file_size, modified_ns, (shape[0], height, width, channels), start)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    return read(stream)


def _check_images(path: str, shape: tuple[int, ...], is_fortran: bool, dtype: np.dtype[Any]) -> None:
    if dtype != np.uint8:
        raise SourceError(f"The images of {path} are {dtype}, not uint8: scale them to 0..255 and save them as uint8.")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise SourceError(
            f"The images of {path} have the shape {list(shape)}: save them as [N, H, W, C] with 1 or 3 channels, or "
            "as [N, H, W]."
        )
    if is_fortran:
        raise SourceError(f"The images of {path} are in Fortran order: save np.ascontiguousarray(images) instead.")


def _check_labels(images: NpzImages, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biuUS":
        raise SourceError(f"The labels of {images.path} are {dtype}: save integers or texts.")
    num_images = images.shape[0]
    if shape not in ((num_images,), (num_images, 1)):
        raise SourceError(
            f"The labels of {images.path} have the shape {list(shape)}, not [{num_images}], one for each image: "
            "they do not belong together."
        )
    if num_images * dtype.itemsize > MAX_UNPACKED_BYTES:
        raise SourceError(
            f"The labels of {images.path} unpack to more than {MAX_UNPACKED_BYTES} bytes: save shorter ones."
        )


def _data_start(path: str, header_offset: int) -> int:
    with Path(path).open("rb") as stream:
        stream.seek(header_offset)
        name, extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    return header_offset + _LOCAL_HEADER.size + int(name) + int(extra)


@functools.lru_cache(maxsize=2)
def _unpacked(images: NpzImages) -> bytes:
    try:
        with zipfile.ZipFile(images.path) as archive, archive.open(_IMAGES) as stream:
            _header(stream)
            # Read to the end, where the checksum is verified.
            return stream.read()
    except _DAMAGED as error:
        raise _damaged(images.path, error) from error


def _damaged(path: str, error: Exception) -> SourceError:
    return SourceError(f"{path} is damaged or is not a NumPy archive ({error}): download or save it again.")
