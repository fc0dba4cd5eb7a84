"""Texts of Labels."""

from __future__ import annotations

import shlex

from jepascore_core.formatting import count_text, number_text, percent_text, plural
from jepascore_core.views.label_issues import ConfusedPair, LabelIssue

CUT = "Count as wrong from"
CUT_HELP = (
    "label_issue compares the given label with the likeliest other one: above 0.5 the other is more likely. 0.9 finds "
    "few and nearly all of them are wrong; 0.5 finds most wrong labels, and right ones among them."
)
PAIR, EVERY_PAIR = "Labelled → looks like", "All classes"
ABOUT = (
    "Each label is judged by the other images: a vote of the nearest ones, and a classifier that has not seen the "
    "image. Look before you drop: where two classes look alike to the backbone, a right label may be listed."
)
CONFUSED = "Which classes are confused"
LABELLED, LOOKS_LIKE, SAMPLES, OF_CLASS = "Labelled", "Looks like", "Samples", "Of the class"
GALLERY = "Likely wrong labels"
NONE_FOUND = "No label looks wrong at this limit. Lower it to see more."
RULE = "Drop them all by a rule"
RULE_HELP = "Opens Curate with this rule beside those that you have. Decisions to keep or drop override it."
COMMAND = "Command-line equivalent"
REFRESH = "Judge again"
ACCEPT_HELP = (
    "Records the class that they look like as their corrected label, and leaves the label of the dataset as it is: "
    "percentiles and label issues go by that one. Z undoes it. Select images with X first to accept only these."
)


def so_far(num_judged: int, num_measured: int) -> str:
    """Say that measuring continues, and what the list rests on meanwhile."""
    return (
        f"Measuring continues: this list rests on the first {plural(num_judged, 'image')} of "
        f"{count_text(num_measured)} measured so far. It is made again when the run ends."
    )


def found(num_likely_wrong: int, num_judged: int, num_samples: int) -> str:
    """Count what looks wrong, and what could not be judged."""
    text = f"**{count_text(num_likely_wrong)}** of {plural(num_judged, 'label')} look wrong"
    rest = num_samples - num_judged
    if rest:
        text += f"; {plural(rest, 'sample')} not judged (not scored, without a label, or the only image of the class)"
    return f"{text}."


def pair(item: ConfusedPair) -> str:
    """Title of the choice of one pair of classes."""
    return f"{item.label} → {item.likely_label} ({count_text(item.num_issues)})"


def most_frequent(num_shown: int, num_pairs: int) -> str:
    """Say that the table is not all."""
    return f"The {num_shown} most frequent of {plural(num_pairs, 'pair')}."


def looks_like(item: LabelIssue) -> str:
    """Say on a tile what the other images say."""
    return f"→ {item.likely_label}"


def corrected(label: str) -> str:
    """Say on a tile what its label was corrected to."""
    return f"✓ {label}"


def accept(number: int, *, all_of_page: bool) -> str:
    """Title of the button that corrects labels."""
    return f"Relabel all {number} shown as suggested" if all_of_page else f"Relabel {number} selected as suggested"


def relabelled(number: int) -> str:
    """Count what was corrected."""
    return f"{plural(number, 'label')} corrected in this dataset."


def tooltip(item: LabelIssue) -> str:
    """Say what speaks against a label."""
    of_nearest, of_classifier = number_text(item.knn_margin, ".2f"), number_text(item.probe_margin, ".2f")
    return (
        f"{item.sample_key}\nlabelled {item.label}, looks like {item.likely_label}\nlabel_issue "
        f"{item.label_issue:.3f}; margin of the nearest images {of_nearest}, of the classifier {of_classifier}"
    )


def share_of_class(item: ConfusedPair) -> str:
    """Share of the class that looks like the other one."""
    return percent_text(item.share)


def command(dataset: str, backbone: str, threshold: float) -> str:
    """Return the command that prints the same list."""
    return shlex.join(["jepascore", "labels", dataset, "-b", backbone, "--threshold", f"{threshold:g}"])
