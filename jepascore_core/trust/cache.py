"""Cache results about the stored embeddings of a large dataset in files beside them, for the next server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jepascore_core.atomic import write_atomically


def kept(folder: Path | None, name: str, about: Sequence[Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of `make` as JSON, from a file in `folder` if its key matches; None caches nothing.

    `folder` itself identifies the embeddings, `about` everything else that the result depends on.
    """
    path = folder and folder / f"{name}.json"
    subject = json.loads(json.dumps(list(about)))
    if path is not None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["about"] == subject:
                found: dict[str, Any] = known["found"]
                return found
    written = json.dumps({"about": subject, "found": make()})
    if path is not None:
        # A home folder that is not writable can still be viewed.
        with suppress(OSError):
            write_atomically(path, written.encode())
    made: dict[str, Any] = json.loads(written)["found"]
    return made
