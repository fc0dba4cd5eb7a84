"""Texts of Trust."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jepascore_core.figures.trust import DensityMeasure
from jepascore_core.formatting import PERCENT, duration_text, percent_text, plural, score_text
from jepascore_core.trust.confounds import WARN_FROM
from jepascore_core.trust.format_check import WARN_POINTS
from jepascore_core.trust.gaussianity import Gaussianity
from jepascore_core.trust.planted.requests import PlantedCost
from jepascore_core.trust.planted.result import FINDS, SHARE, PlantedResult

# The verdict

VERDICT_RULE = f"Rule for Curate: keeps all but the lowest 5{PERCENT} of the recommended score."
VERDICT_NUMBERS = "The checks behind this, with numbers and commands"

# Gaussianity

GAUSSIANITY = "Are the embeddings Gaussian?"
#: What each result means. None of them says whether the score finds defects, so none has the colour of success.
VERDICTS = {
    "near": (
        "Near Gaussian, as far as this test can tell: the score of a JEPA-type encoder may be read as a density. "
        "Whether low density is what you want to drop is another question, which planted defects answer."
    ),
    "some way off": "Moderately non-Gaussian: use the score for ranking, not as a density.",
    "far": "Far from Gaussian: even the ranking may be unreliable. Inspect both tails and the baseline scores.",
}
PROJECTIONS_FIGURE = "Projections of the embeddings"
LENGTHS_FIGURE = "Norms of the embeddings"
QUANTITY = "Quantity"
OBSERVED = "These embeddings"
EXPECTED = "Gaussian sample of this size"
DISTANCE = "Distance of random projections from normal"
AXIS_DISTANCE = "Distance of the worst principal axis"
SPREAD = "Spread of the norms"


def gaussianity(view: Gaussianity, is_sampled: bool, num_scored: int, num_samples: int) -> str:
    """Explain the numbers of the test."""
    drawn = " drawn at random" if is_sampled else ""
    verb = "is" if num_scored == 1 else "are"
    part = f" ({num_scored:,} of {plural(num_samples, 'sample')} {verb} scored)" if num_scored < num_samples else ""
    return (
        f"{plural(view.num_images, 'image')}{drawn}{part}; the {view.num_directions:,} principal axes of largest "
        f"variance of {view.dimension:,}, whitened: a linear map of the embedding shifts all scores equally, so only "
        "the shape matters. A Gaussian in many dimensions lies near a sphere: its norms are nearly all 1. Isotropy "
        f"before whitening: {percent_text(view.isotropy)} (100{PERCENT}: equal variance in all directions). The "
        "thresholds come from simulations: a true Gaussian was always called near, but two clusters two standard "
        "deviations apart were not detected. They are a convention, not a test of the density. Distances are "
        "Kolmogorov-Smirnov; other data of the same backbone may differ."
    )


# Planted defects

PLANTED = "Planted defects"
PLANTED_ABOUT = (
    "See which score finds which kind of defect in your images: copies of some of them get known defects, and are "
    "measured and compared with clean ones. The dataset itself is not changed."
)
PLANT = "Plant defects"
PLANTED_FIGURE = "Planted defects and scores"
PLANTED_RULE = f"Rule for Curate: keeps all but the lowest 5{PERCENT} of the score that finds most."
PLANTED_COMMAND = "This command reproduces the numbers."
PLANTED_EXAMPLES = "Examples of planted defects"


def found(num_found: int, num_kinds: int) -> str:
    """Count the kinds that the best score finds."""
    return f"{num_found} of {plural(num_kinds, 'kind')} found"


def planted_cost(cost: PlantedCost, per_kind: int) -> str:
    """Say what planting costs, before it is asked for."""
    return (
        f"{cost.num_kinds} kinds of defects, {per_kind} of each, beside {plural(cost.num_clean, 'clean image')}: "
        f"{plural(cost.num_defects, 'image')} to measure, about {duration_text(cost.seconds)} in the background."
    )


#: What the heat map of planted defects shows.
AUROC = "AUROC of low scores"


def planted_reading(result: PlantedResult) -> str:
    """Explain the heat map."""
    failed = f" {plural(result.num_failed, 'image')} failed." if result.num_failed else ""
    counts = {kind.num_defects for kind in result.kinds}
    number = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return (
        f"{AUROC}: how often a defect scores below a clean image. 1 finds all (↓), 0.5 is chance, 0 means "
        f"that defects score above (↑); no arrow: not certain. {plural(result.num_clean, 'clean image')}, {number} "
        f"defects of each kind, seed {result.seed}.{failed} A score finds a kind if the 95{PERCENT} interval (DeLong; "
        f"hover to see it) lies above {FINDS}, which is a convention. Second line: share of defects in a review of the "
        f"lowest {100 * SHARE:g}{PERCENT}, where {100 * SHARE:g}{PERCENT} of the images are defects (chance: "
        f"{100 * SHARE:g}{PERCENT})."
    )


# Baseline scores

BASELINES = "What simpler scores say"
BASELINES_ABOUT = (
    "Baseline scores come from the embeddings alone: proximity to other images, proximity to the mean, and norm. If "
    "one finds what you want to drop and the score does not, cut by that one: rules on Curate take baseline scores by "
    "name."
)
BASELINES_FIGURE = "Score and baseline scores"
DEFECT = "Defect"
DEFECTS_ABOUT = (
    "This dataset names its defects (column contaminant). The table shows how often one of them scores below a clean "
    "sample (AUROC): 1 finds all of them, 0.5 is chance, 0 means inverted."
)


def too_few_images(least: int, num_images: int) -> str:
    """Say why there are no correlations."""
    return f"Rank correlations need at least {least} scored images ({num_images:,} so far)."


def overlaps(shares: Sequence[tuple[str, float]]) -> str:
    """State the overlap of each baseline score with the score; a name and its share stay on one line."""
    named = ", ".join(f"{name} {percent_text(share)}".replace(" ", "\N{NO-BREAK SPACE}") for name, share in shares)
    return f"Overlap with the score's lowest 5{PERCENT} (chance: 5{PERCENT}): {named}."


def missing(names: Sequence[str]) -> str:
    """Name the baseline scores that are not there."""
    return f"Not computed (too few images): {', '.join(names)}."


# Confounds

CONFOUNDS = "Does the score follow something simple?"
CONFOUNDS_ABOUT = (
    "If the score mostly orders your images by brightness or resolution, a cut by it removes dark or small images, not "
    "unusual ones: a rule on that property does the same and says so. Rank correlation (Spearman) over distinct "
    f"images; a warning from {WARN_FROM:g}."
)
NO_CONFOUNDS = f"No: no correlation reaches {WARN_FROM:g}."
CONFOUNDS_FIGURE = "Score and simple properties"


def quality_missing(num_images: int) -> str:
    """Say how images of an index of an earlier release get their numbers."""
    return (
        f"{plural(num_images, 'image')} have no image quality: they were indexed by an earlier release. Rescan the "
        "dataset on Runs; scores stay."
    )


def confounds_command(dataset: str, backbone: str) -> str:
    """Return the command that prints these numbers."""
    return shlex.join(["jepascore", "trust", "confounds", dataset, "-b", backbone])


# File formats

FORMATS = "Do file formats matter?"
FORMATS_ABOUT = (
    "JPEG changes pixels, and a score may follow that. The check saves some of your images as PNG and as JPEG, scores "
    "both, and says how far the same picture moves. The dataset itself is not changed."
)
FORMATS_HELP = (
    f"From a median shift of {WARN_POINTS:g} percentile points on, scores of the two formats are not comparable: a "
    "convention."
)
CHECK_FORMATS = "Check file formats"
SAVED_AS, PAIRS, SHIFT, POINTS, RHO = (
    "Saved as",
    "Images",
    "Score (nats)",
    "Percentile points",
    "Rank correlation with being a JPEG",
)


def formats_cost(num_images: int, seconds: float) -> str:
    """Say what the check costs, before it is asked for."""
    return f"{num_images:,} copies to measure, about {duration_text(seconds)} in the background."


def formats_command(dataset: str, backbone: str) -> str:
    """Return the command that does the check."""
    return shlex.join(["jepascore", "trust", "confounds", dataset, "-b", backbone, "--format-check"])


# The check on known densities

DENSITY = "Does the score measure density?"
DENSITY_ABOUT = (
    "Where the true density is known, you can check: small encoders trained with the bundled encoders' objective on "
    "mixtures of Gaussians, and the correlation of their JEPA-SCORE with the true log density of new points (Figure 2 "
    "of the paper)."
)
DENSITY_MISSING = "Not run yet: `jepascore density --quick` takes a few minutes, `jepascore density` an hour or two."
CORRELATION = "Correlation"
MEASURES: dict[DensityMeasure, str] = {"pearson": "Pearson", "spearman": "Spearman", "within": "Within a component"}
TRAINED, TRAINED_FIGURE = "Trained with the Gaussianity loss", "Score and density, trained"
CONTROL, CONTROL_FIGURE = "Control: without it", "Score and density, control"
CONTROL_MISSING = "Not run."
OWN_RESULTS = "Computed on this machine."
SHIPPED_RESULTS = "Shipped results; run `jepascore density` to recompute."
DENSITY_READING = (
    "1 is the true order of densities. In high dimensions most variation is between components of different width; "
    "within a component the correlation drops as the dimension grows. Hover for details."
)
WALK = "Samples from the learned score"
WALK_MISSING = "Not run yet: `jepascore langevin` takes a minute."
WALK_FIGURE = "Langevin dynamics on the score"


def walk(first: float, last: float, truth: float) -> str:
    """Explain the animation; mean true log densities in nats."""
    return (
        "Points follow the score's gradient plus noise (Langevin dynamics). If the score is the log density, they end "
        f"up as samples of the mixture: their mean true log density goes from {score_text(first)} to "
        f"{score_text(last)} nats; samples of the mixture have {score_text(truth)}."
    )
