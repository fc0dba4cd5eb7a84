"""A source that is indexed again: only what changed is read, whatever interrupts it."""

import os
import shutil
from pathlib import Path

import pytest

from jepascore_core.datasets.indexing import IndexProgress
from jepascore_core.datasets.manifest import Dataset
from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.errors import RunCancelled
from tests.datasets.conftest import Place, stop_at
from tests.datasets.images import write_image


def test_only_what_changed_is_read_again(place: Place):
    place.index()
    changed, touched, removed, added, repaired = (
        place.source / name for name in ("c0/000.png", "c1/001.png", "c2/002.png", "new/x.png", "c0/009.png")
    )
    write_image(changed, 1000)
    os.utime(touched, ns=(5, 5))
    removed.unlink()
    write_image(added, 1001)
    write_image(repaired, 1002)
    result = place.index("v2", previous="v1")
    assert result == IndexProgress(total=150, indexed=136, failed=14, reused=132)
    place.index("fresh")
    assert place.rows("v2") == place.rows("fresh")


def test_a_reused_image_is_not_opened(place: Place):
    place.index()
    for path in place.source.rglob("*.png"):
        times = path.stat()
        path.write_bytes(bytes(times.st_size))  # would fail to decode
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = place.index("v2", previous="v1")
    assert (result.indexed, result.reused, result.failed) == (135, 135, 15)


def test_a_lost_preview_is_made_again(place: Place):
    place.index()
    lost = thumbnail_path(place.thumbs, Dataset(place.root / "v1").sample("c1/001.png").content_id)
    lost.unlink()
    assert place.index("v2", previous="v1").reused == 134
    assert lost.exists()


def test_a_moved_source_is_read_anew(place: Place):
    place.index()
    moved = place.root / "moved"
    shutil.move(place.source, moved)
    assert place.index("v2", previous="v1", source=moved).reused == 0
    assert {row.uri.startswith(str(moved)) for row in place.rows("v2")[0]} == {True}


def test_a_refresh_that_was_interrupted_resumes(place: Place):
    place.index()
    write_image(place.source / "c0" / "000.png", 1000)
    with pytest.raises(RunCancelled):
        place.index("v2", previous="v1", on_progress=stop_at(5), part_size=20, num_threads=2)
    place.index("v2", previous="v1")
    place.index("fresh")
    assert place.rows("v2") == place.rows("fresh")


def test_what_changes_between_stop_and_resume_is_read_again(place: Place):
    with pytest.raises(RunCancelled):
        place.index(on_progress=stop_at(9), part_size=20, num_threads=2)
    finished, failed = place.rows()
    assert len(finished) > 20 and failed
    other, broken = Path(finished[0].uri), Path(failed[0].uri)
    times = broken.stat()
    write_image(other, 1000)
    write_image(broken, 1001)
    os.utime(broken, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy that keeps times
    place.index()
    place.index("fresh")
    assert place.rows() == place.rows("fresh")
    assert {row.uri for row in place.rows()[0]} >= {str(other), str(broken)}


def test_labels_splits_and_columns_of_a_table_are_refreshed_without_reading(place: Place):
    table = place.root / "source" / "t.csv"
    names = [path.relative_to(place.source).as_posix() for path in sorted(place.source.rglob("*.png"))]
    table.write_text("path,label,note,n\n" + "".join(f"{name},old,,1\n" for name in names))
    place.index(source=table)
    table.write_text("path,label,split,note\n" + "".join(f"{name},new,val,{name}\n" for name in names))
    assert place.index("v2", previous="v1", source=table).reused == 135
    samples, _ = place.rows("v2")
    assert {(row.label, row.split) for row in samples} == {("new", "val")}
    assert all(row.metadata == {"note": row.sample_key} for row in samples)


@pytest.mark.parametrize("change", ["label", "row"])
def test_a_table_that_changes_between_stop_and_resume_is_what_counts(place: Place, change: str):
    table = place.root / "source" / "t.csv"
    names = [path.relative_to(place.source).as_posix() for path in sorted(place.source.rglob("*.png"))]
    table.write_text("path,label\n" + "".join(f"{name},old\n" for name in names))
    with pytest.raises(RunCancelled):
        place.index(source=table, on_progress=stop_at(6), part_size=20, num_threads=2)
    assert len(Dataset(place.root / "v1")) > 20
    kept = names[::2] if change == "row" else names
    table.write_text("path,label\n" + "".join(f"{name},{'new' if change == 'label' else 'old'}\n" for name in kept))
    result = place.index(source=table)
    assert result.total == len(kept)
    samples, failures = place.rows()
    assert sorted(row.sample_key for row in [*samples, *failures]) == sorted(kept)
    assert {row.label for row in samples} == {"new" if change == "label" else "old"}
