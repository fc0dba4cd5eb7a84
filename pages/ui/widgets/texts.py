"""Texts that several pages share."""

from __future__ import annotations

from jepascore_core.curation.rules.model import Keeper
from jepascore_core.formatting import count_text, percent_text, plural
from jepascore_core.scores.titles import DEFINITION_HELP

# Choosing scores

NO_DATASET = "There is no dataset yet. Add images on the Runs page, or the demo on the Home page."
GO_TO_RUNS = "Go to Runs"
GO_TO_HOME = "Go to Home"
NO_LABELS = "no labels"
ADVANCED = "Advanced"
CHOICES = "Choices"
SCORE_VARIANT = "Score variant"
NO_SPECTRUM = (
    "Estimated scores have no spectrum, so Tail and Top are not available for them. Rank and Paper show every image; "
    "an exact run of this backbone measures the rest."
)
SCORE_VARIANT_HELP = f"{DEFINITION_HELP}\n\nEstimates have Rank and Paper only. {NO_SPECTRUM}"


def score_variant(title: str) -> str:
    """Name a score variant that is not the default, on the closed popover."""
    return f"{SCORE_VARIANT}: {title}"


def no_scores_yet(dataset: str, is_running: bool) -> str:
    """Say that a dataset has no scores, and what to do."""
    way_out = "A run is in progress" if is_running else "Start a run on the Runs page"
    return f"{dataset} has no scores yet. {way_out}; this page updates as scores arrive."


def run_failed(backbone: str, message: str) -> str:
    """Say why the newest run failed."""
    return f"The last run, {backbone}, failed: {message}"


def too_few_chosen(least: int) -> str:
    """Ask for more of the backbones that are there."""
    return f"Choose at least {least} backbones above, or measure another on the Runs page."


def too_few_measured(dataset: str, num_measured: int, least: int) -> str:
    """Ask for a run of another backbone."""
    known = plural(num_measured, "backbone")
    return f"{dataset} is measured with {known}; a comparison needs {least}. Start another run on the Runs page."


def being_indexed(dataset: str) -> str:
    """Say that a dataset is not ready."""
    return f"{dataset} is being indexed. The Runs page shows its progress."


def not_indexed(dataset: str, state: str) -> str:
    """Say that indexing a dataset ended early."""
    return f"{dataset} has no index ({state}). Resume indexing on the Runs page."


def distinct_images(num_images: int) -> str:
    """Count images of which some are there more than once."""
    return plural(num_images, "distinct image")


def partly_measured(title: str, coverage: float, has_scores: bool) -> str:
    """Title of a backbone that has measured a part of a dataset."""
    return f"{title} · {percent_text(coverage)} {'scored' if has_scores else 'embedded'}"


# The table of datasets

DATASETS = "Datasets"
EXPLORE, CURATE, RUNS, MEASURE = "Explore", "Curate", "Runs", "Measure"
#: Texts that its script shows.
DATASET_TABLE = {
    "pictures": "Pictures",
    "name": "Name",
    "images_title": "Images",
    "images": "images",
    "classes_title": "Classes",
    "classes": "classes",
    "coverage": "Measured",
    "activity": "Last activity",
    "ways": "Actions",
    "details": "Details",
    "unmeasured": "Not measured yet",
    "find": "Find a dataset",
    "of": "of",
}


def and_more(count: int) -> str:
    """Count what is not named."""
    return f"and {count:,} more"


def embedded(share: str) -> str:
    """Say how much of a dataset has embeddings only."""
    return f"{share} embedded"


# The verdict on scores

ON_TRUST = "All checks on Trust"

# Coverage and estimates

MEASURE_THE_REST = "Measure the rest"


def spectrum_missing(definition: str, num_exact: int, num_estimated: int) -> str:
    """Say which samples a definition does not show."""
    exact = plural(num_exact, "exactly measured sample")
    return (
        f"{definition} is available for {exact}, not for {count_text(num_estimated)} estimated ones. "
        "Rank and Paper show all"
    )


# Failures

UNREADABLE_FILE = "unreadable file"
ALL_FAILURES = "All failures as CSV"
STAGES = {
    "scan": "looking for images",
    "read": "reading",
    "decode": "decoding",
    "preprocess": "preprocessing",
    "measure": "measuring",
}


def num_failed(count: int) -> str:
    """Title of a list of failures."""
    return f"{count:,} failed"


# Computing before a page can show

RUN_IN_BACKGROUND = "Run in background"
COMPUTE = "Compute"
CONTINUES_IN_BACKGROUND = "It runs in the background, even if you close this page, and is cached."
TRY_AGAIN = "Try again"
SLOW_UNTIL_THEN = "Until then this page is slow; it refreshes automatically."


def must_be_computed(title: str) -> str:
    """Say what is missing."""
    return f"{title} must be computed first (once)."


def computing(title: str) -> str:
    """Say what is being computed while the page waits."""
    return f"Computing: {title}"


# Deciding

YOUR_NAME = "Your name"
YOUR_NAME_HELP = "Recorded with every decision that you make."
NOT_THERE = (
    "{} of {} images are no longer in the dataset: no decision was recorded for them. Reload the page to see the "
    "current dataset."
)
KEEPER_TITLES: dict[Keeper, str] = {
    "most_likely": "the most likely one",
    "largest": "the largest one",
    "first": "the first one",
}
CLEAR_SELECTION = "Clear selection"

# Figures

DOWNLOAD = "Download"
CAMERA_FORMAT = "Camera button saves as"
FIGURE_AS_HTML = "Figure as HTML"
DATA_AS_CSV = "Data as CSV"


def camera_hint(file_name: str) -> str:
    """Say where the camera is, and what it saves."""
    return f"{file_name}: point at the figure and click the camera."


def page_of(num_pages: int) -> str:
    """Label of the field for a page number."""
    return f"Page of {num_pages}"


TAGS_ABOUT = (
    "Keys 1 to 9 add and remove tags here, in galleries and in the sample window. Rules see them as "
    '`tag("blurred")`, exports have them as a column.'
)
NEW_TAG, NEW_TAG_EXAMPLE = "New tag", "blurred"
CHANGE_TAG = "Change"
TAG_NAME, TAG_COLOUR, TAG_KEY, NO_KEY = "Name", "Colour", "Key", "none"
SAVE_TAG, DELETE_TAG = "Save", "Delete"
DELETE_TAG_HELP = "Removes the tag from all samples; undo brings it back."


def tags_title(number: int) -> str:
    """Title of the button that opens the list of tags."""
    return f"Tags ({number})" if number else "Tags"


def tag_line(name: str, samples: str, colour: str, digit: int | None) -> str:
    """Describe a tag: its key, name, number of samples and colour."""
    key = f"`{digit}` " if digit is not None else ""
    return f"{key}**{name}** :gray[{samples} · {colour}]"


def merge_tag(name: str) -> str:
    """Title of the button that merges a tag into another one."""
    return f"Merge into {name}"
