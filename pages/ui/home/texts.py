"""Texts of Home."""

from __future__ import annotations

from collections.abc import Mapping

from jepascore_core.formatting import PERCENT, plural
from jepascore_core.trust.known_defects import KnownDefects, ReviewOrder, kind_title

EMPTY_TITLE = "Nothing here yet"
EMPTY = (
    "Add your own images, or try it first on 1,800 small pictures in which 156 defects are hidden: "
    "its scores take a minute or two."
)
ADD_IMAGES = "Add images"
ADD_DEMO = "Add the demo"
ADD_DIGITS = "Handwritten digits instead"
ADDING_DEMO = "Creating the demo images"

# The result card

KNOWN_DEFECTS = "Known defects"
BUDGET = "Images reviewed"
BUDGET_SHARE = f"lowest 5{PERCENT}"
BUDGET_HELP = "A reviewer looks at this many images, those that rank lowest."
CHANCE = "Chance finds"
RESULT_FIGURE = "Known defects found in a review"
REVIEWED = "Images that rank lowest"
CLEAN = "clean"
SEE = "See them"
SEE_HELP = "Open these images on Explore."
CUT = "Cut them"
EXPORT = "Export the rest"
EXPORT_HELP = "Download the list of images that this cut keeps, as CSV. Curate has more formats."


def of_samples(num_samples: int) -> str:
    """Say among how many samples there are defects."""
    return f"of {num_samples:,}"


def kinds(counts: Mapping[str, int]) -> str:
    """List the kinds of defects with their numbers."""
    named = ", ".join(f"{kind_title(kind)} {count:,}" for kind, count in counts.items())
    return f"{plural(len(counts), 'kind')}: {named}"


def finds(order: ReviewOrder) -> str:
    """Title of what an order finds."""
    return f"{order.title} finds"


def precision(num_found: float, budget: int) -> str:
    """Share of the reviewed images that are defects."""
    return f"{100 * num_found / budget:.0f}{PERCENT} of these"


def reviewed(found: KnownDefects, backbone: str) -> str:
    """Title of the images of the recommended review."""
    within = " within each class" if found.recommended.within_class else ""
    return f"The first {len(found.examples)} of the review: {found.recommended.title}, lowest{within} under {backbone}"


def cut_help(rule: str) -> str:
    """Say which rule the cut goes by."""
    return f"Open Curate with the rule {rule}."
