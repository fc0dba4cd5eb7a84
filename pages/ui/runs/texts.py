"""Texts of Runs."""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.backbones.checkpoint_shapes import Recognised
from jepascore_core.formatting import bytes_text, count_text, duration_text, plural
from jepascore_core.records.runs import ProbeResult
from jepascore_core.views.suited_backbones import Filter

# Adding images

ADD_IMAGES = "Add images"
WHERE = "Where are the images?"
WAYS = {"path": "A path on this machine", "files": "Drop images or a zip", "folder": "Upload a folder"}
NAME, NAME_HINT = "Name", "Default: the last part of the path"
CHECK, ADD = "Check", "Add"
PATH, PATH_HINT = "Path", "/data/photographs"
PATH_HELP = (
    "A folder (one sub-folder per class, or flat), a CSV, TSV, JSONL or Parquet table that lists images, a zip, "
    "tars of WebDataset or Parquet with images inside (one, a folder of them, or shards/{000000..000012}.tar), a "
    "folder saved by `datasets`, a NumPy .npz file, or MNIST idx files."
)
BROWSE = "Browse folders"
ALL_FOLDERS = "All"
USE_FOLDER = "Use this folder"
NO_FOLDERS = "No folders, tables or archives in it."
FILES = "Images, or a zip with images"
FOLDER = "Folder with images"
FOLDER_HELP = "Choose it with the button: its sub-folders become classes. Only images and tables are uploaded."
ALL_CLASSES, ALL_SPLITS, SAMPLES = "Class", "Split", "Samples"
REPLACE = "Replace the images of the dataset with this name, if it exists"
REPLACE_HELP = "Decisions carry over to images that are in both archives. Otherwise no dataset is replaced."
OPTIONS = "Options"
OPTIONS_ABOUT = "Detected automatically; override here. Columns apply to tables; `none` means that there is none."
KIND, AUTO = "Kind", "auto-detect"
ROOT, ROOT_HELP = "Root of relative paths", "Also allows a table to list images below this folder."
FOLDERS, TABLE, ENCODING = "Folders are", "Table of the folder", "Encoding"
GIVE_SOURCE = "No images were given: enter a path, or upload some."
UPLOAD_GONE = "The upload is gone: choose the files again."
QUESTIONS = {
    "folders": "These folders are",
    "table": "Table that describes the images",
    "path_column": "Column of paths or images",
    "label_column": "Column of labels",
    "encoding": "Encoding of the names",
}


def images(count: int | None, is_least: bool = False) -> str:
    """Count the images of a folder; None where it cannot be read."""
    if count is None:
        return "not readable"
    return f"{plural(count, 'image')}{' or more' if is_least else ''}"


def all_of(title: str, count: int) -> str:
    """Title of the list of all classes or splits."""
    return f"All {plural(count, title.lower())}"


def use_file(name: str) -> str:
    """Title of the button that chooses a table or archive."""
    return f"Use {name}"


def more_folders(count: int) -> str:
    """Count the folders that are not listed."""
    return f"{plural(count, 'more folder')} not listed: type the path."


def more_files(count: int) -> str:
    """Count the tables and archives that are not listed."""
    return f"{plural(count, 'more file')} not listed: use the folder, or type the path."


def column(what: str) -> str:
    """Label of the field for the name of a column."""
    return f"{what} column"


def no_name(source: str | None) -> str:
    """Say why a name is needed."""
    return f"{source} has no last part to name the dataset after: enter a name."


def added(name: str) -> str:
    """Confirm that a dataset was added."""
    return f"{name} is added; it is being indexed in the background."


def you_chose(answer: str, question: str) -> str:
    """Repeat a question that was answered."""
    return f"You chose {answer}. Otherwise: {question}"


# A new run

