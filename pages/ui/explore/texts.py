"""Texts of Explore."""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.curation.decisions import VERBS, DecisionVerdict
from jepascore_core.embeddings.baselines import Baseline
from jepascore_core.formatting import count_text, number_text, plural, score_text
from jepascore_core.views.extremes import ClassSummary, ScoreSpan

VIEW = "View"
VIEW_TITLES = {
    "whole": "Whole dataset",
    "extremes": "Extremes",
    "classes": "Classes",
    "search": "Search",
    "reference": "Reference",
}

# The whole dataset

WHOLE_DATASET = "Whole dataset"
SORT = "Sort by"
SORT_BY_SCORE = "Score"
SORT_BY_KEY, SORT_AT_RANDOM, SORT_BY_CLASS, SORT_BY_SPLIT = "Key", "Random", "Class", "Split"
DIRECTION = "Direction"
DIRECTION_TITLES = {"up": "Lowest first", "down": "Highest first"}
MAKE_RULES = "Make these rules"
MAKE_RULES_HELP = "Take the filters to Curate, where they keep what is listed here."


def indexed_so_far(num_indexed: int, num_total: int) -> str:
    """Say how much of a first index is there to be looked at."""
    of_all = f" of {count_text(num_total)}" if num_total > num_indexed else ""
    return (
        f"{count_text(num_indexed)}{of_all} images indexed so far, in the order in which they are read. Filters, "
        "sorting and decisions come with the complete index."
    )


def sort_by_score_of(title: str) -> str:
    """Name the scores of another backbone."""
    return f"Score: {title}"


def sort_by_baseline(baseline: Baseline, title: str) -> str:
    """Name a baseline score of a backbone."""
    return f"{BASELINE_NAMES[baseline]}: {title}"


def decided(kind: DecisionVerdict, number: int) -> str:
    """Confirm a decision about all that was selected."""
    return f"{VERBS[kind].capitalize()}: {plural(number, 'sample')}. Z undoes it."


def tagged(tag: str, number: int, *, is_set: bool) -> str:
    """Confirm a tag on all that was selected."""
    samples = plural(number, "sample")
    return f"Tagged {samples} {tag}. Z undoes it." if is_set else f"Removed the tag {tag} from {samples}. Z undoes it."


# Extremes and classes

CLASS_ORDER = "Order of classes"
CLASS_ORDER_TITLES = {
    "name": "Name",
    "median": "Lowest median first",
    "spread": "Widest spread first",
    "worst": "Least likely sample first",
}
CLASS_ORDER_HELP = "Spread: the middle half of a class's scores, from lower to upper quartile, in nats."
PER_GROUP = "Images per row"
SCORE_AND_PERCENTILE = "Score in nats, and percentile within the class: higher is more likely."
SHUFFLE = "Shuffle random images"
AT_RANDOM = "At random"
CLASSES_AS_FIGURE = "These classes in one figure"
SPREAD_FIGURE = "Spread of the scores of each class"


def under(title: str) -> str:
    """Say which backbone a row of random samples is scored by."""
    return f"scores under {title}"


def class_list(title: str, span: ScoreSpan) -> str:
    """Explain the list of classes; `title` is the backbone, where there are several."""
    return (
        f"{f'Under {title}. ' if title else ''}Boxes show quartiles and median; lines reach from the least to the most "
        f"likely sample, on an axis from {score_text(span.low)} to {score_text(span.high)} nats. Click a class to see "
        "more of it."
    )


def all_classes(count: int) -> str:
    """Title of the choice of no single class."""
    return f"All {plural(count, 'class')}"


def class_subtitle(summary: ClassSummary) -> str:
    """Counts and scores of a class in one line."""
    text = plural(summary.num_samples, "sample")
    if summary.num_scored != summary.num_samples:
        text += f", {summary.num_scored:,} scored"
    if summary.median is not None and summary.spread is not None:
        text += f" · median {score_text(summary.median)}, middle half spans {score_text(summary.spread)} nats"
    return text


ALL_SHOWN = "all, the least likely first"


def small_class_subtitle(summary: ClassSummary) -> str:
    """The same of a class of which all samples are shown."""
    return f"{class_subtitle(summary)} · {ALL_SHOWN}"


def class_box(low: float, lower: float, median: float, upper: float, high: float) -> str:
    """Read out the box of a class."""
    return (
        f"Least likely {score_text(low)}, middle half {score_text(lower)} to {score_text(upper)}, "
        f"median {score_text(median)}, most likely {score_text(high)} nats"
    )


# Search

