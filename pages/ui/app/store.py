"""The store that all visitors share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jepascore_core.storage.home import home_folder
from jepascore_core.storage.store import Store


def store() -> Store:
    """The store of the present home folder, shared by all visitors and by the image routes."""
    return _store(home_folder())


@lru_cache(maxsize=2)
def _store(home: Path) -> Store:
    return Store(home)
