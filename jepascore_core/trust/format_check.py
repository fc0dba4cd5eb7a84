"""How far a score moves when the same pixels are saved as JPEG instead of PNG: is a mixed dataset comparable?

Some images are saved in each way and measured as a hidden dataset, as planted defects are, so that cost, progress,
cancelling and resuming are the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jepascore_core.errors import JepaScoreError, TooFewImagesError
from jepascore_core.formatting import number_text
from jepascore_core.measuring.approximate.calibration import spearman
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, scored_sql, version_key
from jepascore_core.storage.measurement_sql import SCORE_COLUMN
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import comparable_values
from jepascore_core.trust.confounds import Confounds
from jepascore_core.trust.planted.build import DEFECT, ORIGIN
from jepascore_core.trust.planted.kinds import RESAVED
from jepascore_core.trust.planted.plan import MIN_CLEAN, MIN_PER_KIND, MIN_REFERENCE, PlantOptions
from jepascore_core.trust.planted.requests import Planted, as_exact

Values = npt.NDArray[np.float64]

#: Images that are saved in each way.
NUM_PAIRS = 60
#: From this median shift on, in percentile points, formats are not comparable: the size of the cut that the app
#: proposes first. A convention.
WARN_POINTS = 5.0
_BASELINE = "png"


@dataclass(frozen=True, slots=True)
class FormatShift:
    """What saving `num_pairs` images as `title` does to their scores, against the same pixels as PNG.

    `shift` is the median of JPEG - PNG in nats, `points` that of their percentiles in the dataset, `spearman` the rank
    correlation of the scores of all copies with being a JPEG.
    """

    name: str
    title: str
    num_pairs: int
    shift: float
    points: float
    spearman: float

    @property
    def is_warning(self) -> bool:
        """Whether scores of files in both formats cannot be compared."""
        return abs(self.points) >= WARN_POINTS


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """One row per JPEG quality."""

    rows: tuple[FormatShift, ...]

    @property
    def worst(self) -> FormatShift:
        """The quality that moves scores most."""
        return max(self.rows, key=lambda row: abs(row.points))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return {"rows": [{**asdict(row), "is_warning": row.is_warning} for row in self.rows], "against": _BASELINE}


def format_options(num_images: int) -> PlantOptions:
    """Return the options of `trust.planted` for this check, with fewer pairs for a small dataset.

    Raises:
        TooFewImagesError: if it has too few for the smallest check.
    """
    pairs = min(NUM_PAIRS, (num_images - MIN_CLEAN - MIN_REFERENCE) // 3)
    if pairs < MIN_PER_KIND:
        least = MIN_CLEAN + MIN_REFERENCE + 3 * MIN_PER_KIND
        raise TooFewImagesError(f"The format check needs at least {least} images, not {num_images:,}: add more.")
    return PlantOptions(kinds=tuple(RESAVED), per_kind=pairs, clean=MIN_CLEAN)


def format_check(store: Store, scores: ScoreSet, planted: Planted) -> FormatCheck:
    """Compare the scores of measured copies.

    Raises:
        JepaScoreError: if the copies are not measured.
    """
    dataset = planted.dataset
    if dataset is None or dataset.version is None or planted.state != "finished":
        raise JepaScoreError("The format check is not done yet. Start with `jepascore trust confounds --format-check`.")
    measured = ScoreSet(dataset.dataset_id, as_exact(scores, store).key, scores.definition)
    about = ("format check", scores, dataset.dataset_id, version_key(store, measured), version_key(store, scores))
    return memoized(store, about, lambda: _compare(store, scores, measured))


def _compare(store: Store, scores: ScoreSet, measured: ScoreSet) -> FormatCheck:
    manifest = store.manifest_sql(store.catalogue.dataset(measured.dataset_id))
    rows = store.query(f"""SELECT "meta.{DEFECT}" AS kind, "meta.{ORIGIN}" AS origin,
            {SCORE_COLUMN[scores.definition]} AS score
        FROM ({manifest}) JOIN ({store.measurements_sql(measured.key)}) USING (content_id)""").to_pylist()
    found: dict[str, dict[str, float]] = {kind: {} for kind in RESAVED}
    for row in rows:
        if row["kind"] in found and row["score"] is not None:
            found[row["kind"]][row["origin"]] = row["score"]
    known = np.sort(store.query(f"SELECT score FROM ({scored_sql(store, scores)})")["score"].to_numpy())
    shifts = [
        format_shift(kind.name, kind.title, found[_BASELINE], found[kind.name], known)
        for kind in RESAVED.values()
        if kind.name != _BASELINE
    ]
    if not all(shift.num_pairs for shift in shifts):
        raise JepaScoreError("None of the copies could be measured. See the failures of the run.")
    return FormatCheck(tuple(shifts))


def format_shift(name: str, title: str, png: dict[str, float], jpeg: dict[str, float], known: Values) -> FormatShift:
    """Compare the scores of images saved in both ways, by the content id of their originals; `known` is sorted.

    Scores that differ by rounding alone are equal, as in all percentiles: a copy with the same pixels does not move.
    """
    pairs = sorted(png.keys() & jpeg.keys())
    if not pairs:
        return FormatShift(name, title, 0, 0.0, 0.0, 0.0)
    first, second = (comparable_values(np.array([scores[origin] for origin in pairs])) for scores in (png, jpeg))
    ordered = comparable_values(known)
    points = _percentile(second, ordered) - _percentile(first, ordered)
    is_jpeg = np.repeat([0.0, 1.0], len(pairs))
    both = np.concatenate([first, second])
    rho = spearman(both, is_jpeg) if np.ptp(both) else 0.0
    shift, moved = float(np.median(second - first)), float(np.median(points))
    return FormatShift(name, title, len(pairs), shift, moved, rho)


def _percentile(values: Values, known: Values) -> Values:
    """Mid-rank percentile of values [n] among sorted scores."""
    ends = np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")
    found: Values = 50.0 * ends / max(1, len(known))
    return found


def mixed_formats_sentence(found: Confounds, check: FormatCheck | None) -> str | None:
    """Say whether scores of lossy and lossless files of a dataset can be compared; None if it has only one kind."""
    if not found.is_mixed:
        return None
    named = ", ".join(f"{number:,} {name.upper() or 'without a suffix'}" for name, number in found.formats)
    mixed = f"This dataset mixes lossy and lossless files ({named})."
    if check is None:
        return f"{mixed} Compression alone may move their scores apart: run the format check."
    if check.worst.is_warning:
        return f"{mixed} {format_check_sentence(check)} Cut within one format, for example with a rule on key."
    return f"{mixed} {format_check_sentence(check)}"


def format_check_sentence(check: FormatCheck) -> str:
    """Say how far the score moves, and what that means."""
    row = check.worst
    meaning = (
        "scores of JPEG and PNG files are not comparable."
        if row.is_warning
        else "scores of JPEG and PNG files are comparable."
    )
    moved = f"{number_text(row.points, '+.1f')} percentile points ({number_text(row.shift, '+.2f')} nats)"
    return f"Saving the same pixels as {row.title} moves the score by {moved} in the median: {meaning}"
