"""Compute after a run what pages would wait for: the checks behind a verdict, and what a large dataset needs."""

from __future__ import annotations

from contextlib import suppress

from jepascore_core.errors import TooFewImagesError
from jepascore_core.jobs.demos import is_default_demo
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import baseline_view
from jepascore_core.trust.evidence import compute_checks, evaluate_planted
from jepascore_core.trust.planted.plan import PLANTED, PlantOptions
from jepascore_core.trust.planted.requests import request_planted


def precompute_trust(store: Store, scores: ScoreSet, is_large: bool = True) -> None:
    """Compute the checks of a dataset, and for a large one the view of its baseline scores, which pages wait for.

    Request planted defects for the demo that the app opens: it takes seconds there, and shows what a verdict is.

    Raises:
        UnknownNameError, DatasetNotReadyError, StoreError: as `dataset_gaussianity`.
    """
    # A store of its own: the columns read for this would stay in the memory of a long-lived one.
    passing = Store(store.home)
    compute_checks(passing, scores)
    if is_large:
        baseline_view(passing, scores)
    if is_default_demo(store.home, store.catalogue.dataset(scores.dataset_id)):
        with suppress(TooFewImagesError):  # where only a part was measured
            request_planted(store, scores, PlantOptions())


def precompute_planted(store: Store, dataset: DatasetRecord, backbone_id: str) -> None:
    """Evaluate a hidden dataset under a backbone if it holds planted defects."""
    if dataset.purpose == PLANTED:
        evaluate_planted(Store(store.home), dataset, backbone_id)
