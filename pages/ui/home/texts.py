"""Texts of Home."""

from __future__ import annotations

from collections.abc import Sequence

EMPTY_TITLE = "Nothing here yet"
EMPTY = "Add your own images on the Runs page, or try it on 1,797 handwritten digits first."
ADD_DEMO = "Add the demo"
ADDING_DEMO = "Creating the demo images"
NO_SCORES = "No scores yet"


def scores(titles: Sequence[str], num_more: int) -> str:
    """Name the backbones that measured a dataset."""
    return f"Scores: {', '.join(titles)}{f' and {num_more} more' if num_more else ''}"