NEW_RUN = "New run"
BACKBONES = "Backbones"
BACKBONES_HINT = "Choose, or type timm:<name>, open_clip:<name>:<tag>, hf:<owner>/<name> or a path"
BACKBONES_HELP = (
    "Those whose weights are on this machine come first. Each line shows name, family, K (embedding dimension: an "
    "exact score takes K backward passes), estimated time of an exact score on this machine, of one image and of "
    "all, where the weights are, and their licence."
)
COMPARE_BACKBONES = "Compare backbones in a table"
FILTERS = "Only those"
FILTER_TITLES: dict[Filter, str] = {
    "works": "that work now",
    "here": "with weights on this machine",
    "free": "licensed for any use",
    "jepa": "trained as a JEPA",
    "hour": "within an hour for all",
}
NO_BACKBONES = "No backbone passes all of these: take one out."
SELECT_ROWS = "Select rows at their left edge first."
ADVANCED = "Advanced: custom weights, pooling, image size, device, precision, views"
DEFAULT = "default"
CHECKPOINT, CHECKPOINT_HINT = "Checkpoint", "/weights/encoder.safetensors, a weights-only .pth, or a folder"
TRAIN_HELP = (
    "A small encoder that knows nothing but this dataset, as `jepascore train` makes it; a backbone like any other. "
    "The time is estimated for this machine."
)
TRAINING_STATES = {"waiting": "Waiting for the worker", "running": "Running", "failed": "Failed"}
TRY_AGAIN = "Try again"
GIVE_CHECKPOINT = "Give a checkpoint"
SHAPES_UNKNOWN = (
    "The shapes of its weights are of none of the usual architectures: choose the backbone that it was trained as."
)
SHAPES_UNREAD = "The architecture is suggested for .safetensors files; for others choose the backbone yourself."
PRESETS = "Mean and std of"
PRESET_TITLES = {"ImageNet": "ImageNet", "CLIP": "CLIP", "0.5": "0.5 and 0.5", "none": "no normalisation"}
IMAGE_SIZE, MEAN, STD = "Image size", "Mean", "Std"
IMAGE_SIZE_HELP = "Input resolution in pixels. Default: the encoder's training resolution."
CHANNELS_HINT = "default, e.g. 0.5, 0.5, 0.5"
CHANNELS_HELP = "One number, or one per channel, for values from 0 to 1: the input is (value − mean) / std."
POOLING = "Pooling"
POOLINGS = {"own": DEFAULT, "token": "token", "avg": "avg", "projection": "projection"}
POOLING_HELP = (
    "What the embedding is: the class token, the mean of the patch tokens, or the projection into the space shared "
    "with text. Default: what the encoder was trained for."
)
PREPROCESSING = "Preprocessing"
PREPROCESSINGS = {"own": DEFAULT, "timm": "timm's"}
PREPROCESSING_HELP = (
    "How images are preprocessed, position embeddings resized, and DINOv3's tokens pooled. Default: as the authors "
    "evaluate their encoder; timm's reproduces the scores of earlier versions."
)
DEVICE, DEVICE_HELP = "Device", "auto: all local GPUs, or the CPU if there is none."
PRECISION = "Precision"
PRECISION_HELP = (
    "Precision of the backward passes (spectra are always float64). auto tries faster ones on a few images, and uses "
    "one only if scores stay as accurate as with float32."
)
VIEWS = "Views"
VIEWS_HELP = (
    "Measures this many augmented views of each image and combines their scores as the paper's theorem does: −log of "
    "the mean of exp(−score). Costs as many times as much, "
    "and where the truth is known it ranks images no better than 1, the image itself."
)
AUGMENTATION, AUGMENTATION_HINT = "View augmentation", "auto, or e.g. crops:flip=0,hue=0"
AUGMENTATION_HELP = (
    "auto: as the backbone's training where that is known, else crops. crops: random crops, flips and colour jitter of "
    "the decoded image (crop, ratio, flip, jitter, brightness, contrast, saturation, hue). warps: small rotations, "
    "shifts, blur and noise at the encoder's input size (rotation, shear, scale, stretch, shift, warp, contrast, blur, "
    "noise)."
)
OFFLINE = "Offline: never download weights"
PILOT = "Images"
PILOTS = {"all": "All", "some": "A pilot", "class": "A pilot per class"}
PILOT_HELP = (
    "A pilot measures a random sample first. Look at its scores, then measure the rest from any page: nothing is "
    "measured twice."
)
PILOT_IMAGES, PILOT_PER_CLASS = "Images of the pilot", "Images of each class"
FIX_FIRST = "Fix the errors above first."
CHOOSE_FIRST = "Choose a backbone first."
START, PREDICT = "Start", "Predict cost"
PREDICT_HELP = "Times a few images on the worker's device."


def backbones_shown(count: int, total: int) -> str:
    """Count the rows of the table."""
    return f"{plural(count, 'backbone')} of {total:,}. A click on a title sorts."


def choose_backbones(count: int) -> str:
    """Title of the button that chooses the selected rows."""
    return f"Choose {plural(count, 'backbone')}" if count else "Choose"


def changed(settings: str) -> str:
    """Name settings that are not the default, on the closed form."""
    return f"With {settings}"


def needs_checkpoint(names: Sequence[str]) -> str:
    """Say that weights have to be given."""
    return f"No weights are published for {', '.join(names)}: give a checkpoint, with the mean, std and image size."


def recognised(found: Recognised) -> str:
    """Say which architecture a checkpoint has."""
    size = f", at {found.image_size} pixels" if found.image_size else ""
    return f"By its shapes it is {found.backbone} (K = {found.dimension}{size})."


