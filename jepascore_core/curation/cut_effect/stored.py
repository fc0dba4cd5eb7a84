"""The effect of a cut on a dataset: computed once, then cached with the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jepascore_core.curation.columns.kept_results import cache_folder, prune_old
from jepascore_core.curation.columns.label_issues import are_label_issues_known
from jepascore_core.curation.columns.measured import count_classes, count_measured, embedding_dimension
from jepascore_core.curation.cut_effect.compare import NUM_SEEDS, compare_cut
from jepascore_core.curation.cut_effect.curve import SHARES, CutCurve, trace_curve
from jepascore_core.curation.cut_effect.orders import NUM_ORDERS, read_orders
from jepascore_core.curation.cut_effect.results import SAME_ENCODER, USES_LABELS, CutEffect
from jepascore_core.curation.cut_effect.samples import CHANGED, ENOUGH_HELD_OUT, Cut, kept_samples, labelled_samples
from jepascore_core.curation.evaluation.evaluate import Evaluation
from jepascore_core.curation.rules.model import Between, IsIn, Like, walk
from jepascore_core.embeddings.index import Progress, no_progress, subrange
from jepascore_core.embeddings.label_issues import NUM_FOLDS, label_issue_seconds
from jepascore_core.errors import RuleError
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.json_results import read_json, write_json
from jepascore_core.storage.store import Store

#: Increased when the numbers are computed in another way.
METHOD = 1
#: Results that are cached per backbone.
MAX_KEPT = 40
FOLDER = "cut-effect"

#: Passes of a fit over its images; multiply-adds a second on two cores (benchmarks/cut_effect.py); seconds to begin.
_PASSES, _RATE, _BEGIN = 12, 8e9, 0.5
#: The same of sums of outer products; share of the work on a curve that goes into reading its orders.
_GRAM_RATE, _READING = 2e10, 0.5


def cut_effect(store: Store, embeddings: ScoreSet, cut: Cut, progress: Progress = no_progress) -> CutEffect:
    """Compare a cut with random ones by probes on the embeddings of a backbone; read from disk if cached.

    Raises:
        TooFewImagesError: if the dataset has no labels, or too few images.
        RuleError: if the cut drops nothing, leaves fewer than two classes, or is of another version of the dataset.
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    known = known_cut_effect(store, embeddings, cut)
    if known is not None:
        return known
    if str(store.catalogue.dataset(embeddings.dataset_id).version) != cut.version:
        raise RuleError(CHANGED)
    samples = labelled_samples(store, embeddings, progress)
    kept, eligible = kept_samples(samples, cut, len(samples.rows) + samples.num_left_out)
    found = compare_cut(samples, kept, eligible, embeddings.key.text, progress)
    write_result(_path(store, embeddings, cut), found.to_dict(), "cut-*.json")
    return found


def known_cut_effect(store: Store, embeddings: ScoreSet, cut: Cut) -> CutEffect | None:
    """Return the effect of a cut if it was computed for what is measured now."""
    values = read_json(_path(store, embeddings, cut))
    return None if values is None else CutEffect.from_dict(values)


def cut_effect_seconds(store: Store, embeddings: ScoreSet) -> float:
    """Predict how long `cut_effect` takes on two cores."""
    images, classes, dimension = sizes_of(store, embeddings)
    num_folds = min(NUM_FOLDS, max(1, -(-ENOUGH_HELD_OUT * NUM_FOLDS // max(1, images))))
    fits = num_folds * (2 + NUM_SEEDS) * images * (1 - 1 / NUM_FOLDS)
    work = 2 * _PASSES * fits * dimension * classes + images * dimension**2 * 2
    return _BEGIN + work / _RATE


def cut_curve(store: Store, scores: ScoreSet, embeddings: ScoreSet, progress: Progress = no_progress) -> CutCurve:
    """Trace accuracy against share kept for the score, baseline scores and label issues; read from disk if cached.

    Baseline scores are those of the backbone that scored. Label issues are its own, too.

    Raises:
        TooFewImagesError, UnknownNameError, DatasetNotReadyError: as `cut_effect`.
    """
    known = known_cut_curve(store, scores, embeddings)
    if known is not None:
        return known
    orders = read_orders(store, scores, subrange(progress, 0.0, _READING))
    samples = labelled_samples(store, embeddings, progress)
    of_samples = {name: values[samples.rows] for name, values in orders.items()}
    eligible = samples.may_train & np.isfinite(next(iter(of_samples.values())))
    names = (scores.key.text, scores.definition, embeddings.key.text)
    found = trace_curve(samples, eligible, of_samples, names, subrange(progress, _READING, 1.0))
    write_result(_curve_path(store, scores, embeddings), found.to_dict(), "curve-*.json")
    return found


def known_cut_curve(store: Store, scores: ScoreSet, embeddings: ScoreSet) -> CutCurve | None:
    """Return accuracy against share kept if it was computed for what is measured now."""
    values = read_json(_curve_path(store, scores, embeddings))
    return None if values is None else CutCurve.from_dict(values)


def cut_curve_seconds(store: Store, scores: ScoreSet, embeddings: ScoreSet) -> float:
    """Predict how long `cut_curve` takes on two cores, with the baseline scores and label issues that it needs."""
    images, classes, dimension = sizes_of(store, embeddings)
    passes = (NUM_SEEDS + NUM_ORDERS) * min(NUM_FOLDS * images, max(images, ENOUGH_HELD_OUT * NUM_FOLDS))
    work = passes * dimension**2 * 2 + (NUM_SEEDS + NUM_ORDERS) * NUM_FOLDS * len(SHARES) * dimension**3
    issues = 0.0 if are_label_issues_known(store, scores) else label_issue_seconds(images, dimension, classes)
    return _BEGIN + work / _GRAM_RATE + issues


def notes_on(evaluation: Evaluation, embeddings: ScoreSet) -> tuple[str, ...]:
    """Return what limits the comparison of a curation by these embeddings, in sentences."""
    conditions = [
        item for rule in evaluation.curation.rules for item in walk(rule) if isinstance(item, Between | IsIn | Like)
    ]
    return (
        *((SAME_ENCODER,) if embeddings.key == evaluation.scores.key else ()),
        *((USES_LABELS,) if any(item.column.is_label_issue for item in conditions) else ()),
    )


def sizes_of(store: Store, embeddings: ScoreSet) -> tuple[int, int, int]:
    """Return the number of measured images, of classes, and dimension of the embeddings."""
    return count_measured(store, embeddings), count_classes(store, embeddings), embedding_dimension(store, embeddings)


def result_path(store: Store, embeddings: ScoreSet, kind: str, about: Sequence[Any]) -> Path:
    """Where a result about the measured images belongs; `about` is what it depends on besides these."""
    version = store.catalogue.dataset(embeddings.dataset_id).version
    facts = [METHOD, embeddings.dataset_id, version, embeddings.key.text, count_measured(store, embeddings), *about]
    return cache_folder(store, embeddings, FOLDER) / f"{kind}-{short_hash(facts, 20)}.json"


def write_result(path: Path, values: dict[str, Any], pattern: str) -> None:
    """Cache a result, and delete the oldest of its kind."""
    write_json(path, values)
    prune_old(path, pattern, MAX_KEPT)


def _curve_path(store: Store, scores: ScoreSet, embeddings: ScoreSet) -> Path:
    about = [scores.key.text, scores.definition, count_measured(store, scores)]
    return result_path(store, embeddings, "curve", about)


def _path(store: Store, embeddings: ScoreSet, cut: Cut) -> Path:
    return result_path(store, embeddings, "cut", [cut.digest])
