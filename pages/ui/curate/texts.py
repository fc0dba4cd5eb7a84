"""Texts of Curate."""

from __future__ import annotations

from jepascore_core.curation import Budget, clause_text
from jepascore_core.curation.rules.shapes import FormName
from jepascore_core.embeddings.baselines import Baseline
from jepascore_core.exporters import ExtraColumns, Labels, Which
from jepascore_core.formatting import bytes_text, count_text, number_text, percent_text, plural
from jepascore_core.views.effects import Effect
from jepascore_core.views.starters import LEAST_LIKELY, Starter

# The rules as text and as chips

RULES = "Rules"
RULES_EXAMPLE = "class_percentile >= 5 and not leak | one per exact | budget 1000 balanced"
RULES_HELP = (
    "Which samples to keep. Combine rules with and, or, not and parentheses; steps follow after |. Higher is more "
    "likely. Baseline scores (knn, mahalanobis, norm) go in square brackets: class_percentile[knn] >= 5."
)
SUGGESTIONS = "Suggestions"
REMOVE_ALL = "Remove all"


def too_long(limit: int) -> str:
    """Say why rules were not applied."""
    return (
        f"These rules are longer than {limit:,} characters, the limit of the URL. Save them as a recipe file and use "
        "`jepascore export --recipe`."
    )


def shown_instead(rules: str) -> str:
    """Say what the page shows while the typed rules are not valid."""
    what = f"the last valid rules: {rules}" if rules else "no rules, so everything is kept"
    return f"The results below are for {what}"


#: Characters of a rule on its chip.
MAX_CHIP = 70
CHANGE = "Change"
RULE = "Rule"


def chip(rule: str, num_dropped: int | None) -> str:
    """Title of a chip; without a number as long as nothing was counted."""
    return rule if num_dropped is None else f"{rule} · drops {count_text(num_dropped)}"


def chip_help(num_alone: int, num_only: int) -> str:
    """Explain the counts of a chip."""
    return f"Alone it drops {plural(num_alone, 'sample')}; {count_text(num_only)} of them no other rule drops."


def remove(rule: str) -> str:
    """Title of the button that removes a rule."""
    return f"Remove {rule}"


# Rules to begin with

STARTERS = "Starters"
BEGIN_WITH = "Begin with one click; the number is what each drops alone."


def starter(item: Starter) -> str:
    """Title of the button that adds a rule to begin with, and what it drops."""
    counted = "counting …" if item.effect.is_quick else "not counted yet"
    if item.effect.dropped is not None:
        counted = f"drops {count_text(item.effect.dropped)}" if item.effect.dropped else "drops nothing"
    return f"{starter_title(item)} · {counted}"


def starter_title(item: Starter) -> str:
    """What a rule to begin with does."""
    match item.name:
        case "unlikely":
            return f"Drop the least likely {LEAST_LIKELY} %{' of every class' if item.per_class else ''}"
        case "exact":
            return "One of each exact copy"
        case "near":
            return "One of each near duplicate"
        case "labels":
            return "Drop likely label errors"
        case "blurry":
            return "Drop blurred"
        case "dark":
            return "Drop too dark"
        case "odd size":
            return "Drop odd sizes"
        case "balance":
            return "Balance classes"


def starter_help(item: Starter) -> str:
    """Say which rule a button adds, and why it is not counted, or what else happens."""
    notes = [f"Adds the rule: {clause_text(item.clause)}."]
    if item.name == "balance" and isinstance(item.clause, Budget):
        notes += [f"At most {count_text(item.clause.n)} of each class, as many as the middle one has, at random."]
    if item.effect.dropped is None:
        notes += [effect(item.effect)]
    return " ".join(notes)


# Forms for rules

