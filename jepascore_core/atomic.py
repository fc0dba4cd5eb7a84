"""Write a file or a folder completely or not at all: under a temporary name first, then renamed.

No other module renames into place, but for the exporters, whose protocol covers several files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    """Write a file so that a reader, and a crash, sees all of it or none; as `atomic_path` for one piece of data."""
    with atomic_path(path, is_durable=is_durable) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_path(path: Path, *, temporary: Path | None = None, is_durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path to write a file or a folder to, which takes the place of `path` at the end of the block.

    If the block raises, `path` stays as it is. Nothing is left under the temporary name either way.

    Args:
        path: what is written or replaced; a folder replaces only an empty one.
        temporary: on the same disk; by default beside `path`, hidden, of this process and thread.
        is_durable: flush a file to the disk before it is renamed. Without, a power failure may leave it empty, which is
            for what can be computed again.
    """
    temporary = temporary or path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        put_in_place(temporary, path, is_durable=is_durable)
    finally:
        with contextlib.suppress(OSError):
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)


def put_in_place(finished: Path, path: Path, *, is_durable: bool = True) -> None:
    """Rename a finished file or folder to `path`, on the same disk; a file replaces the one that is there."""
    if is_durable and finished.is_file():
        with finished.open("rb+") as written:
            os.fsync(written.fileno())
    finished.replace(path)
