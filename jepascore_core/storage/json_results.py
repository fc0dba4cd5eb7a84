"""Results that can be computed again, as JSON files: one that cannot be read counts as absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jepascore_core.atomic import write_atomically


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a result; None if there is no file, or it does not hold one."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a result, and its folder.

    Raises:
        OSError: if the home folder is not writable, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(values).encode())
