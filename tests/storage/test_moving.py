"""Datasets whose files went elsewhere, changed unseen, or were uploaded; each with the worker's own functions."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepascore_core.curation import parse
from jepascore_core.curation.decisions import decide, decisions_of, lost_decisions
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.errors import FileChangedError, SourceError, StoreError, UnknownNameError
from jepascore_core.exporters.images import ImageChangedError
from jepascore_core.jobs import process
from jepascore_core.jobs.indexing import build_dataset_index, keep_former_index
from jepascore_core.jobs.requests import move_dataset, moved_root, request_dataset
from jepascore_core.jobs.uploads import request_upload
from jepascore_core.records.datasets import DatasetState, SampleFailure
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.rereads import changed_files, mark_failures
from jepascore_core.storage.uploaded_files import uploads_folder
from tests.conftest import SPEC, add_backbone, make_measurement
from tests.exporters.exporting import export

KEYS = ("a/0.png", "a/1.png", "b/0.png", "b/1.png")


def picture(seed: int, form: str = "PNG") -> bytes:
    sink = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)).save(sink, form)
    return sink.getvalue()


def write(folder: Path, seed: int = 0) -> Path:
    for number, key in enumerate(KEYS):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(picture(seed + number))
    return folder


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """What a worker would do is done by `work`."""
    monkeypatch.setattr(process, "start_worker", lambda *_: False)


def work(store, name="x"):
    """Build the index as the worker does; returns the record."""
    dataset = store.catalogue.dataset(name)
    try:
        message = build_dataset_index(store, dataset, lambda: None)
    except SourceError as error:
        keep_former_index(store, dataset, str(error))
    else:
        store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.READY, message=message)
    return store.catalogue.dataset(name)


def rows(store, name="x"):
    found = Dataset(store.index_folder(store.catalogue.dataset(name)))
    return {sample.sample_key: sample.content_id for sample in found}


@pytest.fixture
def added(store, tmp_path):
    request_dataset(store, "x", str(write(tmp_path / "old")))
    return work(store)


def test_a_moved_folder_keeps_keys_ids_and_decisions(store, added, tmp_path):
    before = rows(store)
    decide(store, added.dataset_id, [("a/1.png", before["a/1.png"])], "drop", "ada")
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(StoreError, match=r"`jepascore datasets move x .*/new`"):
        request_dataset(store, "x", str(tmp_path / "new"))
    move_dataset(store, "x", str(tmp_path / "new"))
    assert store.catalogue.dataset("x").source == str(tmp_path / "old"), "nothing changes until it is compared"
    record = work(store)
    assert (record.state, record.source, record.error) == (DatasetState.READY, str(tmp_path / "new"), None)
    assert record.message.startswith(
        f"Moved to {tmp_path / 'new'}: 4 of 4 samples are there with the same bytes. Now 4 "
    )
    assert rows(store) == before
    assert decisions_of(store, added.dataset_id) == {("a/1.png", before["a/1.png"]): "drop"}
    request_dataset(store, "x", str(tmp_path / "new"))
    assert "4 of them unchanged" in work(store).message


def test_a_symlink_that_leads_elsewhere(store, tmp_path):
    write(tmp_path / "one")
    (tmp_path / "link").symlink_to("one")
    request_dataset(store, "x", str(tmp_path / "link"))
    work(store)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("two")
    move_dataset(store, "x", str(tmp_path / "link"))
    assert work(store).source == str(tmp_path / "two")


def test_another_dataset_is_not_taken_for_the_moved_one(store, added, tmp_path):
    before = rows(store)
    write(tmp_path / "other", seed=100)
    move_dataset(store, "x", str(tmp_path / "other"))
    record = work(store)
    assert (record.state, record.source, record.wanted) == (DatasetState.READY, str(tmp_path / "old"), None)
    assert record.error is not None
    assert record.error.startswith("The dataset did not move: only 0 of 4 samples of x have the same bytes at ")
    assert "--anyway" in record.error
    assert rows(store) == before
    move_dataset(store, "x", str(tmp_path / "other"), anyway=True)
    assert work(store).source == str(tmp_path / "other")
    assert set(rows(store)) == set(before)
    assert not set(rows(store).values()) & set(before.values())


def test_a_move_to_where_keys_differ_says_so_and_decisions_follow(store, added, tmp_path):
    decide(store, added.dataset_id, [("a/1.png", rows(store)["a/1.png"])], "drop", "ada")
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "a").rename(tmp_path / "new" / "alpha")
    (tmp_path / "old" / "b").rename(tmp_path / "new" / "b")
    move_dataset(store, "x", str(tmp_path / "new"))
    assert "4 of 4 samples are there with the same bytes, 2 of them under another key" in work(store).message
    assert [key for key, _ in decisions_of(store, added.dataset_id)] == ["alpha/1.png"]
    assert lost_decisions(store, added.dataset_id) == ()


def test_a_table_takes_its_root_along(store, tmp_path):
    write(tmp_path / "old" / "images")
    (tmp_path / "old" / "t.csv").write_text("path,label\n" + "".join(f"{key},c\n" for key in KEYS))
    options = SourceOptions(root=str(tmp_path / "old" / "images"))
    request_dataset(store, "x", str(tmp_path / "old" / "t.csv"), options)
    work(store)
    before = rows(store)
    (tmp_path / "old").rename(tmp_path / "new")
    move_dataset(store, "x", str(tmp_path / "new" / "t.csv"))
    record = work(store)
    assert (record.error, record.options["root"]) == (None, str(tmp_path / "new" / "images"))
    assert rows(store) == before


@pytest.mark.parametrize(
    ("root", "moved"),
    [(None, None), ("/d/old/x", "/d/new/x"), ("/d/old", "/d/new"), ("/elsewhere", "/elsewhere"), ("/d/y", "/d/y")],
)
def test_where_a_root_is_after_a_move(root, moved):
    assert moved_root(root, Path("/d/old"), Path("/d/new")) == moved


def test_moves_that_cannot_be(store, added, tmp_path):
    with pytest.raises(UnknownNameError):
        move_dataset(store, "y", str(tmp_path))
    with pytest.raises(SourceError, match="does not exist"):
        move_dataset(store, "x", str(tmp_path / "nowhere"))
    assert store.catalogue.dataset("x").state is DatasetState.READY


# Files that changed and look as before


def rot(path: Path, seed: int) -> None:
    """Other bytes of the same length, with the same time."""
    found, data = path.stat(), path.read_bytes()
    image = Image.open(io.BytesIO(data))
    for attempt in range(seed, seed + 2000):
        other = picture(attempt)
        if len(other) == len(data) and other != data:
            break
    else:
        pytest.fail(f"no other image of {len(data)} bytes ({image.size})")
    path.write_bytes(other)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_a_file_that_an_export_found_changed_is_read_again(store, added, tmp_path):
    before = rows(store)
    rot(tmp_path / "old" / "a" / "1.png", 1000)
    backbone = add_backbone(store)
    store.write_measurements(
        backbone.backbone_id, SPEC, [make_measurement(content_id, 1.0) for content_id in before.values()]
    )
    scores = ScoreSet(added.dataset_id, SPEC.key(backbone.backbone_id))
    request_dataset(store, "x", str(tmp_path / "old"))
    work(store)
    assert rows(store) == before, "size and time do not tell"
    with pytest.raises(ImageChangedError, match=r"a/1\.png changed since it was indexed"):
        export(store, scores, parse(""), tmp_path / "tree", file_format="tree")
    assert list(changed_files(store.catalogue, added.dataset_id)) == [str(tmp_path / "old" / "a" / "1.png")]
    request_dataset(store, "x", str(tmp_path / "old"))
    assert "3 of them unchanged" in work(store).message
    assert {key for key, content_id in rows(store).items() if content_id != before[key]} == {"a/1.png"}
    assert changed_files(store.catalogue, added.dataset_id) == {}


def test_a_run_marks_only_what_changed(store, added):
    changed = SampleFailure("a", "/a", "read", FileChangedError.__name__, str(FileChangedError()))
    mark_failures(store.catalogue, added.dataset_id, [changed, SampleFailure("b", "/b", "decode", "OSError", "broken")])
    assert list(changed_files(store.catalogue, added.dataset_id)) == ["/a"]


def test_reread_reads_everything_again_also_after_a_stop(store, added, tmp_path):
    before = rows(store)
    rot(tmp_path / "old" / "b" / "0.png", 5000)
    request_dataset(store, "x", str(tmp_path / "old"), reread=True)
    assert work(store).message == "4 samples, 0 failed"
    assert {key for key, content_id in rows(store).items() if content_id != before[key]} == {"b/0.png"}
    request_dataset(store, "x", str(tmp_path / "old"))
    assert "4 of them unchanged" in work(store).message


# Uploads


def archive(seed: int) -> io.BytesIO:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as opened:
        for number, key in enumerate(KEYS):
            opened.writestr(zipfile.ZipInfo(key), picture(seed + number))  # always of the same time
    sink.seek(0)
    return sink


def uploads(store):
    return sorted(path.name for path in uploads_folder(store.home).iterdir())


def test_an_upload_never_replaces_a_dataset_unasked(store):
    request_upload(store, "x", archive(0))
    work(store)
    before, kept = rows(store), uploads(store)
    with pytest.raises(StoreError, match="The name 'x' is taken by a dataset with 4 samples of other images"):
        request_upload(store, "x", archive(100))
    assert (uploads(store), rows(store)) == (kept, before)
    request_upload(store, "x", archive(100), replace=True)
    record = work(store)
    assert (record.error, uploads(store)) == (None, [Path(record.source).name])
    assert uploads(store) != kept
    assert not set(rows(store).values()) & set(before.values())


def test_an_upload_goes_with_its_last_dataset(store):
    for name in ("x", "y"):
        request_upload(store, name, archive(0))
        work(store, name)
    assert len(uploads(store)) == 1
    store.remove_dataset(store.catalogue.dataset("x"))
    assert len(uploads(store)) == 1
    store.remove_dataset(store.catalogue.dataset("y"))
    assert uploads(store) == []


def test_what_is_no_archive_is_not_kept(store):
    with pytest.raises(StoreError, match="not a valid name"):
        request_upload(store, " ", archive(0))
    assert uploads(store) == []


def test_removing_a_dataset_never_touches_a_source_elsewhere(store, tmp_path):
    (tmp_path / "mine.zip").write_bytes(archive(0).getvalue())
    request_dataset(store, "x", str(tmp_path / "mine.zip"))
    store.remove_dataset(work(store))
    assert (tmp_path / "mine.zip").is_file()
