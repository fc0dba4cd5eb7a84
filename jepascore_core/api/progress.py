"""Progress of long work for a caller of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jepascore_core.embeddings import index

#: Called with a title and a share, 0 to 1.
Progress = Callable[[str, float], None]


def titled(progress: Progress | None, title: str) -> index.Progress:
    """Return the callback of one piece of work, which reports under its title; None is not called."""
    return partial(progress, title) if progress else index.no_progress
