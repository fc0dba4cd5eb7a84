"""Detect a full disk, so that write errors can say so."""

from __future__ import annotations

import shutil
from pathlib import Path

#: With fewer free bytes, SQLite and Parquet cannot write reliably.
LEAST_BYTES = 1 << 20


def is_full(folder: Path) -> bool:
    """Return whether the disk of a folder has almost no space left."""
    try:
        return shutil.disk_usage(folder).free < LEAST_BYTES
    except OSError:
        return False


def full_disk_remedy(folder: Path) -> str:
    """Return a sentence to append to an error about a file in this folder; empty where the disk has space."""
    return f" There is no space left on the disk of {folder}: free some space." if is_full(folder) else ""
