"""Texts of Compare."""

from __future__ import annotations

from jepascore_core.formatting import count_text, percent_text, plural

# The same class under each backbone

CLASS = "Class"
PER_GROUP = "Images per row"
ROWS = "Extremes under each backbone"

# Agreement

AGREEMENT = "Agreement"
CORRELATION = "Rank correlation"
MEASURES = {"spearman": "Spearman's ρ", "kendall": "Kendall's τ"}
MEASURES_HELP = (
    "How similarly two backbones order the samples: 1 is the same order, 0 unrelated, below 0 reversed. Spearman's ρ "
    "correlates ranks; Kendall's τ is the share of pairs in the same order minus the share in the opposite order."
)
SAME_EXTREMES = "Do they pick the same extremes?"
OVERLAP_HELP = (
    "The paper claims that all JEPA-type encoders pick the same least and most likely samples. Shown here: the share "
    "of the n extremes of a class under one backbone that are also among the n extremes under the other."
)
OVERLAP_FIGURE = "Overlap of the extremes of each class"
TOO_FEW_COMMON = "Every class has too few common samples to compare its extremes."
NO_COMMON = "No sample of this class is scored by all of them yet."
OVERLAP_TABLE = "Extremes in common for this class, as in the rows above"
EVERY_CLASS = "All classes"
PAIR = "Pair"
BY_CHANCE = "By chance"
LEAST_IN_COMMON, MOST_IN_COMMON = "Least likely in common (%)", "Most likely in common (%)"


def agreement_figure(measure: str) -> str:
    """Title of the heat map."""
    return f"{measure} between backbones"


def common_samples(num_common: int, num_kendall: int | None) -> str:
    """Say what the correlations are computed from; `num_kendall` is the size of its random sample, if shown."""
    part = f"; Kendall's τ uses {count_text(num_kendall)} drawn at random" if num_kendall is not None else ""
    return (
        f"Over {count_text(num_common)} samples scored by all backbones{part}. Raw scores of two backbones are never "
        "comparable; ranks are."
    )


def overlap(pair: str | None, n: int, least: float, most: float, num_classes: int, chance: float) -> str:
    """State the overlap of a pair at one size; `pair` is named where it is one of several."""
    who = f"The pair that agrees least, {pair}, shares" if pair else "They share"
    return (
        f"{who} {percent_text(least)} of the {n} least likely and {percent_text(most)} of the {n} most likely samples "
        f"of a class (mean of {plural(num_classes, 'class')}); unrelated scores would share {percent_text(chance)}."
    )


def pair_title(first: str, second: str) -> str:
    """Name two backbones."""
    return f"{first} and {second}"


def shared_least(n: int) -> str:
    """Head of a column."""
    return f"Shared among the {n} least likely"


def shared_most(n: int) -> str:
    """Head of a column."""
    return f"Shared among the {n} most likely"


# Disagreement

SCATTER = "Percentiles of every sample"
WITHIN = "Percentile within"
WITHIN_TITLES = {"dataset": "Dataset", "class": "Class"}
WITHIN_HELP = "Among all common samples, or within the sample's class, which removes differences between classes."
X_AXIS, Y_AXIS = "X axis", "Y axis"
LARGEST = "Largest disagreements"
WITHIN_THE_ERROR = "within the error"


def scatter_figure(first: str, second: str) -> str:
    """Title of the scatter plot."""
    return f"Percentiles under {first} and {second}"


def scatter_caption(num_points: int, num_common: int) -> str:
    """Say what the points are."""
    is_part = num_points < num_common
    part, drawn = (f"{count_text(num_points)} of ", " drawn at random") if is_part else ("", "")
    return (
        f"{part}{plural(num_common, 'common sample')}{drawn}. On the diagonal the backbones agree. Drag around samples "
        "to see them on the right."
    )


def pair_subtitle(first: str, second: str) -> str:
    """Say what the two numbers below an image are."""
    return f"percentile under {first} on the left, {second} on the right"


def selected(count: int, num_shown: int) -> str:
    """Count the selected samples."""
    shown = f", {num_shown} shown" if count > num_shown else ""
    return f"{count_text(count)} selected{shown}"
