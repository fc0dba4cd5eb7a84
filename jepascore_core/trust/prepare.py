"""What Trust would wait for at a large dataset, worked out after a run."""

from __future__ import annotations

from contextlib import suppress

from jepascore_core.errors import TooFewImagesError
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import companion_view
from jepascore_core.trust.gaussianity import dataset_gaussianity


def prepare_trust(store: Store, scores: ScoreSet) -> None:
    """Keep its numbers beside the laid out embeddings.

    Raises:
        UnknownNameError, DatasetNotReadyError, StoreError: as `dataset_gaussianity`.
    """
    # A store of its own: the columns that are read for it would stay in the memory of one that lives on.
    passing = Store(store.home)
    with suppress(TooFewImagesError):
        dataset_gaussianity(passing, scores)
    companion_view(passing, scores)
