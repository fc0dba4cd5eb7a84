"""Accuracy against the share kept: a cut within each class by one order after another, beside cuts at random.

Probes are fitted by least squares, whose sums over images add up: an order costs one pass over its images, whatever the
number of shares. Differences to random cuts rank much as under the logistic probe: Spearman 0.82 over twelve cuts
(benchmarks/cut_effect.py --rank 1500,64,4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.cut_effect.compare import NUM_SEEDS, choose_strength
from jepascore_core.curation.cut_effect.results import CutVerdict, held_out_text, points_text, verdict_on
from jepascore_core.curation.cut_effect.samples import HeldOut, LabelledSamples
from jepascore_core.curation.cut_effect.statistics import Flags, Interval, difference_to_random, spread_of_random
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.linear_probe import ProbeSpace, fit_least_squares, gram_matrix, probe_space
from jepascore_core.embeddings.selection import Integers

Values = npt.NDArray[np.float64]

#: Shares of each class that are kept.
SHARES = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy at one share; `difference` to random, its interval corrected for all shares of the line."""

    share: float
    accuracy: float
    difference: Interval

    @property
    def verdict(self) -> CutVerdict:
        """How it compares with random cuts."""
        return verdict_on(self.difference)


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One order of the images, of which those that come last are cut first."""

    name: str
    title: str
    points: tuple[CurvePoint, ...]

    @property
    def best(self) -> CurvePoint | None:
        """Where cutting by it beats random cuts most, beyond chance; None if nowhere."""
        better = [point for point in self.points if point.difference.is_above_zero]
        return max(better, key=lambda point: point.difference.lower, default=None)

    @property
    def worst(self) -> CurvePoint | None:
        """Where it falls behind random cuts most, beyond chance; None if nowhere."""
        worse = [point for point in self.points if point.difference.is_below_zero]
        return min(worse, key=lambda point: point.difference.upper, default=None)

    @property
    def sentence(self) -> str:
        """Say where cutting by it beats random cuts, and where it falls behind."""
        if self.best is None and self.worst is None:
            return f"{self.title} does no better than random at any share."
        texts = []
        if self.best is not None:
            texts.append(f"beats random cuts, most where {_kept(self.best)}: {points_text(self.best.difference)}")
        if self.worst is not None:
            texts.append(f"loses to random cuts, most where {_kept(self.worst)}: {points_text(self.worst.difference)}")
        return f"{self.title} {'; it '.join(texts)}."


@dataclass(frozen=True, slots=True)
class CutCurve:
    """Accuracy against share kept, for several orders and at random.

    Attributes:
        scores: measurement key of the scores, as text.
        definition: of the score.
        embeddings: measurement key of the embeddings that the probe is trained on.
        held_out: "test" or "validation" for the dataset's own `split`; "folds" by content id.
        num_judged: different held-out images, never cut.
        num_training: samples to train on, of `num_classes` classes.
        num_folds: folds held out in turn; 1 for a split.
        accuracy_all: of the probe trained on everything, as a share.
        random: mean accuracy of random subsets at each of `SHARES`, and where one of them lies 19 times of 20.
        lines: one an order.
    """

    scores: str
    definition: str
    embeddings: str
    held_out: HeldOut
    split: str | None
    num_judged: int
    num_training: int
    num_classes: int
    num_folds: int
    accuracy_all: float
    random: tuple[Interval, ...]
    lines: tuple[CurveLine, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`, also from JSON."""
        fields = {name: values[name] for name in cls.__slots__}
        fields["random"] = tuple(Interval(*item) for item in values["random"])
        fields["lines"] = tuple(
            CurveLine(
                line["name"],
                line["title"],
                tuple(CurvePoint(at["share"], at["accuracy"], Interval(*at["difference"])) for at in line["points"]),
            )
            for line in values["lines"]
        )
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON, with a sentence for each line."""
        lines = [{**asdict(line), "sentence": line.sentence} for line in self.lines]
        return {**asdict(self), "shares": list(SHARES), "lines": lines}

    @property
    def judged_text(self) -> str:
        """Say what accuracies are measured on."""
        return held_out_text(self.num_judged, self.split, self.num_folds)

    def line(self, name: str) -> CurveLine | None:
        """Return the line of an order, None if there is none."""
        return next((line for line in self.lines if line.name == name), None)


def trace_curve(
    samples: LabelledSamples,
    eligible: Flags,
    orders: Mapping[tuple[str, str], Values],
    names: tuple[str, str, str],
    progress: Progress = no_progress,
) -> CutCurve:
    """Cut the eligible samples [N] within their classes by each order, lowest values first, and at random.

    Args:
        samples: labels, embeddings, and what is held out.
        eligible: samples that may be trained on, [N].
        orders: values [N] by name and title; NaN is cut last.
        names: of the scores, their definition and the embeddings, for the result.
        progress: told the share that is done; what it raises ends the work.
    """
    rng = np.random.default_rng(20)
    chance = [rng.random(len(eligible)) for _ in range(NUM_SEEDS)]
    strength = choose_strength(samples, eligible)
    space = probe_space(samples.embeddings, int(eligible.sum()), len(samples.names), strength)
    right = []
    for number, values in enumerate((*chance, *orders.values())):
        progress(number / (len(orders) + NUM_SEEDS))
        depths = _depths(values, samples.codes, eligible)
        right.append(_right(samples, space, depths, strength))  # [1 + shares, n]
    of_random = np.stack(right[:NUM_SEEDS])
    positions = range(1, 1 + len(SHARES))
    lines = tuple(
        CurveLine(name, title, tuple(_point(found, of_random, at) for at in positions))
        for (name, title), found in zip(orders, right[NUM_SEEDS:], strict=True)
    )
    scores, definition, embeddings = names
    return CutCurve(
        scores=scores,
        definition=definition,
        embeddings=embeddings,
        held_out=samples.held_out,
        split=samples.split,
        num_judged=samples.num_judged,
        num_training=int(eligible.sum()),
        num_classes=len(samples.names),
        num_folds=len(samples.judged),
        accuracy_all=float(right[0][0].mean()),
        random=tuple(spread_of_random(of_random[:, at]) for at in positions),
        lines=lines,
    )


def _point(right: Flags, of_random: Flags, at: int) -> CurvePoint:
    change = difference_to_random(right[at], of_random[:, at], len(SHARES))
    return CurvePoint(SHARES[at - 1], float(right[at].mean()), change)


def _depths(values: Values, codes: Integers, eligible: Flags) -> Integers:
    """How many of (1, *SHARES) keep each sample [N], 0 for one that is not eligible: the highest of each class stay."""
    rows = np.flatnonzero(eligible)
    keys = np.where(np.isnan(values[rows]), np.inf, values[rows])
    rows = rows[np.lexsort((-keys, codes[rows]))]
    there = np.bincount(codes[rows])
    place = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)
    sizes = there[codes[rows]]
    depths = np.zeros(len(values), np.int64)
    depths[rows] = 1 + sum(place < np.maximum(1, np.round(share * sizes)) for share in SHARES)
    return depths


def _right(samples: LabelledSamples, space: ProbeSpace, depths: Integers, strength: float) -> Flags:
    """Whether the probes of the shares (1, *SHARES) are right about each judged image, [1 + shares, n]."""
    num_classes, dimension = len(samples.names), space.values.shape[1]
    parts = []
    for fold in samples.judged:
        judged, training = samples.judged_in(fold), samples.training(fold)
        values, truth = space.values[judged], samples.codes[judged]
        gram = np.zeros((dimension, dimension))
        products, sizes = np.zeros((dimension, num_classes)), np.zeros(num_classes)
        found = np.empty((1 + len(SHARES), len(judged)), bool)
        for depth in range(1 + len(SHARES), 0, -1):  # from the smallest share on, images are only added
            rows = np.flatnonzero(training & (depths == depth))
            added, codes = space.values[rows], samples.codes[rows]
            gram += gram_matrix(added)
            counts = np.bincount(codes, minlength=num_classes)
            products += _sums(added, codes, counts)
            sizes += counts
            probe = fit_least_squares(gram, products, sizes, space.penalty, strength)
            found[depth - 1] = probe.predict(values) == truth
        parts.append(found)
    return np.concatenate(parts, axis=1)


def _sums(values: npt.NDArray[np.float32], codes: Integers, counts: Integers) -> Values:
    """Sum of the rows [n, K] of each class, [K, C]."""
    order = np.argsort(codes, kind="stable")
    present = np.flatnonzero(counts)
    found = np.zeros((values.shape[1], len(counts)))
    if len(present):
        starts = (np.cumsum(counts) - counts)[present]
        found[:, present] = np.add.reduceat(values[order], starts, axis=0, dtype=np.float64).T
    return found


def _kept(point: CurvePoint) -> str:
    return f"{100 * point.share:.0f} % are kept"
