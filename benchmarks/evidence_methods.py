"""The methods that `evidence.py` compares, higher = more suspicious: PyOD's and SelfClean's where installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from evidence_sets import Measured, Values

from jepascore_core.embeddings.baselines import baseline_scores, baseline_scores_against, knn
from jepascore_core.embeddings.label_issues import find_label_issues

SCORES = {"rank": "JEPA-SCORE", "paper": "JEPA-SCORE, paper", "tail": "JEPA-SCORE, tail", "top": "JEPA-SCORE, top"}
BASELINES = {"knn": "k-NN", "mahalanobis": "Mahalanobis", "norm": "norm"}
WITHIN_CLASS, NEAREST, LABEL_ISSUE = "JEPA-SCORE, within class", "nearest other image", "label_issue"
SELFCLEAN = "SelfClean"


def off_topic_methods(images: Measured, seed: int) -> dict[str, Values]:
    """Methods that see the whole set, the planted images included, as a curator's do."""
    baselines = {
        title: -baseline_scores(name, images.content_ids, images.embeddings)  # type: ignore[arg-type]
        for name, title in BASELINES.items()
    }
    detected = {name: model.fit(images.embeddings).decision_scores_ for name, model in detectors(seed).items()}
    return {**scores_of(images), **baselines, **detected, **selfclean(images, None, "off_topic_samples")}


def held_out_methods(images: Measured, reference: Measured, seed: int) -> dict[str, Values]:
    """Methods that are fitted on a reference split, which is not judged."""
    baselines = {
        title: -baseline_scores_against(name, images.embeddings, reference.embeddings)  # type: ignore[arg-type]
        for name, title in BASELINES.items()
    }
    fitted = {name: model.fit(reference.embeddings) for name, model in detectors(seed).items()}
    detected = {name: model.decision_function(images.embeddings) for name, model in fitted.items()}
    return {**scores_of(images), **baselines, **detected}


def near_duplicate_methods(images: Measured) -> dict[str, Values]:
    """Methods that take an image for a near duplicate, or for what has one."""
    typical = baseline_scores("knn", images.content_ids, images.embeddings)
    return {
        **{name: -values for name, values in scores_of(images).items()},
        BASELINES["knn"]: typical,
        NEAREST: knn(images.embeddings, k=1),
        **selfclean(images, None, "near_duplicates"),
    }


def label_methods(images: Measured, labels: list[str]) -> dict[str, Values]:
    """Methods that may doubt the label of an image."""
    baseline = -baseline_scores("knn", images.content_ids, images.embeddings)
    return {
        SCORES["rank"]: -images.scores["rank"],
        WITHIN_CLASS: -within_class(images.scores["rank"], labels),
        BASELINES["knn"]: baseline,
        LABEL_ISSUE: find_label_issues(images.content_ids, labels, images.embeddings).label_issue,
        **selfclean(images, labels, "label_errors"),
    }


def scores_of(images: Measured) -> dict[str, Values]:
    """The score under each definition, low = suspicious; of a sketch, the other definitions repeat or lack meaning."""
    names = SCORES if images.is_exact else ("rank",)
    return {SCORES[name]: -images.scores[name] for name in names}


def within_class(scores: Values, labels: list[str]) -> Values:
    """Percentile of each score [N] among those of its label."""
    from scipy.stats import rankdata

    names, found = np.array(labels), np.empty(len(scores))
    for name in set(labels):
        rows = np.flatnonzero(names == name)
        found[rows] = (rankdata(scores[rows]) - 0.5) / len(rows)
    return found


def detectors(seed: int) -> dict[str, Any]:
    """PyOD's detectors with their own settings; {} where it is not installed."""
    if find_spec("pyod") is None:
        return {}
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.lof import LOF

    return {"PyOD ECOD": ECOD(), "PyOD IForest": IForest(random_state=seed), "PyOD LOF": LOF()}


def selfclean(images: Measured, labels: list[str] | None, issue: str) -> dict[str, Values]:
    """SelfClean's ranking of these embeddings, not of an encoder that it trains; {} where it is not installed."""
    if find_spec("selfclean") is None:
        return {}
    from selfclean.cleaner.selfclean_cleaner import SelfCleanCleaner

    units = images.embeddings / np.linalg.norm(images.embeddings, axis=1, keepdims=True)
    codes = None if labels is None else np.unique(labels, return_inverse=True)[1]
    cleaner = SelfCleanCleaner(memmap=False, log_level="ERROR")
    cleaner.fit(units, labels=codes)
    found = cleaner.predict().get_issues(issue)
    suspicion = np.full(len(units), -np.inf)
    for rows, score in zip(np.asarray(found["indices"]), np.asarray(found["scores"]), strict=True):
        # Low = suspicious; a pair of near duplicates makes both of them so.
        suspicion[rows] = np.maximum(suspicion[rows], -float(score))
    return {SELFCLEAN: suspicion}
