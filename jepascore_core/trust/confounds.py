"""Check whether a score mostly orders images by a simple property: brightness, contrast, resolution, file format."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.baselines import baseline_column, is_known
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.measured import count_measured
from jepascore_core.embeddings.baselines import BASELINES, MIN_IMAGES, Baseline
from jepascore_core.errors import TooFewImagesError
from jepascore_core.formatting import rho_text
from jepascore_core.measuring.approximate.calibration import spearman
from jepascore_core.scores.coverage import MIN_COMMON, scores_state
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import BASELINE_TITLES, SCORE_TITLE
from jepascore_core.trust.cache import cached_json, checks_folder, read_check
from jepascore_core.trust.correlation import rank_interval

Values = npt.NDArray[np.float64]

#: From this rank correlation on, the property explains half of the variance of the ranks: a convention.
WARN_FROM = 0.7
#: Increased when the computation changes, so that older results are not used.
METHOD = 2
#: Properties that a score should not merely repeat: column of rules -> what a sentence calls it.
PROPERTY_TITLES = {
    "brightness": "brightness",
    "contrast": "contrast",
    "edge_density": "edge density",
    "sharpness": "sharpness",
    "colourfulness": "colourfulness",
    "bytes_per_pixel": "bytes per pixel",
    "pixels": "resolution",
    "aspect": "aspect ratio",
    "format": "file format",
}
#: Formats by their suffix; others, such as WebP and TIFF, may be either.
LOSSY, LOSSLESS = ("jpeg", "heic", "avif"), ("png", "bmp", "gif", "ppm", "pgm")
MIXED_SHARE = 0.01
_OF_BASE = {
    "pixels": "width::DOUBLE * height",
    "aspect": "width::DOUBLE / greatest(height, 1)",
    "format": "nullif(lower(regexp_extract(sample_key, '\\.([A-Za-z0-9]{1,5})$', 1)), '')",
}


@dataclass(frozen=True, slots=True)
class Confound:
    """Rank correlation of one score with one property over `num_images` images.

    `spearman` is None if the property or the score is constant. For the file format, which has no order, it
    is the correlation ratio of the ranks (0 to 1): the root of the share of their variance that formats explain.
    """

    score: str
    image_property: str
    spearman: float | None
    num_images: int

    @property
    def is_warning(self) -> bool:
        """Whether the score mostly orders images by this property."""
        return self.spearman is not None and abs(self.spearman) >= WARN_FROM


@dataclass(frozen=True, slots=True)
class Confounds:
    """All scores against all properties. `num_unmeasured` images have no image quality, from an earlier release.

    `formats` are file formats by their suffix, "" without one, and their numbers of images, the most frequent first.
    """

    num_images: int
    num_unmeasured: int
    rows: tuple[Confound, ...]
    formats: tuple[tuple[str, int], ...] = ()

    @property
    def is_mixed(self) -> bool:
        """Whether there are files with and without lossy compression, at least 1 % of each."""
        lossy = sum(number for name, number in self.formats if name in LOSSY)
        lossless = sum(number for name, number in self.formats if name in LOSSLESS)
        return min(lossy, lossless) >= max(1, MIXED_SHARE * self.num_images)

    @property
    def warnings(self) -> tuple[Confound, ...]:
        """The strong ones, strongest first."""
        found = [row for row in self.rows if row.is_warning]
        return tuple(sorted(found, key=_strength, reverse=True))

    @property
    def of_score(self) -> tuple[Confound, ...]:
        """Those of the score itself that have a number, strongest first."""
        found = [row for row in self.rows if row.score == SCORE_TITLE and row.spearman is not None]
        return tuple(sorted(found, key=_strength, reverse=True))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `dataclasses.asdict`, also from JSON."""
        rows = tuple(Confound(**row) for row in values["rows"])
        formats = tuple((str(name), int(number)) for name, number in values.get("formats", ()))
        return cls(values["num_images"], values["num_unmeasured"], rows, formats)


def _strength(row: Confound) -> float:
    return abs(row.spearman or 0.0)


