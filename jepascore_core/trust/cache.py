"""Numbers about the laid out embeddings of a large dataset: worked out once, kept beside them for the next server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jepascore_core.atomic import write_atomically


def kept(folder: Path | None, name: str, about: Sequence[Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` finds, as JSON has it, read from a file in `folder` if that is about the same; None keeps nothing.

    `folder` itself stands for the embeddings, `about` names everything else that the result depends on.
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
        # A home that cannot be written to is still there to be looked at.
        with suppress(OSError):
            write_atomically(path, written.encode())
    made: dict[str, Any] = json.loads(written)["found"]
    return made