BASELINE_NAMES: dict[Baseline, str] = {"knn": "k-NN baseline", "mahalanobis": "Mahalanobis baseline", "norm": "Norm"}
#: What samples are sorted by besides their scores; a note below each image.
NUMBER_TITLES = {
    "label_issue": "Label issue",
    "knn": "k-NN",
    "mahalanobis": "Mahalanobis",
    "norm": "Norm of the embedding",
    "brightness": "Brightness",
    "brightness_p5": "Brightness of the darkest 5 %",
    "brightness_p99": "Brightness of the lightest 1 %",
    "contrast": "Contrast",
    "entropy": "Entropy",
    "colourfulness": "Colourfulness",
    "sharpness": "Sharpness",
    "edge_density": "Edge density",
    "border": "Border",
    "bytes_per_pixel": "Bytes per pixel",
    "pixels": "Pixels",
    "aspect": "Aspect (width / height)",
}
#: The number of samples that are listed by similarity.
SIMILARITY = "similarity"
WORDS, WORDS_HINT = "Like these words", "a watermark"
WORDS_HELP = (
    "Compares images with words, by the text tower of a CLIP model that measured them; the most similar come first. "
    "The first time takes some seconds."
)
PICTURE, THE_PICTURE = "Like a picture", "the picture"
PICTURE_ABOUT = "Drop a picture to see what is like it. It is embedded and not stored."
NO_ENCODER = (
    "Imported embeddings have no encoder that a picture could pass. Measure these images with a backbone first."
)
COMPARED_BY = "Compared by"
LEAST, LEAST_HELP = "Similar from", "Cosine, −1 to 1. With words 0.2 to 0.35 is usual for a match."
AS_RULE = "Keep these: as a rule on Curate"
TO_RUNS = "Go to Runs"
NOT_LIKE_HELP = "Stop comparing with this sample"
#: What the whole dataset can be sorted by as well.
SORT_TITLES = {"pixels": "Size (pixels)", "width": "Width", "height": "Height", "bytes": "File size (bytes)"} | {
    name: title for name, title in NUMBER_TITLES.items() if name not in ("label_issue", "pixels")
}
LOWEST_FIRST, HIGHEST_FIRST = "lowest first", "highest first"
SEARCH_ORDER_TITLES = {"least": "Least likely first", "most": "Most likely first", "key": "Key", "random": "Random"} | {
    f"{name}-{direction}": f"{title}, {word}"
    for name, title in NUMBER_TITLES.items()
    for direction, word in (("up", LOWEST_FIRST), ("down", HIGHEST_FIRST))
}
DECISION_TITLES = {"any": "Any", "keep": "Keep", "drop": "Drop", "open": "Undecided"}
PAGE_SIZES = {str(number): f"{number} per page" for number in (48, 24, 96)}
SEARCH_TEXT = "File name or class"
SEARCH_TEXT_HINT = "contains"
RULES, RULES_EXAMPLE = "Only what these rules keep", 'sharpness < 50 or quality_issue like "*dark*"'
RULES_HELP = (
    'Rules as on Curate, such as aspect > 2, label_issue >= 0.9, grey, or quality_issue != "none". Decisions do not '
    "count here."
)
NO_CLASS_CHOSEN = "All classes"
PERCENTILE = "Percentile (%)"
NOTHING_FOUND = "No scored samples match. Remove a filter."
PERCENTILE_WITHIN_CLASS = "Percentile within class."


def not_like(sample_key: str) -> str:
    """Name the sample that images are compared with."""
    return f"Like {sample_key}"


def found(num_found: int, num_samples: int, num_unscored: int, title: str) -> str:
    """Count what was found, of how many, and what could not be searched; `title` is the backbone, or ""."""
    of_all = f"{count_text(num_found)} of " if num_found < num_samples else ""
    text = f"{of_all}{plural(num_samples, 'sample')} found{f' under {title}' if title else ''}"
    return f"{text}; {count_text(num_unscored)} not scored yet" if num_unscored else text


def number_note(by: str, number: float | None) -> str:
    """Return the note below an image: what the images are sorted by."""
    title = NUMBER_TITLES.get(by, by).partition(" (")[0].lower()
    return f"{title} {'–' if number is None else number_text(number, ',.4g')}"


def download_keys(count: int) -> str:
    """Title of the button that downloads the keys of the selected samples."""
    return f"Download keys of {plural(count, 'selected sample')}"


# Against a reference

REFERENCE = "Reference dataset"
REFERENCE_HELP = (
    "What does this dataset add to that one? Samples that the reference covers least come first. Both have to be "
    "measured with the same encoder, preprocessing and estimator."
)
NO_REFERENCE = "Add and measure a second dataset to compare this one with it."
MEASURE_REFERENCE = "Measure it on Runs"
FARTHEST = "Least covered by the reference first"
DISTANCE_AND_PERCENTILE = (
    "Below each image: cosine distance to the nearest image of the reference, and the percentile of its score among "
    "the reference's. Click an image to see the nearest ones."
)
COMPARED_SCORES = "Scores of both"
RULES_TO_COPY = "Rules to copy"
COMPARED_FIGURE = "Scores of the dataset over those of the reference"
IN_BOTH = "Images that both have"
SAME_BYTES = "Same bytes"
SAME_LOOK = "Same look"
NAMED = 50


def none_comparable(names: Sequence[str], largest: str) -> str:
    """Say which datasets could be the reference once they are measured, and what to do."""
    others = f"None of the other {len(names)} datasets was" if len(names) > 1 else f"{largest} was not"
    return (
        f"{others} measured in the same way as this one, and only then can distances and scores be compared. Measure "
        f"{largest} with the same backbone and estimator, in the app or by this command:"
    )


def distances(quantiles: tuple[float, ...]) -> str:
    """Say how far the samples are from the reference."""
    low, lower, median, upper, high = quantiles
    return (
        f"Distance to the nearest image of the reference: median {median:.3f}, middle half {lower:.3f} to {upper:.3f}, "
        f"from {low:.3f} to {high:.3f}."
    )


def shared_names(count: int) -> str:
    """Say that only the first of the shared samples are named."""
    return f"The first {NAMED} of {count_text(count)}." if count > NAMED else ""


def compared(sample_key: str, distance: float, percentile: str) -> str:
    """Describe a sample that is compared with a reference, in its tooltip."""
    return (
        f"{sample_key}\ncosine distance {distance:.4f} to the nearest of the reference\n"
        f"percentile {percentile} among the reference's scores"
    )


def also(sample_key: str, reference_key: str) -> str:
    """Describe a sample whose image the reference has, too, in its tooltip."""
    return f"{sample_key}\nin the reference: {reference_key}"