def use_backbone(name: str) -> str:
    """Title of the button that chooses a backbone."""
    return f"Use {name}"


def train(seconds: str) -> str:
    """Title of the button that trains an encoder, with its estimated time."""
    return f"Train an encoder on these images (about {seconds})"


def training(name: str) -> str:
    """Title of a training."""
    return f"Training trained:{name}"


def left(duration: str) -> str:
    """Say how long something still takes."""
    return f"{duration} left"


def not_numbers(text: str) -> str:
    """Say that a mean or a std cannot be read."""
    return f"Mean and std must be numbers separated by commas, got {text!r}. Enter for instance 0.5, 0.5, 0.5."


def started(backbones: Sequence[str]) -> str:
    """Confirm that runs were queued, and say where to follow them."""
    return f"Started {', '.join(backbones)}. Its progress is below, and in the sidebar on every page."


def timing(backbone: str) -> str:
    """Say that a cost probe is waiting or running."""
    return f"**{backbone}**: timing a few images on the worker's device"


def cost(found: ProbeResult) -> str:
    """State the predicted cost of a run."""
    if not found.num_pending:
        return f"all {count_text(found.num_total)} images are already measured"
    each = f"{duration_text(found.seconds_per_image)} each (K = {found.dimension}"
    memory = f", {bytes_text(found.peak_bytes)} of memory" if found.peak_bytes else ""
    faster = ", or less: the run first tries a faster precision on a few images" if found.may_be_faster else ""
    some = f"{count_text(found.num_pending)} of " if found.num_pending < found.num_total else ""
    return (
        f"about **{duration_text(found.seconds_total)}** on {found.device} for {some}"
        f"{plural(found.num_total, 'image')}, {each}{memory}) in {found.precision}{faster}"
    )


# Estimators

ESTIMATOR = "Estimator"
ESTIMATORS = {"exact": "Exact", "sketch": "Sketch", "calibrated": "Calibrated", "cascade": "Cascade", "embed": "Embed"}
MEANINGS = {
    "exact": "Exact score. Slowest: one backward pass per embedding dimension.",
    "sketch": "Log-volume of a random projection of the Jacobian: ranks images but is not the exact score.",
    "calibrated": "Some images exactly, the rest estimated from a sketch, each with an interval. The number of passes "
    "is chosen for the target rank correlation, which is checked on held-out images.",
    "cascade": "Calibrated first, then exactly every image that could be among the least or most likely of its class, "
    "until those lists are correct with the chosen confidence.",
    "embed": "Embeddings only, from one forward pass: near duplicates, baseline scores, label issues, search and "
    "diverse budgets within minutes, and no JEPA-SCORE. A later run adds scores.",
}
PASSES = "Passes"
PASSES_HELP = "Backward passes per image, one per random projection. More passes, higher fidelity."
FIDELITY, FIDELITY_HELP = "Target fidelity", "Spearman's rank correlation of the estimates with exact scores."
IMAGES, IMAGES_HELP = (
    "Calibration images",
    "Measured exactly: the estimates are fitted on some of them and checked on the others.",
)
COVERAGE, COVERAGE_HELP = "Interval coverage", "Share of intervals that contain the exact score (0–1)."
TOP = "Exact extremes per class"
TOP_HELP = "Keep measuring until the N lowest and N highest of each class are exact."
CONFIDENCE, CONFIDENCE_HELP = "Confidence", "Confidence required for each list (0–1)."

# Lists

RUNS = "Runs"
REMOVE_FROM_LIST, REMOVE_FROM_LIST_HELP = "Remove from list", "No measurements were made."
DELETE, DELETE_HELP = "Delete", "Deletes this run and its scores."
DELETE_SCORES = "Delete these scores"
BUSY = "A run of this dataset is in progress: cancel it first."
RETRY = "Retry failures"
RESCAN = "Rescan"
MOVE, REMOVE = "Move", "Remove"
REMOVE_ABOUT = "Remove this dataset and its runs? The images stay where they are, and measurements are kept."
REMOVE_DATASET = "Remove dataset"
MOVE_ABOUT = (
    "Have the images moved? Keys, decisions, recipes and scores stay. Every image is compared before the new path "
    "takes effect."
)
NEW_PATH = "New path"
MOVE_ANYWAY = "Move even if most images are missing"


def elapsed(text: str, is_active: bool) -> str:
    """Say how long a task has been running, or ran."""
    return f"{text} so far" if is_active else f"took {text}"


def cancelled(message: str) -> str:
    """Say how to continue."""
    return f"{message}. Resume continues from there."


def rescan_help(message: str) -> str:
    """Explain a rescan."""
    return f"Reads only what is new or changed. Last time: {message}"