FORMS: dict[FormName, str] = {
    "score": "Score",
    "agreement": "Agreement",
    "duplicates": "Duplicates",
    "class": "Class",
    "labels": "Labels",
    "reference": "Reference",
    "columns": "Columns",
    "image": "Image",
    "region": "Region",
    "budget": "Budget",
}
ADD = "Add"
COUNTING = "Counting what this drops …"
COMBINE = "Combine"
AND_ALSO = "AND (both must hold)"
NO_LIMIT = "no limit"
AT_LEAST, AT_MOST = "At least", "At most"
COLUMN = "Column"
SCORE = "Score"
UNDER = "Under backbone"
KEEP = "Keep"
KEEP_FROM, KEEP_UP_TO = "Keep from", "Keep up to"
HIGHER = "Higher is more likely."
PERCENTILES = {
    "class_percentile": "Percentile in its class",
    "percentile": "Percentile in the dataset",
    "split_percentile": "Percentile in its split",
    "score": "Raw value",
}
#: What percentiles and values may be of; None = the score variant of the page.
SCORE_TITLES: dict[Baseline | None, str] = {
    None: "JEPA-SCORE (nats)",
    "knn": "Baseline: proximity of the 10th nearest image (k-NN)",
    "mahalanobis": "Baseline: proximity to the mean (Mahalanobis)",
    "norm": "Baseline: norm of the embedding",
}
BASELINES_ABOUT = (
    "Baseline scores are cheap scores of the same embeddings: they say what is typical of this dataset, not of the "
    "data that the backbone learned from. No image is its own neighbour or is judged by statistics it contributed to. "
    "No score is best on all data: inspect both tails under each before you cut."
)
SECOND_BACKBONE = "Measure the dataset with a second backbone first: then you can drop what several find unlikely."
BACKBONES = "Backbones"
CHOOSE_TWO = "Choose at least two."
UNLIKELY_BELOW, UNLIKELY_HELP = "Count as unlikely below", "A percentile."
DROP_WHEN = "Drop when unlikely under at least N backbones"
KIND = "Kind"
EXACT, NEAR, LEAKS, CONFLICTS = (
    "exact duplicates",
    "near duplicates",
    "samples in several splits",
    "same image, different labels",
)
COUNT_NEAR = "Include near duplicates"
RADIUS = "Within a cosine distance of"
REGION = "Region of the map"
NO_REGIONS = "No region has a name yet: mark one on Map with the lasso, then name it below the map."
ACTION, KEEP_ONLY, LEAVE_OUT, BY_SIZE = "Action", "Keep only", "Drop", "By size"
CLASS_SIZE_AT_LEAST = "Samples in the class, at least"
CLASSES = "Classes"
WRONG_FROM = "Drop labels that look wrong from"
WRONG_FROM_HELP = (
    "label_issue compares the given label with the likeliest other one: above 0.5 the other is more likely. The Labels "
    "page shows which images these are."
)
LOOKS_LIKE, ANY_CLASS = "Only if they look like", "any class"
SPLIT, SAMPLE_KEY = "split", "sample key"
SPLITS_TO_KEEP = "Splits to keep"
IS_NUMBER = "Treat as number"
NEGATE = "Drop instead of keep"
PATTERN, PATTERN_HELP = "Text or pattern", "* matches any characters, ? exactly one."
PROPERTY = "Property"
COLOURS, COLOURED, GREY = "colours", "coloured images", "grey images"
DRAW = "Draw"
REFERENCE = "Reference dataset"
NO_REFERENCE = (
    "No other dataset was measured with this encoder, preprocessing and estimator. Measure one in the same way first."
)
REFERENCE_COLUMNS = {
    "reference_distance": "Distance to the nearest of it",
    "reference_percentile": "Percentile among its scores",
}
FARTHER_THAN = "Keep what is at least this far from it"
FARTHER_HELP = "Cosine distance to the nearest image of the reference. Explore, view Reference, says how far is far."
RANDOM, BALANCED, PER_CLASS, DIVERSE, CLUSTERS = (
    "at random",
    "balanced over classes",
    "N per class",
    "as diverse as possible",
    "balanced over clusters",
)
FARTHEST, FAR_AND_DIVERSE = "Farthest from a reference dataset", "Far from a reference, and from each other"
SAMPLES, SAMPLES_PER_CLASS, NUM_CLUSTERS, SEED = "Samples", "Samples per class", "Clusters", "Seed"


