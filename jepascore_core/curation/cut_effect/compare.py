"""Train probes on what a cut keeps, on random subsets of the same size per class, and on everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jepascore_core.curation.cut_effect.results import ClassEffect, CutEffect
from jepascore_core.curation.cut_effect.samples import LabelledSamples, random_subset
from jepascore_core.curation.cut_effect.statistics import (
    Flags,
    difference,
    difference_to_random,
    spread_of_random,
)
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.label_issues import STRENGTHS, USUAL_STRENGTH
from jepascore_core.embeddings.linear_probe import Probe, ProbeSpace, fit_logistic, probe_space
from jepascore_core.embeddings.selection import Integers

#: Random subsets: Student's t is then 2.26, where infinitely many would have 1.96.
NUM_SEEDS = 10
#: Images that the strength of the penalty is chosen on, at most, a fifth of which are held out for it.
MAX_CHOSEN = 5_000


def compare_cut(
    samples: LabelledSamples, kept: Flags, eligible: Flags, embeddings: str, progress: Progress = no_progress
) -> CutEffect:
    """Compare the samples that a cut keeps with random ones; `eligible` are those that it keeps or drops, [N] each.

    `embeddings` names them in the result. The strength of the penalty is chosen once, on eligible samples, for all
    probes alike. An exception from `progress` ends the work.
    """
    num_classes = len(samples.names)
    sizes = np.bincount(samples.codes[kept], minlength=num_classes)
    subsets = [random_subset(eligible, samples.codes, sizes, seed) for seed in range(NUM_SEEDS)]
    strength = choose_strength(samples, eligible)
    space = probe_space(samples.embeddings, int(eligible.sum()), num_classes, strength)
    fit = _Fitting(samples, space, strength, 2 + NUM_SEEDS, progress)
    parts = [fit.fold(fold, [eligible, kept, *subsets]) for fold in samples.judged]
    right = np.concatenate(parts, axis=1)  # [2 + S, n]
    judged = np.concatenate([samples.judged_in(fold) for fold in samples.judged])
    of_all, of_kept, of_random = right[0], right[1], right[2:]
    return CutEffect(
        embeddings=embeddings,
        held_out=samples.held_out,
        split=samples.split,
        num_judged=len(judged),
        num_training=int(eligible.sum()),
        num_kept=int(kept.sum()),
        num_classes=num_classes,
        num_left_out=samples.num_left_out + samples.num_elsewhere + int((samples.may_train & ~eligible).sum()),
        num_copies=samples.num_copies,
        num_folds=len(samples.judged),
        num_seeds=NUM_SEEDS,
        strength=strength,
        accuracy_all=float(of_all.mean()),
        accuracy_kept=float(of_kept.mean()),
        accuracy_random=spread_of_random(of_random),
        difference=difference_to_random(of_kept, of_random),
        against_all=difference(of_kept, of_all),
        classes=_classes(samples, kept, eligible, judged, of_kept, of_random),
    )


def choose_strength(samples: LabelledSamples, eligible: Flags) -> float:
    """Choose the penalty: the strongest one whose log loss on a fifth of a sample is within an error of the best."""
    rows = np.flatnonzero(eligible & samples.firsts)
    rows = np.random.default_rng(0).permutation(rows)[:MAX_CHOSEN]
    checked, fitted = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    codes, num_classes = samples.codes, len(samples.names)
    checked = checked[np.isin(codes[checked], codes[fitted])]
    if len(checked) < 2 or len(np.unique(codes[fitted])) < 2:
        return USUAL_STRENGTH
    losses = []
    at_checked, at_fitted = np.arange(len(checked)), np.arange(len(checked), len(checked) + len(fitted))
    for strength in STRENGTHS:
        space = probe_space(samples.embeddings[np.concatenate([checked, fitted])], len(fitted), num_classes, strength)
        probe = fit_logistic(space, at_fitted, codes[fitted], num_classes, strength)
        found = probe.log_probabilities(space.values[at_checked])
        losses.append(-found[at_checked, codes[checked]])
    means = np.stack(losses).mean(axis=1)
    best = int(np.argmin(means))
    error = float(losses[best].std()) / np.sqrt(len(checked))
    return STRENGTHS[int(np.flatnonzero(means <= means[best] + error)[0])]


@dataclass(eq=False)
class _Fitting:
    """Fits the probes of one fold after another and counts them."""

    samples: LabelledSamples
    space: ProbeSpace
    strength: float
    num_arms: int
    progress: Progress
    num_done: int = 0

    def fold(self, fold: int, arms: list[Flags]) -> Flags:
        """Whether the probe of each arm is right about the images of a fold, [arms, n]."""
        judged, training = self.samples.judged_in(fold), self.samples.training(fold)
        values, truth = self.space.values[judged], self.samples.codes[judged]
        found, first = [], None
        for arm in arms:
            probe = self._fit(np.flatnonzero(arm & training), first)
            first = first or probe
            found.append(probe.predict(values) == truth)
        return np.stack(found)

    def _fit(self, rows: Integers, start: Probe | None) -> Probe:
        share = self.num_done / (self.num_arms * len(self.samples.judged))
        self.num_done += 1
        check: Callable[[], None] = lambda: self.progress(share)  # noqa: E731 - called at every step of a fit
        codes, num_classes = self.samples.codes[rows], len(self.samples.names)
        return fit_logistic(self.space, rows, codes, num_classes, self.strength, start=start, check=check)


def _classes(
    samples: LabelledSamples, kept: Flags, eligible: Flags, judged: Integers, of_kept: Flags, of_random: Flags
) -> tuple[ClassEffect, ...]:
    of_judged = samples.codes[judged]
    there = np.unique(of_judged)
    found = []
    for code in there:
        rows = np.flatnonzero(of_judged == code)
        is_class = samples.codes == code
        found.append(
            ClassEffect(
                label=samples.names[code],
                num_judged=len(rows),
                num_training=int((eligible & is_class).sum()),
                num_kept=int((kept & is_class).sum()),
                accuracy_random=float(of_random[:, rows].mean()),
                accuracy_kept=float(of_kept[rows].mean()),
                difference=difference_to_random(of_kept[rows], of_random[:, rows], len(there)),
            )
        )
    return tuple(sorted(found, key=lambda item: (-item.difference.value, item.label)))
