"""A worker in the thread of the test, and its store."""

import pytest

from jepascore_core import runs
from jepascore_core.store import Store
from jepascore_core.worker import Worker


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose requests start no process: tests run the worker themselves."""
    monkeypatch.setattr(runs, "start_worker", lambda *_: False)
    store = Store(tmp_path / "home")
    yield store
    assert store.check() == []


@pytest.fixture
def worker(store):
    return Worker(store)