def confounds(store: Store, scores: ScoreSet) -> Confounds:
    """Correlate the score, and the baseline scores that are computed, with simple properties of the images.

    Each distinct image counts once.

    Raises:
        TooFewImagesError: for fewer than `MIN_COMMON` measured images.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    known = _known_baselines(store, scores)

    def compute() -> Confounds:
        about = [METHOD, scores_state(store, scores), known]
        folder, name = checks_folder(store, scores), _name(scores)
        return Confounds.from_dict(cached_json(folder, name, about, lambda: asdict(_confounds(store, scores))))

    return memoized(store, ("confounds", scores, version_key(store, scores), tuple(known)), compute)


def stored_confounds(store: Store, scores: ScoreSet) -> tuple[Confounds, bool] | None:
    """Read what `confounds` computed, and whether it still holds; None where there is nothing."""
    found = read_check(store, scores, _name(scores), METHOD)
    return None if found is None else (Confounds.from_dict(found[0]), found[1])


def _name(scores: ScoreSet) -> str:
    return f"confounds-{scores.definition}"


def confound_sentence(row: Confound) -> str:
    """Return a sentence on what a strong correlation means."""
    title = PROPERTY_TITLES[row.image_property]
    subject = "This score" if row.score == SCORE_TITLE else f"The baseline score {row.score}"
    return f"{subject} mostly orders your images by {title} ({correlation_text(row)})."


def correlation_text(row: Confound) -> str:
    """Write a correlation with its interval: "rho = 0.81, 95 % interval 0.75 to 0.86, n = 200"."""
    value = row.spearman or 0.0
    if row.image_property == "format":
        return f"eta = {value:.2f}, n = {row.num_images:,}"
    lower, upper = rank_interval(value, row.num_images)
    interval = f"95 % interval {rho_text(lower)} to {rho_text(upper)}"
    return f"rho = {rho_text(value)}, {interval}, n = {row.num_images:,}"


def rank_correlation(first: Values, second: Values) -> float | None:
    """Return Spearman's correlation; None if one of them is constant, which differs from uncorrelated."""
    return spearman(first, second) if np.ptp(first) and np.ptp(second) else None


def correlation_ratio(groups: Sequence[str], values: Values) -> float | None:
    """Return the root of the share of the variance of ranks between groups, 0 to 1; None for a single group."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values))
    ranks = ranks - ranks.mean()
    total = float((ranks * ranks).sum())
    names, codes = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    if len(names) < 2 or not total:
        return None
    sums, sizes = np.bincount(codes, ranks), np.bincount(codes)
    return math.sqrt(float((sums * sums / sizes).sum()) / total)


def _known_baselines(store: Store, scores: ScoreSet) -> list[Baseline]:
    """Return the baseline scores that are already computed; the section on baseline scores computes the others."""
    num_images = count_measured(store, scores)
    return [
        name
        for name in BASELINES
        if num_images >= MIN_IMAGES[name] and (name == "norm" or is_known(store, scores, name))
    ]


def _confounds(store: Store, scores: ScoreSet) -> Confounds:
    cache, dataset = columns(store), store.catalogue.dataset(scores.dataset_id)
    base = cache.base(dataset)
    named = {SCORE_TITLE: cache.score(dataset, scores)}
    for baseline in _known_baselines(store, scores):
        is_norm = baseline == "norm"
        column = cache.score(dataset, scores, baseline) if is_norm else baseline_column(store, scores, baseline)
        named[BASELINE_TITLES[baseline]] = column
    measured = {name: cache.quality(dataset, name) for name in PROPERTY_TITLES if name not in _OF_BASE}
    selected = [
        "content_id",
        *(f'"{column}" AS "{title}"' for title, column in named.items()),
        *(f'"{column}" AS {name}' for name, column in measured.items()),
        *(f"{sql} AS {name}" for name, sql in _OF_BASE.items()),
    ]
    relation = " POSITIONAL JOIN ".join([base, *named.values(), *measured.values()])
    score = named[SCORE_TITLE]
    rows = store.query(f"""
        SELECT * EXCLUDE (content_id) FROM (
            SELECT {", ".join(selected)}, row_number() OVER (PARTITION BY content_id ORDER BY row_id) AS copy
            FROM {relation} WHERE "{score}" IS NOT NULL
        ) WHERE copy = 1
    """)
    if len(rows) < MIN_COMMON:
        raise TooFewImagesError(
            f"Rank correlations need at least {MIN_COMMON} scored images ({len(rows):,} so far): measure more."
        )
    values = {title: rows[title].to_numpy().astype(np.float64) for title in named}
    numbers = {name: rows[name].to_numpy().astype(np.float64) for name in PROPERTY_TITLES if name != "format"}
    formats = ["jpeg" if name == "jpg" else name or "" for name in rows["format"].to_pylist()]
    found = []
    for title, of_score in values.items():
        for name, of_property in numbers.items():
            known = np.isfinite(of_score) & np.isfinite(of_property)
            found.append(_confound(title, name, of_score[known], of_property[known]))
        known = np.isfinite(of_score)
        kinds = [kind for kind, is_known_score in zip(formats, known, strict=True) if is_known_score]
        found.append(Confound(title, "format", correlation_ratio(kinds, of_score[known]), len(kinds)))
    counted = tuple(sorted(Counter(formats).items(), key=lambda pair: (-pair[1], pair[0])))
    unmeasured = int(np.isnan(numbers["brightness"]).sum())
    return Confounds(len(rows), unmeasured, tuple(found), counted)


def _confound(title: str, name: str, score: Values, values: Values) -> Confound:
    return Confound(title, name, rank_correlation(score, values) if len(score) >= MIN_COMMON else None, len(score))
