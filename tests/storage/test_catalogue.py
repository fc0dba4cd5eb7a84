"""The catalogue: identity, updates, near matches, migrations, many writers."""

import sqlite3
import threading

import pytest

from jepascore_core.errors import StoreError, UnknownNameError
from jepascore_core.records.backbones import BackboneRef
from jepascore_core.records.datasets import DatasetState, SampleFailure
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import ResolvedRequest
from jepascore_core.records.runs import ProbeResult, RunState
from jepascore_core.storage.catalogue import Catalogue
from jepascore_core.storage.migrations import MIGRATIONS

REF = BackboneRef("timm:vit", mean=(0.5, 0.5, 0.5))
SPEC = MeasurementSpec()


@pytest.fixture
def catalogue(tmp_path):
    return Catalogue(tmp_path / "catalogue.sqlite")


@pytest.fixture
def dataset(catalogue):
    return catalogue.add_dataset("flowers", "/data/flowers", "imagefolder", {"root": None})


def test_a_dataset_is_found_by_name_and_id(catalogue, dataset):
    assert catalogue.dataset("flowers") == catalogue.dataset(dataset.dataset_id) == dataset
    assert dataset.state is DatasetState.INDEXING
    assert catalogue.find_dataset("other") is None


def test_a_name_is_taken_once(catalogue, dataset):
    with pytest.raises(StoreError, match="already"):
        catalogue.add_dataset("flowers", "/elsewhere", "flat", {})


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, " a", "a\n", "a\nb", "a\x1bb"])
def test_a_name_is_seen_as_it_is(catalogue, name):
    with pytest.raises(StoreError, match="1 to 100"):
        catalogue.add_dataset(name, "/x", "flat", {})


def test_an_unknown_name_lists_near_matches(catalogue, dataset):
    with pytest.raises(UnknownNameError, match='Did you mean "flowers"'):
        catalogue.dataset("flower")


def test_an_unknown_name_lists_a_few_of_many(catalogue):
    for number in range(30):
        catalogue.add_dataset(f"flowers {number}", f"/{number}", "flat", {})
    with pytest.raises(UnknownNameError) as error:
        catalogue.dataset("zzz")
    assert str(error.value).count("flowers") == 10
    assert str(error.value).endswith(" and 20 more.")


def test_updates_are_read_back(catalogue, dataset):
    catalogue.update_dataset(dataset.dataset_id, state=DatasetState.READY, num_total=5, num_indexed=3, num_failed=1)
    found = catalogue.dataset("flowers")
    assert (found.state, found.num_pending) == (DatasetState.READY, 1)


def test_asking_twice_for_an_active_run_gives_the_same_run(catalogue, dataset):
    first = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    assert catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto")).run_id == first.run_id
    catalogue.update_run(first.run_id, state=RunState.FINISHED)
    assert catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto")).run_id != first.run_id


def test_a_run_that_is_being_cancelled_is_not_joined(catalogue, dataset):
    first = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    catalogue.update_run(first.run_id, cancel_requested=1)
    assert catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto")).run_id != first.run_id


def test_a_run_keeps_what_was_asked_for(catalogue, dataset):
    run = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "cuda:1"))
    assert (run.backbone, run.spec, run.device, run.state) == (REF, SPEC, "cuda:1", RunState.QUEUED)


def test_rate_and_counters_tell_the_time_left(catalogue, dataset):
    run = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    assert run.seconds_left is None
    catalogue.update_run(run.run_id, num_total=10, num_measured=4, num_failed=1, rate=2.5)
    assert catalogue.run(run.run_id).seconds_left == pytest.approx(2.0)


def test_active_runs_and_runs_of_a_dataset(catalogue, dataset):
    other = catalogue.add_dataset("digits", "/data/digits", "flat", {})
    ended = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    catalogue.update_run(ended.run_id, state=RunState.CANCELLED)
    active = catalogue.add_run(ResolvedRequest(other.dataset_id, REF, SPEC, "auto"))
    assert [run.run_id for run in catalogue.runs(active_only=True)] == [active.run_id]
    assert [run.run_id for run in catalogue.runs(dataset.dataset_id)] == [ended.run_id]


def test_failures_are_kept_per_image_and_can_be_cleared(catalogue, dataset):
    run = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    failure = SampleFailure("a.png", "/a.png", "decode", "OSError", "truncated", content_id="ab")
    catalogue.add_run_failures(run.run_id, [failure])
    catalogue.add_run_failures(run.run_id, [failure])
    assert catalogue.run_failures(run.run_id) == [failure]
    catalogue.clear_run_failures(run.run_id)
    assert catalogue.run_failures(run.run_id) == []


def test_removing_a_dataset_removes_its_runs(catalogue, dataset):
    run = catalogue.add_run(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    catalogue.remove_dataset(dataset.dataset_id)
    with pytest.raises(UnknownNameError):
        catalogue.run(run.run_id)


def test_a_probe_is_answered(catalogue, dataset):
    probe = catalogue.add_probe(ResolvedRequest(dataset.dataset_id, REF, SPEC, "auto"))
    assert catalogue.queued_probes() == [probe]
    result = ProbeResult("id", 64, "cpu", 10, 4, 0.5, 0)
    catalogue.update_probe(probe.probe_id, state="finished", result=result.to_dict())
    assert catalogue.probe(probe.probe_id).result == result
    assert result.seconds_total == pytest.approx(2.0)
    assert catalogue.queued_probes() == []


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    Catalogue(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="newer release"):
        Catalogue(path)


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"not a database, but long enough to look like one" * 50)
    with pytest.raises(StoreError, match="cannot be used"):
        Catalogue(path)


def test_many_threads_may_open_and_write_at_once(tmp_path):
    errors = []

    def work(number):
        try:
            catalogue = Catalogue(tmp_path / "catalogue.sqlite")
            catalogue.add_dataset(f"dataset {number}", "/x", "flat", {})
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(Catalogue(tmp_path / "catalogue.sqlite").datasets()) == 12


def test_reads_within_a_block_share_a_connection_and_see_what_is_written_meanwhile(
    catalogue, dataset, monkeypatch: pytest.MonkeyPatch
):
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: opened.append(args) or connect(*args, **options))
    with catalogue.connected(), catalogue.connected():
        assert catalogue.dataset("flowers").num_total == 0
        assert len(catalogue.datasets()) == 1
        assert len(opened) == 1
        others = []
        thread = threading.Thread(target=lambda: others.append(catalogue.add_dataset("birds", "/birds", "flat", {})))
        thread.start()
        thread.join()
        catalogue.update_dataset(dataset.dataset_id, num_total=7)
        assert len(opened) > 1, "another thread, and writes, have connections of their own"
        now = len(opened)
        assert {item.name for item in catalogue.datasets()} == {"birds", "flowers"}
        assert catalogue.dataset("flowers").num_total == 7
        assert len(opened) == now
    catalogue.datasets()
    assert len(opened) == now + 1


def test_errors_within_a_block_are_those_of_the_catalogue(catalogue):
    with catalogue.connected():
        with pytest.raises(StoreError, match="cannot be used: no such table"):
            catalogue._rows("SELECT * FROM absent")
        assert catalogue.datasets() == []
