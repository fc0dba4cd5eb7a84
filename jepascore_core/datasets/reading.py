"""Read the encoded bytes behind a uri.

A uri is an absolute local path (`file://` with percent escapes where the path is not UTF-8), or names an item of a file
with many images (`item_uris`).
These functions run once per sample, so they use `os`, which is several times as fast as `Path` objects.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from jepascore_core.datasets.item_uris import has_unknown_size, is_item, open_item
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import SampleError, SourceError

#: The largest encoded image that is read into memory.
MAX_FILE_BYTES = 512 * 2**20


UNKNOWN_BYTES = -1


class FileState(NamedTuple):
    """State of a file, by which a change is detected without reading it.

    `num_bytes` is the size of what `read_bytes` returns, or `UNKNOWN_BYTES` where only reading it says that;
    `modified_ns` is the time of the file that holds it.
    """

    num_bytes: int
    modified_ns: int


class Content(NamedTuple):
    """Encoded bytes, and the state of the file when they were read."""

    data: bytes
    state: FileState


def read_bytes(uri: str) -> bytes:
    """Read the encoded bytes of one image.

    Raises:
        SampleError: stage "read", if the file does not exist, is not readable, not a regular file, or too large.
    """
    return read_content(uri).data


def read_content(uri: str) -> Content:
    """Like `read_bytes`, with the state of the file; a file that changes while it is read is an error."""
    try:
        return _read_item(uri) if is_item(uri) else _read_file(uri_to_path(uri))
    except (OSError, SourceError, ValueError) as error:
        raise _sample_error(uri, error) from error


def file_state(uri: str) -> FileState:
    """Return the state of the file behind a uri, without reading it.

    Raises:
        SampleError: stage "read", if the file does not exist.
    """
    try:
        if is_item(uri):
            item = open_item(uri)
            return FileState(UNKNOWN_BYTES if item.num_bytes is None else item.num_bytes, item.modified_ns)
        found = os.stat(uri_to_path(uri))  # noqa: PTH116
        return FileState(found.st_size, found.st_mtime_ns)
    except (OSError, SourceError, ValueError) as error:
        raise _sample_error(uri, error) from error


def state_as_read(uri: str, num_bytes: int, modified_ns: int) -> FileState:
    """Return what `file_state` returns of a file that is as it was when it was read, with this size at this time."""
    return FileState(UNKNOWN_BYTES if has_unknown_size(uri) else num_bytes, modified_ns)


def _read_file(path: str) -> Content:
    if not os.path.isabs(path):  # noqa: PTH117
        raise SampleError(f"{path!r} is not an absolute path: add the dataset again.", "read")
    # Without O_NONBLOCK, opening a named pipe would wait for a writer forever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        before = os.fstat(descriptor)
        _check_regular(before)
        data = stream.readall()
        after = os.fstat(descriptor)
    if (len(data), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise SampleError(
            "The file changed while it was read: add the dataset again when nothing writes to it any more.", "read"
        )
    return Content(data, FileState(len(data), before.st_mtime_ns))


def _check_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise SampleError("This is a folder, not an image file: rename it, or remove it from the list.", "read")
    if not stat.S_ISREG(found.st_mode):
        raise SampleError("This is a pipe or device, not an image file: remove it from the dataset.", "read")
    if found.st_size > MAX_FILE_BYTES:
        raise SampleError(
            f"The file has {found.st_size} bytes, more than the limit of {MAX_FILE_BYTES}: scale the image down.",
            "read",
        )


def _read_item(uri: str) -> Content:
    item = open_item(uri)
    data = item.encoded()
    return Content(data, FileState(len(data), item.modified_ns))


def _sample_error(uri: str, error: OSError | SourceError | ValueError) -> SampleError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        message = "The file does not exist: restore it, or remove it from the dataset."
    elif isinstance(error, PermissionError):
        message = "No permission to read the file: change its permissions."
    elif isinstance(error, IsADirectoryError):
        message = "This is a folder, not an image file: rename it, or remove it from the list."
    elif isinstance(error, OSError):
        message = f"The file cannot be read ({error.strerror or error}): check the disk or the network drive."
    elif isinstance(error, SourceError):
        message = str(error)
    else:
        message = f"{uri!r} is not a valid file name ({error}): correct the path."
    return SampleError(message, "read")
