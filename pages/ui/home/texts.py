"""Texts of Home."""

from __future__ import annotations

from collections.abc import Sequence

EMPTY_TITLE = "Nothing here yet"
EMPTY = (
    "Add your own images on the Runs page, or try it first on 1,800 small pictures in which 156 defects are hidden: "
    "its scores take a minute or two."
)
ADD_DEMO = "Add the demo"
ADD_DIGITS = "Handwritten digits instead"
ADDING_DEMO = "Creating the demo images"
NO_SCORES = "No scores yet"


def scores(titles: Sequence[str], num_more: int) -> str:
    """Name the backbones that measured a dataset."""
    return f"Scores: {', '.join(titles)}{f' and {num_more} more' if num_more else ''}"
