"""Texts of the sample window."""

from __future__ import annotations

from collections.abc import Sequence

from jepascore_core.curation.rules.model import NEAR_RADIUS
from jepascore_core.formatting import bytes_text, count_text, percentile_text, plural, score_text
from jepascore_core.sensitivity.requests import Look
from jepascore_core.views.detail import SampleScore

WINDOW = "Sample"
RANK_HELP = "How many of the Jacobian's singular values are above the numerical tolerance; the score sums their logs."
NO_SCORE = "This sample has no score under the chosen backbone. The Runs page lists failures."
NO_SPECTRUM_TO_SHOW = "An estimated score has no spectrum. Measure it exactly to see the singular values."
NO_SPECTRUM_OF_VIEWS = "A score of views has no spectrum. Measure the image itself to see the singular values."
SPECTRUM_ABOUT = "Singular values of its Jacobian; the band is 5 to 95 % of its class"
PLACE_ABOUT = "Its score among those of its class and of the dataset"
ALL_SCORES = "Under every backbone and score variant"
ALL_SCORES_ABOUT = (
    "Score in nats (higher is more likely) and percentile within the class. Only percentiles are comparable."
)
EXACT_COPIES = "Exact copies"
LOOK_ALIKES = "Look alike"
NEAREST = "Nearest by embedding"
SAME_BYTES = "same bytes"
SAME_HASH = "same hash"
MORE_LIKE_THIS = "All images by similarity to this one"
SAME_IMAGE = "same image"
COSINE_DISTANCE = "cosine distance"
#: Behind the distance of a near duplicate.
NEAR_MARK = " ≈"
PERMALINK = "Permanent link to this sample"


def no_exact_score(definition: str, reason: str) -> str:
    """Say why an estimated sample has no score of a definition."""
    return f"This sample was not measured exactly, so it has no {definition} score. {reason}"


def decided_by(who: str) -> str:
    """Say whose decisions the keys make."""
    return f"You decide as {who}"


def score(value: float, is_exact: bool) -> str:
    """Score of a sample in its tooltip."""
    return f"score {score_text(value, is_exact)} nats, higher is more likely"


def percentile(value: float) -> str:
    """Percentile of a sample in its tooltip."""
    return f"percentile {percentile_text(value)} within its class"


def size(width: int, height: int, num_bytes: int) -> str:
    """Size of an image and of its file."""
    return f"{width} × {height} pixels, {bytes_text(num_bytes)}"


def standing(score: SampleScore) -> str:
    """Rank of a sample in its class and its dataset, from the least likely, and the rank of its Jacobian."""
    in_class = f"{ordinal(score.class_place)} lowest of {count_text(score.num_scored_in_class)} in its class"
    in_dataset = f"{ordinal(score.place)} lowest of {count_text(score.num_scored)} in the dataset"
    views = "" if score.view_spread is None else f"; standard deviation over views {score.view_spread:.1f} nats"
    return f"{in_class} (percentile {percentile_text(score.class_percentile)}), {in_dataset}; rank {score.rank}{views}"


def ordinal(number: int) -> str:
    """1 -> "1st", 12 -> "12th", 1023 -> "1,023rd"."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{count_text(number)}{ending}"


def spectrum_figure(sample_key: str) -> str:
    """Title of the figure of singular values."""
    return f"Singular values of {sample_key}"


def place_figure(sample_key: str) -> str:
    """Title of the figure of scores."""
    return f"Score of {sample_key} among others"


def class_and_split(title: str, split: str | None, corrected: str | None) -> str:
    """What a sample is said to show, and the split that it is in."""
    shown = f"class {title}" if corrected is None else f"class {title}, corrected to {corrected}"
    return f"{shown} · {split}" if split else shown


def bits(number: int) -> str:
    """By how much a sample that looks alike differs."""
    return SAME_HASH if number == 0 else plural(number, "bit") + " of 64"


def listed(shown: int, number: int) -> str:
    """How many there are of a kind, and how many of them are shown."""
    return count_text(number) if shown == number else f"{count_text(shown)} of {count_text(number)}"


def cosine_distance(value: float) -> str:
    """How far another image is in embedding space; marked where it is a near duplicate."""
    return f"{value:.3f}{NEAR_MARK}" if value <= NEAR_RADIUS else f"{value:.3f}"


def nearest(distances: Sequence[float]) -> str:
    """Say what the numbers below the nearest images are."""
    num_near = sum(value <= NEAR_RADIUS for value in distances)
    return f"{COSINE_DISTANCE}; {count_text(num_near)} within {NEAR_RADIUS:g} ({NEAR_MARK.strip()}, near duplicates)"


# Sensitivity

SENSITIVITY = "What the encoder is most and least sensitive to"
SENSITIVITY_ABOUT = (
    "Right singular vectors of the Jacobian: the pixel changes that move the embedding most, and least. Computed in "
    "the background; takes about as long as one exact score."
)
STARTING = "Starting a worker. If this message stays, run `jepascore worker run` in a terminal to see why."
COMPUTING = "Computing: one backward pass per embedding dimension."
SHOWN = "Show"
LOOK_TITLES: dict[Look, str] = {"over": "Over the image", "alone": "Alone"}
COLOURS = "Orange: brighter pixels move the embedding one way; blue: the other way. The sign of a vector is arbitrary."
MOST_SENSITIVE, LEAST_SENSITIVE = "Most sensitive", "Least sensitive"


def with_values(title: str) -> str:
    """Title of a row of pictures."""
    return f"{title}, with the singular value"


def nearest_in(reference: str) -> str:
    """Title of the images of a reference dataset that are nearest to a sample."""
    return f"Nearest in {reference}"
