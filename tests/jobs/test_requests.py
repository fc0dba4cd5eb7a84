"""Requests: what they queue, and how many workers they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from jepascore_core.jobs import process
from jepascore_core.jobs.requests import DEMO_BACKBONES, request_demo
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.runs import RunState
from jepascore_core.storage.store import Store
from tests.conftest import make_store


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Home folders that a worker was started for; none is, as for one that has not taken its lock yet."""
    homes: list[Path] = []
    monkeypatch.setattr(process, "start_worker", homes.append)
    return homes


def test_the_demo_starts_one_worker(store: Store, started: list[Path]) -> None:
    runs = request_demo(store)
    assert [run.backbone.name for run in runs] == list(DEMO_BACKBONES)
    assert started == [store.home]


def test_the_demo_asks_for_nothing_twice_and_wakes_whoever_is_to_do_it(tmp_path: Path, started: list[Path]) -> None:
    store = make_store(tmp_path)
    asked = request_demo(store)
    assert request_demo(store) == asked
    assert started == [store.home] * 2
    for run in asked:
        store.catalogue.update_run(run.run_id, state=RunState.FINISHED)
    store.catalogue.update_dataset(asked[0].dataset_id, version="v1", state=DatasetState.READY)
    request_demo(store)
    assert started == [store.home] * 2, "there is nothing left to do"
