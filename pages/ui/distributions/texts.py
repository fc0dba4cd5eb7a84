"""Texts of Distributions."""

from __future__ import annotations

from jepascore_core.figures.scores import Shape
from jepascore_core.formatting import PERCENT, count_text, percent_text, plural
from jepascore_core.views.distribution import GroupBy

# What is shown

NOTHING_MEASURED = "No dataset has scores yet. Start a run on the Runs page; this page updates as scores arrive."
NO_SCORES = "None of these datasets has scores yet."
GROUP_BY = "Group by"
GROUP_TITLES: dict[GroupBy, str] = {"none": "None", "label": "Class", "split": "Split"}
SHAPE = "Shape"
SHAPE_TITLES: dict[Shape, str] = {"histogram": "Histogram", "density": "Density", "ecdf": "Cumulative"}
Y_AXIS = "Y axis"
UNIT_TITLES = {"share": "Share", "count": "Count"}
X_AXIS = "X axis"
SCALE_TITLES = {"raw": "Nats", "reference": "Relative to reference"}
X_AXIS_HELP = (
    "Raw scores of two backbones are not comparable. Relative to the reference dataset they are: 0 is its median, 1 "
    "its spread (the standard deviation of a normal distribution with its quartiles)."
)
REFERENCE = "Reference"
REFERENCE_HELP = (
    "A dataset known to be in-distribution for the encoder, such as a part of its training data. Readiness below is "
    "judged against it. Default: the training data of a bundled encoder, else the dataset with the most scores."
)
NOTHING_TO_SHOW = "Nothing to show: this backbone has no scores of the reference, or all its scores are equal."
CLICK_A_BAR = "Click a bar, or drag with the figure's box tool, to see its samples."
DRAG_ACROSS = "Drag across a figure to see the samples there."
INTERVAL = "Interval of one score"
EXACT, UNKNOWN = "exact", "unknown"


def figure_title(backbone: str) -> str:
    """Title of the figure of a backbone."""
    return f"Scores under {backbone}"


def groups_hidden(count: int) -> str:
    """Count the groups that are too small."""
    return f"{plural(count, 'smaller group')} not shown."


def without_reference(count: int) -> str:
    """Count the datasets that have no scale."""
    return f"{plural(count, 'dataset')} not shown: no scores of the reference."


def unit(on_scale: bool) -> str:
    """Say what the numbers of the table are in."""
    return f"Scores in {'reference spreads from the reference median' if on_scale else 'nats'}; higher is more likely."


# The samples of a bar

EMPTY_BARS = "No samples in this range."
IN_RANGE = "in the selected range"


def bar_gallery(dataset: str) -> str:
    """Name a gallery of the samples of bars for a screen reader."""
    return f"Samples in the selected range, {dataset}"


def bar_samples(num_shown: int, total: int, span: str) -> str:
    """Count the samples of a part of a histogram."""
    shown = f"{count_text(num_shown)} of " if num_shown < total else ""
    return f"{shown}{plural(total, 'sample')} {IN_RANGE}, {span}"


# Readiness

READINESS = "Readiness"
READINESS_HELP = (
    "AUROC: the probability that a sample of the reference scores higher than one of this dataset; 0.5 means that the "
    "score does not separate them. Shared area: how much of the two histograms overlaps."
)
CAVEAT = (
    "A verdict is about these samples under this encoder and this score, not about accuracy on a task. Independent "
    "tests found the score inverted for some encoders (an out-of-distribution dataset scored above the "
    "in-distribution one): the Trust page compares it with baseline scores on your data. Small, smooth or upscaled "
    "images shift all scores of a dataset."
)
SECOND_DATASET = (
    "How familiar is the encoder with a dataset? Choose, or measure, a second dataset under this backbone: verdicts "
    "compare it with the reference."
)
NUMBERS = "Numbers"


def numbers(auroc: float, interval: tuple[float, float], overlap: float, num_scored: int) -> str:
    """The numbers below a verdict."""
    low, high = interval
    return (
        f"AUROC {auroc:.2f} (95{PERCENT}: {low:.2f} to {high:.2f}) · shared area {percent_text(overlap)} · "
        f"n = {count_text(num_scored)}"
    )