def effect(found: Effect) -> str:
    """Say what a rule drops alone."""
    if found.dropped is None:
        titles = "; ".join(work.title for work in found.pending)
        return found.why_not or f"Not counted yet. Add it, and the page offers to start: {titles}."
    return effect_text(found.dropped)


def effect_text(num_dropped: int) -> str:
    """Say how many samples a rule drops alone."""
    return f"Alone it drops {plural(num_dropped, 'sample')}." if num_dropped else "Alone it drops nothing."


def or_rule(rule: str) -> str:
    """Offer the new rule as an alternative to another."""
    return f"OR {rule}"


# Counts and previews

KEPT, DROPPED, NOT_MEASURED = "Kept", "Dropped", "Not measured"
NOT_MEASURED_HELP = (
    "They have no score under this backbone, or under one that a rule names. A rule that needs one excludes them from "
    "the list; other rules keep or drop them."
)
CLASSES_BY = "Folders and class numbers by"
LABEL_TITLES: dict[Labels, str] = {"original": "labels of the dataset", "corrected": "corrected labels"}
MANUAL, MANUAL_HELP = "Manual decisions", "Decisions override rules."
UNREADABLE, UNREADABLE_HELP = "Unreadable files", "The Runs page says why."
PREVIEW = "Preview: dropped and borderline"
PREVIEW_GALLERY = "Preview"
NOTHING_DROPPED = "Nothing is dropped yet. Add a rule above, or type one."
RULES_DROP_NOTHING = "These rules drop nothing."
DROPPED_BY_ONE = "Dropped by one rule"
BORDERLINE_KEPT = "Kept: nearest to a limit"
BORDERLINE_DROPPED = "Dropped: nearest to a limit"
FURTHEST = "Dropped: furthest beyond the limits"
RANDOM_DROPPED = "Dropped: at random"
BEFORE_AFTER, BEFORE_AFTER_FIGURE = "Before and after", "Scores before and after the rules"
BALANCE, BALANCE_FIGURE = "Class balance", "Class balance before and after the rules"


def share_of_all(share: float) -> str:
    """Share of the dataset that is kept."""
    return f"{percent_text(share)} of all"


def excluded(count: int) -> str:
    """Count the unscored samples that a rule excludes."""
    return f"{count_text(count)} excluded by a rule"


def most_changed(num_shown: int, num_classes: int) -> str:
    """Say which classes the figure shows."""
    return f"The {num_shown} of {num_classes} classes that lose the largest share"


# Recipes

SAVE_AS, SAVE = "Save these rules as", "Save"
OPEN, DUPLICATE, YAML, REMOVE = "Open", "Duplicate", "YAML", "Remove"
WHAT_CHANGED = "Show changes since saving"
COMPARE, WITH, SHOW_DIFFERENCES = "Compare", "with", "Show different samples"
DIFFERENCES_AS_CSV = "All differences as CSV"
OPEN_FILE = "Open a recipe file"
NOT_TEXT = "The recipe file cannot be read: it is not text. Choose a recipe in YAML."
EVERYTHING = "all"


def recipes(count: int) -> str:
    """Title of the list of recipes."""
    return f"Recipes ({count})"


def saved(name: str) -> str:
    """Say that a recipe was saved."""
    return f"Saved {name}."


def kept_when_saved(num_kept: int, num_samples: int) -> str:
    """Count what a recipe kept."""
    return f"{count_text(num_kept)} of {count_text(num_samples)} kept when saved"


def differences(num_both: int, first: str, num_first: int, second: str, num_second: int) -> str:
    """Count what two recipes keep."""
    return (
        f"Both keep {plural(num_both, 'sample')}; only {first} keeps {count_text(num_first)}, only {second} "
        f"{count_text(num_second)}."
    )


def open_recipe(name: str) -> str:
    """Title of the button that opens an uploaded recipe."""
    return f"Open {name}"


