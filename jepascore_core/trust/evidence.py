"""Gather what is known of the scores of a dataset, from files alone: a page that shows a verdict computes nothing."""

from __future__ import annotations

import shlex
from contextlib import suppress

from jepascore_core.curation.columns.kept_results import cache_folder
from jepascore_core.curation.cut_effect.orders import SCORE
from jepascore_core.curation.cut_effect.stored import FOLDER, known_cut_curve
from jepascore_core.errors import JepaScoreError, TooFewImagesError
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.no_scores import require_scores
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.theory import theory_note
from jepascore_core.storage.store import Store
from jepascore_core.trust.checks import (
    CheckName,
    ConfoundEvidence,
    CutEvidence,
    Evidence,
    GaussianityEvidence,
    PlantedEvidence,
)
from jepascore_core.trust.confounds import confounds, stored_confounds
from jepascore_core.trust.encoders import compare_encoders, stored_agreements
from jepascore_core.trust.gaussianity import dataset_gaussianity, stored_gaussianity
from jepascore_core.trust.planted.evaluate import planted_result, stored_result
from jepascore_core.trust.planted.plan import PLANTED, PlantOptions, options_of
from jepascore_core.trust.planted.requests import Planted, as_exact, command
from jepascore_core.trust.planted.result import PlantedResult
from jepascore_core.trust.verdict import TrustVerdict, judge


def trust_verdict(store: Store, scores: ScoreSet) -> TrustVerdict:
    """Return the verdict on a cut by these scores, from what was computed so far.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
        JepaScoreError: if there are embeddings only.
    """
    require_scores(store, scores.dataset_id, scores.key)
    with store.catalogue.connected():
        return judge(stored_evidence(store, scores))


def stored_evidence(store: Store, scores: ScoreSet) -> Evidence:
    """Read all that was computed; what was not is left out.

    Of several sets of planted defects those count that were evaluated on the present images and scores, of these those
    of most kinds, of these the newest.
    """
    confounded, shape = stored_confounds(store, scores), stored_gaussianity(store, scores)
    info = store.catalogue.backbones().get(scores.backbone_id)
    planted, options = _stored_planted(store, scores)
    return Evidence(
        definition=scores.definition,
        planted=planted,
        cut=_stored_cut(store, scores),
        confounds=None if confounded is None else ConfoundEvidence(*confounded),
        gaussianity=None if shape is None else GaussianityEvidence(*shape),
        agreements=stored_agreements(store, scores),
        theory=None if info is None else theory_note(info),
        is_planting=_is_planting(store, scores),
        commands=_commands(store, scores, options),
    )


def compute_checks(store: Store, scores: ScoreSet) -> None:
    """Compute and keep the checks that need no measuring: simple properties, other encoders, Gaussian embeddings.

    Checks for which there are too few images are left out.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    for check in (confounds, compare_encoders, dataset_gaussianity):
        with suppress(TooFewImagesError):
            check(store, scores)


def evaluate_planted(store: Store, dataset: DatasetRecord, backbone_id: str) -> None:
    """Evaluate planted defects for all scores of a backbone on the dataset that they serve, and keep the results."""
    for key in (key for key in store.measured_keys() if key.backbone_id == backbone_id):
        scores = ScoreSet(str(dataset.parent_id), key)
        with suppress(JepaScoreError):  # measured in another way, or too few images
            planted_result(store, scores, Planted(options_of(dataset), dataset))


def _stored_planted(store: Store, scores: ScoreSet) -> tuple[PlantedEvidence | None, PlantOptions | None]:
    found: list[tuple[tuple[bool, int], PlantedResult, PlantOptions]] = []
    for dataset in store.catalogue.hidden_datasets(scores.dataset_id, PLANTED):
        known = stored_result(store, scores, dataset) if dataset.version is not None else None
        if known is not None:
            result, is_current = known
            found.append(((is_current, len(result.kinds)), result, options_of(dataset)))
    if not found:
        return None, None
    (is_current, _), result, options = max(found, key=lambda item: item[0])
    return PlantedEvidence(result, is_current), options


def _stored_cut(store: Store, scores: ScoreSet) -> CutEvidence | None:
    """Read the effect of the smallest cut that was traced, as judged by the embeddings of the backbone that scored."""
    if not any(cache_folder(store, scores, FOLDER).glob("curve-*.json")):
        return None  # counting the measured images, to find the file, takes longer
    curve = known_cut_curve(store, scores, scores)
    points = [point for line in curve.lines if line.name == SCORE for point in line.points] if curve else []
    if not points:
        return None
    smallest = max(points, key=lambda point: point.share)
    return CutEvidence(f"class_percentile >= {100 * (1 - smallest.share):.0f}", *smallest.difference)


def _is_planting(store: Store, scores: ScoreSet) -> bool:
    key = as_exact(scores, store).key
    return any(
        run.state.is_active and run.key in (None, key)
        for dataset in store.catalogue.hidden_datasets(scores.dataset_id, PLANTED)
        for run in store.catalogue.runs(dataset.dataset_id)
    )


def _commands(store: Store, scores: ScoreSet, options: PlantOptions | None) -> tuple[tuple[CheckName, str], ...]:
    about = [store.catalogue.dataset(scores.dataset_id).name, "-b", scores.key.text]
    plant = command(store, scores, options) if options else shlex.join(["jepascore", "trust", "plant", *about])
    verdict = shlex.join(["jepascore", "trust", "verdict", *about])
    return (
        ("planted", plant),
        ("cut", shlex.join(["jepascore", "cut-effect", *about, "--curve"])),
        ("confounds", shlex.join(["jepascore", "trust", "confounds", *about])),
        ("agreement", verdict),
        ("gaussianity", verdict),
        ("theory", verdict),
    )
