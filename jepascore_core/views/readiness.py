"""How familiar an encoder is with a dataset, compared with an in-distribution one: in words, with numbers.

The use that the paper proposes for its Figure 3. The verdict rests on how two sets of scores compare, so it is about
these samples under this encoder, and its caveats say when it is unreliable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jepascore_core.formatting import count_text, percent_text, plural
from jepascore_core.scores.auroc import auroc
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import ScoreSet, read_version, scored_sql
from jepascore_core.scores.theory import theory_note
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import coverage
from jepascore_core.views.ranks import rank_check

Level = Literal["reference", "familiar", "less", "foreign", "higher", "unclear"]

#: Minimum number of scored samples for a verdict.
MIN_SAMPLES = 30
#: Below this the interval is so wide that a caveat says so.
FEW_SAMPLES = 200
#: AUROC from which scores are clearly lower, and from which hardly anything is shared.
LESS, FOREIGN = 0.6, 0.9
#: Bins of the overlap coefficient.
OVERLAP_BINS = 60

HEADLINES: dict[Level, str] = {
    "reference": "Reference",
    "familiar": "As familiar as the reference",
    "less": "Less familiar",
    "foreign": "Out of distribution",
    "higher": "Scores above the reference",
    "unclear": "Not enough images",
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readiness:
    """A dataset under one backbone against the reference under the same one.

    `auroc` is the chance that a sample of the reference scores higher than one of the dataset, ties counting half, with
    its 95 % interval (DeLong): 0.5 = indistinguishable. `overlap` is the shared area of the two
    histograms, 0 to 1. `below` is the share of the dataset under the reference's 5th percentile, where 0.05 is
    expected. All are None where too few are scored, and for the reference itself.
    """

    scores: ScoreSet
    title: str
    backbone_title: str
    num_scored: int
    level: Level
    verdict: str
    caveats: tuple[str, ...]
    auroc: float | None = None
    interval: tuple[float, float] | None = None
    overlap: float | None = None
    below: float | None = None

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        return HEADLINES[self.level]


def readiness(store: Store, score_sets: Sequence[ScoreSet], reference: str) -> tuple[Readiness, ...]:
    """Return a verdict for each score set against the dataset `reference` under the same key and definition."""
    titles = measured_titles(store)
    return tuple(_judge(store, scores, reference, titles.get(scores.key, scores.backbone_id)) for scores in score_sets)


def _judge(store: Store, scores: ScoreSet, reference: str, backbone_title: str) -> Readiness:
    against = replace(scores, dataset_id=reference)
    name = store.catalogue.dataset(scores.dataset_id).name
    home = store.catalogue.dataset(reference).name
    key = "readiness", scores, reference, read_version(store, scores), read_version(store, against)
    if scores == against:
        numbers = _Numbers(coverage(store, scores)[0], 0)
    else:
        numbers = memoized(store, key, lambda: _numbers(store, scores, against))
    common: dict[str, Any] = {
        "scores": scores,
        "title": name,
        "backbone_title": backbone_title,
        "num_scored": numbers.num_scored,
        "caveats": _caveats(store, scores, against, numbers),
    }
    if scores == against:
        verdict = f"Familiarity is measured against {home}: choose data known to be in-distribution for this encoder."
        return Readiness(**common, level="reference", verdict=verdict)
    if min(numbers.num_scored, numbers.num_reference) < MIN_SAMPLES:
        verdict = (
            f"{plural(numbers.num_scored, 'sample')} of {name} and {count_text(numbers.num_reference)} of {home} are "
            f"scored under this encoder; a verdict needs at least {MIN_SAMPLES} of each."
        )
        return Readiness(**common, level="unclear", verdict=verdict)
    level = _level(numbers.auroc, numbers.interval)
    return Readiness(
        **common,
        level=level,
        verdict=_verdict(level, home, numbers),
        auroc=numbers.auroc,
        interval=numbers.interval,
        overlap=numbers.overlap,
        below=numbers.below,
    )


@dataclass(frozen=True, slots=True)
class _Numbers:
    num_scored: int
    num_reference: int
    auroc: float = 0.5
    interval: tuple[float, float] = (0.0, 1.0)
    overlap: float = 0.0
    below: float = 0.0


def _numbers(store: Store, scores: ScoreSet, against: ScoreSet) -> _Numbers:
    values, home = (
        store.query(f"SELECT score FROM ({scored_sql(store, item)})")["score"].to_numpy() for item in (scores, against)
    )
    if min(len(values), len(home)) < 2:
        return _Numbers(len(values), len(home))
    found = auroc(home, values)
    return _Numbers(
        num_scored=len(values),
        num_reference=len(home),
        auroc=found.value,
        interval=(found.lower, found.upper),
        overlap=overlap_coefficient(values, home),
        below=float(np.mean(values < np.quantile(home, 0.05))),
    )


def overlap_coefficient(values: Floats, reference: Floats, bins: int = OVERLAP_BINS) -> float:
    """Return the shared area of two histograms on common bins over the range of both, 0 (disjoint) to 1 (equal)."""
    low = min(values.min(), reference.min())
    high = max(values.max(), reference.max())
    if high <= low:
        return 1.0
    # One outlier must not put all other samples into one bin.
    first_edge, last_edge = np.quantile(np.concatenate([values, reference]), [0.001, 0.999]).tolist()
    if last_edge <= first_edge:
        first_edge, last_edge = float(low), float(high)
    edges = np.concatenate([[-np.inf], np.linspace(first_edge, last_edge, bins - 1), [np.inf]])
    first, second = (np.histogram(item, edges)[0] / len(item) for item in (values, reference))
    return min(1.0, float(np.minimum(first, second).sum()))


def _level(area: float, interval: tuple[float, float]) -> Level:
    if area >= FOREIGN:
        return "foreign"
    if area >= LESS and interval[0] > 0.5:
        return "less"
    if area <= 1 - LESS and interval[1] < 0.5:
        return "higher"
    return "familiar"


def _verdict(level: Level, home: str, numbers: _Numbers) -> str:
    below = f"{percent_text(numbers.below)} of its samples score below the 5th percentile of {home}"
    shared = f"the histograms share {percent_text(numbers.overlap)} of their area"
    return {
        "familiar": f"This encoder scores it like {home}: {shared}.",
        "less": f"This encoder finds it less likely than {home}, but they overlap widely: {below}; {shared}.",
        "foreign": (
            f"This data is out of distribution for the encoder: {below}; {shared}. Expect weaker features here than on "
            f"{home}; within this dataset, low scores indicate oddity rather than poor quality."
        ),
        "higher": (
            f"It scores higher than {home}: {shared}. That does not mean more familiar: plain or smooth images often "
            "score high. Inspect the most likely samples before you draw conclusions."
        ),
    }[level]


def _caveats(store: Store, scores: ScoreSet, against: ScoreSet, numbers: _Numbers) -> tuple[str, ...]:
    found: list[str] = []
    info = store.catalogue.backbones().get(scores.backbone_id)
    if info is not None and (note := theory_note(info)):
        found.append(note)
    if not store.spec(scores.key).is_exact:
        found.append("These scores are estimates; differences within their intervals are not meaningful.")
    if warning := rank_check(store, scores).warning:
        found.append(warning)
    for item in dict.fromkeys((scores, against)):
        scored, samples = coverage(store, item)
        if 0 < scored < samples:  # without any the verdict says so
            name = store.catalogue.dataset(item.dataset_id).name
            found.append(f"Only {percent_text(scored / samples)} of {name} is scored so far.")
    if MIN_SAMPLES <= min(numbers.num_scored, numbers.num_reference) < FEW_SAMPLES:
        found.append(f"Fewer than {FEW_SAMPLES} samples: the interval is wide.")
    return tuple(found)


def readiness_rows(found: Sequence[Readiness]) -> list[dict[str, Any]]:
    """Return the numbers as rows of a table."""
    return [
        {
            "Dataset": item.title,
            "Encoder": item.backbone_title,
            "Verdict": item.headline,
            "AUROC against the reference": item.auroc,
            "95 % from": None if item.interval is None else item.interval[0],
            "to": None if item.interval is None else item.interval[1],
            "Shared area (%)": None if item.overlap is None else 100 * item.overlap,
            "Below the reference's 5th percentile (%)": None if item.below is None else 100 * item.below,
            "Samples": item.num_scored,
        }
        for item in found
    ]
