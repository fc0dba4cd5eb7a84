"""Texts of Duplicates."""

from __future__ import annotations

from jepascore_core.formatting import count_text, plural

DUPLICATES = "Duplicates"
LEVELS = {"exact": "Exact copies", "perceptual": "Look alike", "near": "Near (embedding)"}
LEVELS_HELP = (
    "Exact copies: identical files. Look alike: rescaled, recompressed, mirrored or slightly changed copies, by their "
    "perceptual hash. Both need no run. Near: images whose embeddings under the backbone are within a radius. Several "
    "labels: the copies disagree on the class. Several splits: a copy leaks into another split."
)
RADIUS = "Radius"
RADIUS_HELP = (
    "Cosine distance of embeddings (0: same direction, 1: unrelated). A larger radius finds more matches, and more "
    "false positives."
)
CURVE = "Samples dropped and largest group by radius"
BORDER = "The least similar pairs within the radius. Lower it if these are not copies."
BORDER_LABEL = "Pairs at the border"
NEAR_NEEDS_RUN = (
    "Near duplicates by embedding need a run of this dataset: start one on Runs. Exact copies and images that look "
    "alike need none."
)
PROPOSE = "Propose to keep"
NONE_FOUND = "There are no duplicates of this kind."
CLICK_TO_KEEP = "Click the one to keep."
GROUPS = "Groups of duplicates"
ACCEPT_HELP = "In every group without a decision, keep the proposed image and drop the others. Undo reverses it."
ACCEPT_ANYWAY = "Drop them anyway"
ALL_DECIDED = "All groups are decided"
SEVERAL_LABELS, SEVERAL_SPLITS, DECIDED = "several labels", "several splits", "decided"
KEEP, DROP, KEEPS, DROPS = "✓ keep", "✕ drop", "keeps", "drops"
NO_LABEL, NO_SPLIT = "no label", "no split"


def summary(num_groups: int, num_samples: int) -> str:
    """Count the groups."""
    return f"**{plural(num_groups, 'group')}** of {plural(num_samples, 'sample')}. {CLICK_TO_KEEP}"


def drop_and_keep(num_dropped: int, num_kept: int) -> str:
    """Label of the button that accepts all proposals: what it drops, and what is then left of the dataset."""
    return f"Drop {count_text(num_dropped)}, keep {count_text(num_kept)}"


def radius_about(default: float, median: float) -> str:
    """Say where the default radius comes from."""
    return (
        f"By default {default:g}: a tenth of the median distance of an image to its nearest other one under this "
        f"backbone ({median:.3f}), from 0.001 to 0.05."
    )


def distance(value: float) -> str:
    """Cosine distance of a pair."""
    return f"{value:.4f}"


def perceptual(max_bits: int, num_unhashed: int) -> str:
    """Say how images that look alike are found, and how many samples have no hash."""
    missing = (
        f" {plural(num_unhashed, 'sample')} indexed by an earlier version had no hash: Rescan on Runs adds it."
        if num_unhashed
        else ""
    )
    return f"Perceptual hashes (64 bits) that differ in at most {max_bits} bits, mirrored or not.{missing}"


def not_compared(num_unscored: int, num_samples: int) -> str:
    """Say how many samples a search by embeddings does not cover."""
    said = "is not scored, so it was not compared" if num_unscored == 1 else "are not scored, so they were not compared"
    return f" {count_text(num_unscored)} of {plural(num_samples, 'sample')} {said}."
