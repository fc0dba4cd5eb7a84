"""A worker in the thread of the test, and its store."""

import pytest

from jepascore_core.jobs import process
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose requests start no process: tests run the worker themselves."""
    monkeypatch.setattr(process, "start_worker", lambda *_: False)
    store = Store(tmp_path / "home")
    yield store
    assert audit(store) == []


@pytest.fixture
def worker(store):
    return Worker(store)