# Export

EXPORT = "Export"
WHICH_TITLES: dict[Which, str] = {
    "kept": "Kept",
    "dropped": "Dropped",
    "unscored": "Not measured",
    "all": "All, with keep/drop column",
}
FORMAT = "Format"
COPY_OR_LINK = "Copy or link"
MORE_COLUMNS, NO_MORE_COLUMNS = "More columns", "none"
EXTRA_COLUMNS: dict[ExtraColumns, str] = {"quality": "Image quality", "labels": "Label issues"}
RELATIVE_TO, RELATIVE_TO_HINT = "Paths relative to", "Folder (empty: sample keys and absolute paths)"
SAVE_TO, BROWSER, SERVER = "Save to", "Browser download", "Folder on the server"
READ_IN_PYTHON = "Read it in Python"
COMMAND = "Command-line equivalent"
SOURCE_UNCHANGED = "Source images are only read, never changed."
PROVENANCE = "Provenance"
PROVENANCE_HELP = (
    "How this export was produced: dataset fingerprint, backbones, measurement specs, rules, decisions, counts."
)


def export_size(num_rows: int, num_bytes: int | None) -> str:
    """Size of an export; None for the bytes of a list."""
    text = plural(num_rows, "sample")
    return f"{text}." if num_bytes is None else f"{text}, {bytes_text(num_bytes)}."


def download(title: str) -> str:
    """Title of the button that downloads an export."""
    return f"Download {title}"


def path_on_server(is_folder: bool) -> str:
    """Label of the field for the path of an export."""
    return f"New {'folder' if is_folder else 'file'} on the server"


def write(title: str) -> str:
    """Title of the button that writes an export."""
    return f"Write {title}"


# The list of exports

WRITTEN = "Exports on the server"
NOTHING_LEFT = "No partial files were left behind."
WAITING = "Waiting for the worker"
CANCEL, TRY_AGAIN, REMOVE_FROM_LIST = "Cancel", "Try again", "Remove from list"
REMOVE_HELP = "The exported files stay."


def took(elapsed: str) -> str:
    """Say how long an export took."""
    return f"took {elapsed}"


# What the cut does to a classifier

CUT_EFFECT = "What would the cut do?"
CUT_EFFECT_ABOUT = (
    "A linear classifier is trained on the embeddings of what is kept, of random subsets with as many samples of each "
    "class, and of everything. Held-out images, which are never cut, say which is best."
)
CUT_CURVE = "Accuracy against share kept"
CUT_CURVE_ABOUT = (
    "The same for cuts of several sizes within each class: by the score from either end, by baseline scores, by label "
    "issues, and at random. Filled points differ from random cuts beyond chance."
)
CUT_CURVE_FIGURE = "Accuracy on held-out images against the share kept"
JUDGE = "Embeddings of"
JUDGE_HELP = "Another encoder than the one that scored is the stricter judge."
NOTHING_CUT = "Nothing is dropped yet: add a rule, then its effect is compared with random cuts."
ACCURACY_KEPT, ACCURACY_RANDOM, ACCURACY_ALL = "Trained on kept", "On random subsets", "On everything"
CLASSES_CHANGED = "Classes that gain or lose beyond chance"
NO_CLASS_CHANGED = "No single class gains or loses beyond chance."


def accuracy(share: float) -> str:
    """Write an accuracy."""
    return f"{100 * share:.1f} %"


def how_compared(judged: str, num_seeds: int, num_left_out: int, num_copies: int) -> str:
    """Say what was compared, and what was left out."""
    parts = [f"Accuracy on {judged}; {num_seeds} random subsets"]
    if num_left_out:
        parts.append(f"{plural(num_left_out, 'sample')} left out: no label, embedding or verdict, or in another split")
    if num_copies:
        parts.append(f"{plural(num_copies, 'training sample')} left out: the same image is held out")
    return ". ".join(parts) + "."


def points(value: float) -> str:
    """Write a difference in percentage points."""
    return number_text(100 * value, "+.1f")
