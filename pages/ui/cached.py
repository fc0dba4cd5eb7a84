"""The only place for caches; every one is bounded, and its key holds all that its value depends on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jepascore_core.curation.preparing import Work, slow_companions
from jepascore_core.home import home_folder
from jepascore_core.store import Store
from jepascore_core.trust.agreement import CompanionView
from jepascore_core.trust.agreement import companion_view as _work_out_companions
from jepascore_core.trust.gaussianity import Gaussianity, dataset_gaussianity
from jepascore_core.views.score_set import ScoreSet, freshness


def store() -> Store:
    """The store of the present home folder, shared by all visitors and by the image routes."""
    return _store(home_folder())


@lru_cache(maxsize=2)
def _store(home: Path) -> Store:
    return Store(home)


def gaussianity(scores: ScoreSet) -> Gaussianity:
    """How Gaussian the stored embeddings behind a score set are; worked out again when there are more of them."""
    return _gaussianity(store(), scores, freshness(store(), scores))


@lru_cache(maxsize=16)
def _gaussianity(kept: Store, scores: ScoreSet, _fresh: str) -> Gaussianity:
    return dataset_gaussianity(kept, scores)


def companion_view(scores: ScoreSet) -> CompanionView:
    """Companions beside a score set, likewise; and when one was worked out meanwhile."""
    return _companion_view(store(), scores, freshness(store(), scores), slow_companions(store(), scores))


@lru_cache(maxsize=16)
def _companion_view(kept: Store, scores: ScoreSet, _fresh: str, _pending: tuple[Work, ...]) -> CompanionView:
    return _work_out_companions(kept, scores)
