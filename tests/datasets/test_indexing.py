"""Indexes: the counters' law, order, reuse, and that stopping anywhere changes nothing in the end."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.index_writer import FIRST_PART
from jepascore_core.datasets.indexing import IndexProgress, build_index
from jepascore_core.datasets.manifest import Dataset, failure_parts, manifest_parts
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.datasets.thumbnails import thumbnail_path
from jepascore_core.errors import RunCancelled, SourceError, StoreError
from jepascore_core.records.datasets import Sample
from tests.datasets.conftest import Place, stop_at
from tests.datasets.images import encode, noise, write_image
from tests.datasets.test_reading import write_idx


def test_a_sample_gets_everything(place: Place):
    result = place.index()
    assert result == IndexProgress(total=150, indexed=135, failed=15)
    assert place.reports[-1] == result
    samples, failures = place.rows()
    path = place.source / "c1" / "001.png"
    data = path.read_bytes()
    (row,) = [row for row in samples if row.sample_key == "c1/001.png"]
    expected = Sample(
        "c1/001.png", str(path), "c1", None, content_id(data), 32, 24, len(data), path.stat().st_mtime_ns, {}
    )
    assert row.quality is not None
    assert replace(row, quality=None) == expected
    assert thumbnail_path(place.thumbs, row.content_id).is_file()
    assert {Path(failure.sample_key).stem[-1] for failure in failures} == {"9"}


def test_rows_are_in_the_order_of_the_scan_whatever_the_threads_do(place: Place):
    place.index(num_threads=8, part_size=11)
    keys = [row.sample_key for row in Dataset(place.root / "v1")]
    assert keys == sorted(keys)
    assert len(manifest_parts(place.root / "v1")) > 5


def test_the_first_images_are_there_long_before_the_last(place: Place):
    seen: list[int] = []

    def look(progress: IndexProgress) -> None:
        if progress.indexed < 135:
            seen.append(sum(part.num_rows for part in map(pq.read_metadata, manifest_parts(place.root / "v1"))))

    place.index(on_progress=look)
    assert FIRST_PART // 2 <= max(seen) < 135
    sizes = [pq.read_metadata(part).num_rows for part in manifest_parts(place.root / "v1")]
    assert sum(sizes) == 135


def test_nothing_but_parts_is_left_in_the_folder(place: Place):
    place.index()
    names = {(path.name.split("-")[0], path.suffix) for path in (place.root / "v1").iterdir()}
    assert names == {("manifest", ".parquet"), ("failures", ".parquet")}


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 7, 9, 11])
def test_stopping_at_any_report_and_resuming_gives_the_same_index(place: Place, call: int):
    place.index("whole")
    with pytest.raises(RunCancelled):
        place.index("v1", on_progress=stop_at(call), num_threads=2, part_size=20)
    done = len(Dataset(place.root / "v1")) if manifest_parts(place.root / "v1") else 0
    assert done >= place.reports[-1].indexed, "what was finished is kept"
    place.reports.clear()
    assert place.index("v1", num_threads=2, part_size=20) == IndexProgress(total=150, indexed=135, failed=15)
    assert place.reports[0].indexed == done, "and not done again"
    assert place.rows("v1") == place.rows("whole")


def test_what_was_finished_ahead_of_the_report_that_stops_is_kept_too(place: Place):
    def wait_then_stop(progress: IndexProgress) -> None:
        deadline = time.monotonic() + 30
        while progress.indexed and time.monotonic() < deadline:
            if len(list(place.thumbs.rglob("*.webp"))) > progress.indexed + 16:  # more than one chunk ahead
                raise RunCancelled("stopped by the test")

    with pytest.raises(RunCancelled):
        place.index(on_progress=wait_then_stop, num_threads=1)
    assert len(Dataset(place.root / "v1")) > place.reports[-1].indexed


def test_a_finished_index_is_not_done_again(place: Place):
    place.index()
    parts = {path: path.stat().st_mtime_ns for path in (place.root / "v1").iterdir()}
    shutil.rmtree(place.thumbs)
    assert place.index() == IndexProgress(total=150, indexed=135, failed=15)
    assert {path: path.stat().st_mtime_ns for path in (place.root / "v1").iterdir()} == parts
    assert not place.thumbs.exists(), "no image was read"


@pytest.mark.parametrize("call", [5, 9])
def test_a_process_that_is_killed_loses_nothing_that_was_written(place: Place, call: int):
    program = f"""
        import os, sys
        from pathlib import Path
        from jepascore_core.datasets.indexing import build_index
        from jepascore_core.datasets.sources import SourceOptions
        calls = 0
        def die(progress):
            global calls
            calls += 1
            if calls == {call}:
                os.kill(os.getpid(), 9)
        root = Path(sys.argv[1])
        build_index(root / "source", SourceOptions(), root / "v1", root / "thumbs", root / "work", None, die, 20, 2)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(place.root)], check=False)
    assert killed.returncode == -9
    assert (place.root / "v1" / "scan.tmp").exists()
    assert place.index() == IndexProgress(total=150, indexed=135, failed=15)
    place.index("whole")
    assert place.rows("v1") == place.rows("whole")
    assert not (place.root / "v1" / "scan.tmp").exists()


