"""Texts of Duplicates."""

from __future__ import annotations

from jepascore_core.curation.rules.model import NEAR_RADIUS
from jepascore_core.formatting import count_text, plural

DUPLICATES = "Duplicates"
RADII_HELP = (
    "Exact copies: identical files. Near: images whose embeddings are within a cosine distance (0: same direction, 1: "
    "unrelated); larger radii find more matches, and more false positives. Several labels: the copies disagree on the "
    "class. Several splits: a copy leaks into another split."
)
RADII = {
    "exact": "Exact copies",
    **{f"{radius:g}": f"Near ({radius:g})" for radius in (0.01, 0.02, NEAR_RADIUS, 0.1)},
}
PROPOSE = "Propose to keep"
NONE_FOUND = "There are no duplicates of this kind."
CLICK_TO_KEEP = "Click the one to keep."
GROUPS = "Groups of duplicates"
ACCEPT_ALL = "Accept all"
ACCEPT_ALL_HELP = "In every group without a decision, keep the proposed image and drop the others."
SEVERAL_LABELS, SEVERAL_SPLITS, DECIDED = "several labels", "several splits", "decided"
KEEP, DROP, KEEPS, DROPS = "✓ keep", "✕ drop", "keeps", "drops"
NO_LABEL, NO_SPLIT = "no label", "no split"


def summary(num_groups: int, num_samples: int, num_surplus: int) -> str:
    """Count the groups and what they would cost."""
    return (
        f"**{plural(num_groups, 'group')}** of {plural(num_samples, 'sample')}: {count_text(num_surplus)} would be "
        f"dropped, keeping one per group. {CLICK_TO_KEEP}"
    )


def not_compared(num_unscored: int, num_samples: int) -> str:
    """Say how many samples a search by embeddings does not cover."""
    return f" {count_text(num_unscored)} of {plural(num_samples, 'sample')} are not scored, so they were not compared."
