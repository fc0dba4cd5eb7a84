"""Texts of Review."""

from __future__ import annotations

from jepascore_core.curation.review import ReviewKind
from jepascore_core.formatting import count_text

QUEUE = "Queue"
KIND_TITLES: dict[ReviewKind, str] = {
    "unlikely": "Least likely",
    "borderline": "Borderline",
    "dropped": "Dropped",
    "kept": "Kept",
    "unscored": "Not measured",
}
#: Why a queue is empty.
NOTHING: dict[ReviewKind, str] = {
    "unlikely": "No sample has a score yet.",
    "borderline": "No rule has a threshold, so nothing is borderline.",
    "dropped": "The rules drop nothing.",
    "kept": "The rules keep nothing.",
    "unscored": "Every sample has the scores that the rules need.",
}
NO_RULES = (
    "There are no rules yet, so nothing is dropped or borderline. Add rules on the Curate page, or review the least "
    "likely samples of each class."
)
GO_TO_CURATE = "Go to Curate"
END_OF_QUEUE = "End of the queue"
NOT_IN_QUEUE = "Not in this queue"
RULES_KEEP = "The rules keep it"
NEEDS_SCORE = "Not measured: the rules need a score"
DECISIONS = "Decisions, tags and corrected labels"
NO_DECISIONS = "None yet."
TURNS = {"decide": "", "tag": "", "relabel": "", "undo": "undid: ", "redo": "redid: "}


def rules(text: str) -> str:
    """Name the rules that the queues are made from."""
    return f"Rules (from the Curate page): {text or 'none yet'}"


def place(number: int, length: int) -> str:
    """Position of an image in its queue."""
    return f"{count_text(number)} of {count_text(length)}"


def score(nats: str, percentile: str) -> str:
    """Score of an image."""
    return f"{nats} nats · percentile {percentile} within its class"


def rules_drop(reason: str) -> str:
    """Say which rule drops an image."""
    return f"The rules drop it: {reason}"


def previous_page(size: int) -> str:
    """Title of a button."""
    return f"Previous {size}"


def next_page(size: int) -> str:
    """Title of a button."""
    return f"Next {size}"