def test_a_crash_between_the_two_halves_of_a_part_repeats_only_the_samples(place: Place):
    place.index(part_size=40)
    manifest_parts(place.root / "v1")[-1].unlink()
    failures = failure_parts(place.root / "v1")
    assert place.index(part_size=40) == IndexProgress(total=150, indexed=135, failed=15)
    assert failure_parts(place.root / "v1") == failures
    place.index("whole")
    assert place.rows("v1") == place.rows("whole")


def test_what_was_done_to_an_image_is_recorded_and_kept_on_reuse(tmp_path: Path):
    place = Place(tmp_path)
    (place.source / "c").mkdir(parents=True)
    deep = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80
    (place.source / "c" / "deep.png").write_bytes(encode(Image.fromarray(deep), "PNG"))
    write_image(place.source / "c" / "plain.png")
    place.index()
    parts = manifest_parts(place.root / "v1")
    place.index()
    assert manifest_parts(place.root / "v1") == parts, "a note is no change of the sample"
    place.index("v2", previous="v1")
    for name in ("v1", "v2"):
        deep_row, plain_row = place.rows(name)[0]
        assert "65535" in deep_row.metadata["decoding"]
        assert plain_row.metadata == {}


def test_files_that_vanish_after_the_scan_are_failures(place: Place):
    def remove(progress: IndexProgress) -> None:
        if progress.total == 150 and progress.pending == 150:
            for path in list(place.source.rglob("*.png"))[:20]:
                path.unlink()

    result = place.index(on_progress=remove)
    assert (result.total, result.pending) == (150, 0)
    _, failures = place.rows()
    assert sum(failure.stage == "read" and "does not exist" in failure.message for failure in failures) == 20


