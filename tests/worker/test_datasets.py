"""The worker on datasets: indexes that are made, made again, fail and are cancelled."""

import time
from dataclasses import replace

from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.jobs import indexing
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import cancel_dataset, request_dataset, resume_dataset
from jepascore_core.records.datasets import DatasetState
from jepascore_core.worker.heartbeat import HEARTBEAT_SECONDS
from tests.worker.sources import indexed, write_images


def test_a_dataset_whose_source_vanished_stays_what_it_was_and_says_why(store, worker, tmp_path):
    folder = write_images(tmp_path / "images", 3)
    (folder / "a" / "broken.png").write_bytes(b"not an image")
    (folder / "notes.txt").write_text("not an image either")
    dataset = indexed(store, worker, folder)
    assert dataset.ignored == {".txt": 1}
    folder.rename(tmp_path / "elsewhere")
    resume_dataset(store, dataset.dataset_id)
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    after = store.catalogue.dataset("toy")
    assert "does not exist" in after.error
    assert replace(after, error=None, heartbeat=None) == replace(dataset, heartbeat=None)

    (tmp_path / "elsewhere").rename(folder)
    after = indexed(store, worker, folder)
    assert (after.error, after.num_indexed, after.num_failed) == (None, 3, 1)


def test_a_source_that_cannot_be_read_the_first_time_has_failed(store, worker, tmp_path):
    folder = write_images(tmp_path / "images", 3)
    dataset = request_dataset(store, "toy", str(folder))
    folder.rename(tmp_path / "elsewhere")
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    after = store.catalogue.dataset("toy")
    assert (after.state, after.version, after.error) == (DatasetState.FAILED, None, None)
    assert "does not exist" in after.message


def test_options_of_an_attempt_that_failed_are_forgotten(store, worker, tmp_path):
    write_images(tmp_path / "images", 2)
    table = tmp_path / "t.csv"
    paths = sorted(path.relative_to(tmp_path) for path in (tmp_path / "images").rglob("*.png"))
    table.write_text("path,label\n" + "".join(f"{path},cat\n" for path in paths))
    dataset = indexed(store, worker, table)
    request_dataset(store, "toy", str(table), SourceOptions(kind="zip", label_column="nothing"))
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    after = store.catalogue.dataset("toy")
    assert (after.kind, after.options, after.wanted) == (dataset.kind, dataset.options, None)
    assert (after.state, bool(after.error)) == (DatasetState.READY, True)


def test_options_that_are_asked_for_while_an_index_is_made_are_those_of_the_next(store, worker, tmp_path, monkeypatch):
    folder = write_images(tmp_path / "images", 2)
    indexed(store, worker, folder)
    made = indexing.build_index

    def build(*arguments, **options):
        request_dataset(store, "toy", str(folder), SourceOptions(kind="flat"))
        return made(*arguments, **options)

    monkeypatch.setattr(indexing, "build_index", build)
    indexed(store, worker, folder)
    assert store.catalogue.dataset("toy").kind == "imagefolder"
    assert store.catalogue.dataset("toy").wanted["kind"] == "flat"


def test_options_of_a_complete_index_hold_until_others_are_given(store, worker, tmp_path):
    write_images(tmp_path / "images", 2)
    table = tmp_path / "t.csv"
    paths = sorted(path.relative_to(tmp_path) for path in (tmp_path / "images").rglob("*.png"))
    table.write_text("foto,fine,label\n" + "".join(f"{path},cat,animal\n" for path in paths))

    def labels(**options):
        dataset = request_dataset(store, "toy", str(table), SourceOptions(**options))
        worker.handle(JobKind.INDEX, dataset.dataset_id)
        dataset = store.catalogue.dataset("toy")
        assert dataset.state is DatasetState.READY, dataset.message
        return {row["label"] for row in store.query(store.manifest_sql(dataset)).to_pylist()}

    # What never came to an index does not stick.
    request_dataset(store, "toy", str(table), SourceOptions(kind="zip"))
    worker.handle(JobKind.INDEX, store.catalogue.dataset("toy").dataset_id)
    assert labels(path_column="foto", label_column="fine") == {"cat"}
    assert labels() == {"cat"}
    assert labels(label_column="") == {"animal"}
    assert labels() == {"animal"}


def test_a_root_is_meant_from_where_it_was_given(store, worker, tmp_path, monkeypatch):
    write_images(tmp_path / "images", 2)
    (tmp_path / "lists").mkdir()
    table = tmp_path / "lists" / "t.csv"
    paths = sorted(path.relative_to(tmp_path / "images") for path in (tmp_path / "images").rglob("*.png"))
    table.write_text("path\n" + "".join(f"{path}\n" for path in paths))
    monkeypatch.chdir(tmp_path)
    dataset = request_dataset(store, "toy", "lists/t.csv", SourceOptions(root="images"))
    monkeypatch.chdir(store.home)
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    dataset = store.catalogue.dataset("toy")
    assert (dataset.state, dataset.num_indexed) == (DatasetState.READY, 2), dataset.message


def test_cancelling_an_index_keeps_what_was_read(store, worker, tmp_path):
    folder = write_images(tmp_path / "images", 3)
    dataset = request_dataset(store, "toy", str(folder))
    cancel_dataset(store, dataset.dataset_id)
    worker.stop.set()
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    assert store.catalogue.dataset("toy").state in (DatasetState.CANCELLED, DatasetState.INDEXING)
    worker.stop.clear()
    resume_dataset(store, dataset.dataset_id)
    worker.handle(JobKind.INDEX, dataset.dataset_id)
    assert store.catalogue.dataset("toy").num_indexed == 3


def test_a_dataset_whose_second_reading_is_cancelled_is_what_it_was(store, worker, tmp_path, monkeypatch):
    folder = write_images(tmp_path / "images", 64)
    (folder / "b" / "broken.png").write_bytes(b"not an image")
    before = indexed(store, worker, folder)
    write_images(folder, 80, seed=1)
    monkeypatch.setattr(indexing, "REPORT_SECONDS", 0.0)
    update = store.catalogue.update_dataset

    def cancel_once_some_are_read(dataset_id, **changes):
        update(dataset_id, **changes)
        if 0 < changes.get("num_indexed", 0) < 80 and "num_total" in changes:
            cancel_dataset(store, dataset_id)
            time.sleep(2.5 * HEARTBEAT_SECONDS)

    with monkeypatch.context() as patch:
        patch.setattr(store.catalogue, "update_dataset", cancel_once_some_are_read)
        ended = indexed(store, worker, folder)
    assert (ended.state, ended.version, ended.error) == (DatasetState.CANCELLED, before.version, None)
    assert (ended.num_total, ended.num_indexed, ended.num_failed, ended.rate) == (65, 64, 1, None)
    assert ended.message == indexing.CANCELLED_AGAIN
    unfinished = max(path.name for path in store.index_folder(ended).parent.glob("index-*"))
    resume_dataset(store, ended.dataset_id)
    worker.handle(JobKind.INDEX, ended.dataset_id)
    after = store.catalogue.dataset("toy")
    assert (after.state, after.num_indexed, after.num_failed) == (DatasetState.READY, 80, 1)
    assert after.version == unfinished, "the second attempt goes on where the first one stopped"
