"""Requests: what they queue, and how many workers they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from jepascore_core.jobs import process
from jepascore_core.jobs.demos import DEFAULT_DEMO, DEMOS
from jepascore_core.jobs.requests import follow, request_demo, request_probe, request_run
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetRecord, DatasetState
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import CostProbe, ProbeState, Run, RunState
from jepascore_core.storage.store import Store
from tests.conftest import add_dataset, make_samples, make_store


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Home folders that a worker was started for; none is, as for one that has not taken its lock yet."""
    homes: list[Path] = []
    monkeypatch.setattr(process, "start_worker", homes.append)
    return homes


def test_the_demo_starts_one_worker(store: Store, started: list[Path]) -> None:
    runs = request_demo(store)
    assert [run.backbone.name for run in runs] == list(DEFAULT_DEMO.backbones)
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


def test_work_of_any_kind_is_followed_until_its_state_is_no_longer_active(store: Store, started: list[Path]) -> None:
    """Every look changes the state, as a worker would."""
    dataset, catalogue = add_dataset(store, "d", make_samples("ab")), store.catalogue
    request = MeasurementRequest("d", BackboneRef("bundled:digits-vit"))
    run_id, probe_id = request_run(store, request).run_id, request_probe(store, request).probe_id
    assert started == [store.home] * 2
    run_states = iter([RunState.QUEUED, RunState.RUNNING, RunState.FAILED])
    probe_states = iter([ProbeState.QUEUED, ProbeState.FINISHED])
    index_states = iter([DatasetState.INDEXING, DatasetState.INDEXING, DatasetState.READY])

    def look_at_run() -> Run:
        catalogue.update_run(run_id, state=next(run_states))
        return catalogue.run(run_id)

    def look_at_probe() -> CostProbe:
        catalogue.update_probe(probe_id, state=next(probe_states))
        return catalogue.probe(probe_id)

    def look_at_dataset() -> DatasetRecord:
        catalogue.update_dataset(dataset.dataset_id, state=next(index_states))
        return catalogue.dataset(dataset.dataset_id)

    assert [work.state.value for work in follow(store, look_at_run, 0.0)] == ["queued", "running", "failed"]
    assert [work.state.value for work in follow(store, look_at_probe, 0.0)] == ["queued", "finished"]
    assert [work.state.value for work in follow(store, look_at_dataset, 0.0)] == ["indexing", "indexing", "ready"]


def test_what_ended_before_is_seen_once(store: Store, started: list[Path]) -> None:
    add_dataset(store, "d", make_samples("ab"))
    run = request_run(store, MeasurementRequest("d", BackboneRef("bundled:digits-vit")))
    store.catalogue.update_run(run.run_id, state=RunState.CANCELLED)
    assert [work.run_id for work in follow(store, lambda: store.catalogue.run(run.run_id))] == [run.run_id]
    assert started == [store.home]


def test_demos_stand_beside_each_other(store: Store, started: list[Path]) -> None:
    asked = {name: request_demo(store, demo) for name, demo in DEMOS.items()}
    for name, runs in asked.items():
        assert tuple(run.backbone.name for run in runs) == DEMOS[name].backbones
    datasets = {dataset.name: Path(dataset.source) for dataset in store.catalogue.datasets()}
    assert set(datasets) == {demo.name for demo in DEMOS.values()}
    assert all(path.is_file() for path in datasets.values())
    assert DEFAULT_DEMO in DEMOS.values()