def test_a_file_that_changes_after_the_scan_is_indexed_as_it_is_read(place: Place):
    path = place.source / "c0" / "000.png"

    def change(progress: IndexProgress) -> None:
        if progress.total == 150 and progress.pending == 150:
            write_image(path, 4321)

    place.index(on_progress=change)
    row = Dataset(place.root / "v1").sample("c0/000.png")
    assert row.content_id == content_id(path.read_bytes())
    assert (row.num_bytes, row.modified_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_equal_images_share_content_id_and_preview(tmp_path: Path):
    place = Place(tmp_path)
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        write_image(place.source / name, seed=7)
    place.index(num_threads=8)
    samples, _ = place.rows()
    assert len({row.content_id for row in samples}) == 1
    assert len(list(place.thumbs.rglob("*.webp"))) == 1


def test_a_source_in_which_nothing_can_be_read_has_failures_and_an_empty_manifest(tmp_path: Path):
    place = Place(tmp_path)
    place.source.mkdir()
    (place.source / "a.png").write_bytes(b"x")
    assert place.index() == IndexProgress(total=1, failed=1)
    assert len(manifest_parts(place.root / "v1")) == 1
    assert len(Dataset(place.root / "v1")) == 0


def test_a_source_without_images_says_what_it_passed_over(tmp_path: Path):
    place = Place(tmp_path)
    place.source.mkdir()
    (place.source / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"no image.*1 \.txt"):
        build_index(
            place.source, SourceOptions(kind="flat"), tmp_path / "v1", place.thumbs, place.work, None, lambda _: None
        )
    (tmp_path / "t.csv").write_text("path\n")
    with pytest.raises(SourceError, match="no image"):
        place.index(source=tmp_path / "t.csv")


def test_a_full_disk_stops_the_index_instead_of_failing_every_sample(place: Place):
    place.thumbs.write_text("a file where the previews should be")
    with pytest.raises(StoreError, match="preview"):
        place.index()
    place.thumbs.unlink()
    assert place.index() == IndexProgress(total=150, indexed=135, failed=15)


def test_an_unexpected_error_of_the_caller_keeps_what_was_finished(place: Place):
    def fail(progress: IndexProgress) -> None:
        if progress.indexed > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.index(on_progress=fail)
    assert len(Dataset(place.root / "v1")) > 40


def test_a_zip_is_indexed_reused_and_read_anew_when_it_changes(tmp_path: Path):
    place = Place(tmp_path)
    archive = tmp_path / "a.zip"
    for count in (5, 6):
        with zipfile.ZipFile(archive, "w") as opened:
            for number in range(count):
                opened.writestr(f"set/c{number % 2}/{number}.png", encode(noise(number), "PNG"))
        os.utime(archive, ns=(count, count))
        earlier = "v5" if count == 6 else None
        assert place.index(f"v{count}", previous=earlier, source=archive).reused == 0
        assert place.index(f"w{count}", previous=f"v{count}", source=archive).reused == count
    assert [row.label for row in place.rows("w6")[0]] == ["c0", "c0", "c0", "c1", "c1", "c1"]
    assert Dataset(tmp_path / "v5").image("c0/0.png").size == (32, 24), "the index before it still has its images"


def test_a_stop_while_a_zip_is_unpacked_is_heard(tmp_path: Path):
    place = Place(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        for number in range(5):
            opened.writestr(f"{number}.png", encode(noise(number), "PNG"))
    with pytest.raises(RunCancelled):
        place.index(source=tmp_path / "a.zip", on_progress=stop_at(3))
    assert place.index(source=tmp_path / "a.zip").indexed == 5


def test_idx_items_are_reused_until_the_file_changes(tmp_path: Path):
    place = Place(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    path = write_idx(tmp_path / "train-images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(40) % 10)
    assert place.index(source=path).indexed == 40
    assert place.index("v2", previous="v1", source=path).reused == 40
    os.utime(path, ns=(1, 1))
    assert place.index("v3", previous="v2", source=path).reused == 0
    row = place.rows("v3")[0][13]
    assert (row.sample_key, row.label, row.split) == ("train/00013", "3", "train")
    np.testing.assert_array_equal(np.asarray(Dataset(tmp_path / "v3").image(row))[..., 0], images[13])


def test_importing_the_room_loads_neither_torch_nor_streamlit():
    program = (
        "import sys, jepascore_core.datasets.indexing; "
        "print([name for name in ('torch', 'streamlit', 'sqlite3') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.slow
def test_memory_stays_flat_however_many_samples_there_are(tmp_path: Path):
    images = np.repeat(np.arange(10, dtype=np.uint8), 64 * 64).reshape(10, 64, 64).repeat(3_000, axis=0)
    write_idx(tmp_path / "train-images-idx3-ubyte", images[:, :8, :8])
    program = f"""
        import resource, sys
        from pathlib import Path
        from jepascore_core.datasets.indexing import build_index
        from jepascore_core.datasets.sources import SourceOptions
        root = Path({str(tmp_path)!r})
        peaks = []
        def peak(progress):
            if progress.indexed in (4_000, 30_000):
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        build_index(root, SourceOptions(), root / "v1", root / "thumbs", root / "work", None, peak)
        print(peaks[-1] - peaks[0])
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) < 20_000, "kilobytes for 26,000 samples"
