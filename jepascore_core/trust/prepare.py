"""Compute after a run what the Trust page of a large dataset would wait for."""

from __future__ import annotations

from contextlib import suppress

from jepascore_core.errors import TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import companion_view
from jepascore_core.trust.gaussianity import dataset_gaussianity


def prepare_trust(store: Store, scores: ScoreSet) -> None:
    """Cache the numbers of the Trust page beside the materialized embeddings.

    Raises:
        UnknownNameError, DatasetNotReadyError, StoreError: as `dataset_gaussianity`.
    """
    # A store of its own: the columns read for this would stay in the memory of a long-lived one.
    passing = Store(store.home)
    with suppress(TooFewImagesError):
        dataset_gaussianity(passing, scores)
    companion_view(passing, scores)
