"""Images inside Parquet files: which column, which rows, what is read of the file, and what fails with its reason."""

import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jepascore_core.datasets import parquet_files
from jepascore_core.datasets.item_uris import file_of, item_title
from jepascore_core.datasets.preview import reading_report
from jepascore_core.datasets.reading import UNKNOWN_BYTES, file_state, read_bytes, read_content, state_as_read
from jepascore_core.datasets.row_images import LEFT_OUT, NO_IMAGES, NULL_CELL, SEVERAL
from jepascore_core.datasets.sources import detect_kind
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.views.reading_text import reading_text
from tests.datasets.conftest import Place
from tests.datasets.images import write_image
from tests.datasets.row_files import PAIR, pair, write_rows
from tests.datasets.tars import keys, planned, png


def test_files_of_hugging_face_have_the_same_images_labels_and_splits(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    names = ["cat", "dog", "owl"]
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=names), "size": datasets.Value("int32")}
    )
    for split, count in (("train", 7), ("test", 3)):
        rows = [{"image": pair(png(n), f"{n}.png"), "label": n % 3 if n else -1, "size": n} for n in range(count)]
        made = datasets.Dataset.from_list(rows, features=features)
        (tmp_path / "data").mkdir(exist_ok=True)
        made.to_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet", batch_size=2)
    assert detect_kind(tmp_path) == "parquet"
    found, failures, plan = planned(tmp_path)
    assert (failures, plan.unused, dict(plan.ignored), plan.questions) == ([], [], {}, [])
    truth = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    for split in ("train", "test"):
        ours = [item for item in found if item.split == split]
        assert [item.sample_key for item in ours] == [
            f"data/{split}-00000-of-00001.parquet#{row}" for row in range(len(truth[split]))
        ]
        labels = [None if label < 0 else names[label] for label in truth[split]["label"]]
        assert [item.label for item in ours] == labels
        assert [item.metadata["size"] for item in ours] == list(truth[split]["size"])
        for item, image in zip(ours, truth[split]["image"], strict=True):
            assert Image.open(io.BytesIO(read_bytes(item.uri))).tobytes() == image.tobytes()
    assert plan.metadata_types == {"size": pa.int64(), "image_path": pa.string()}


def test_bytes_are_recognised_by_what_they_begin_with(tmp_path: Path):
    rows = [{"id": n, "blob": b"\0" * 8, "photo": png(n), "tags": ["a"], "kind": "x"} for n in range(7)]
    path = write_rows(tmp_path / "a.parquet", rows)
    assert detect_kind(path) == "parquet"
    found, failures, plan = planned(path, label_column="kind")
    assert failures == []
    assert [read_bytes(item.uri) for item in found] == [png(n) for n in range(7)]
    assert [(item.label, item.metadata) for item in found] == [("x", {"id": n}) for n in range(7)]
    assert (plan.ignored[LEFT_OUT], plan.ignored.examples[LEFT_OUT]) == (2, "blob")
    report = reading_report(path)
    assert (
        "as Parquet files of images (parquet), in a.parquet (images: column photo): 7 samples"
        in reading_text(report).what
    )
    other = write_rows(tmp_path / "b" / "b.parquet", [{"id": 1, "blob": b"no image"}])
    with pytest.raises(SourceError, match=r"no image was recognised in its columns of bytes \(blob\)"):
        planned(other)
    assert keys(planned(other, path_column="blob")[0]) == ["b.parquet#0"]
    with pytest.raises(SourceError, match="holds no bytes of images"):
        planned(path, path_column="id", kind="parquet")
    with pytest.raises(SourceError, match='Unknown column "lable"'):
        planned(path, label_column="lable")
    with pytest.raises(SourceError, match="holds lists, records or bytes"):
        planned(path, label_column="tags")


def test_the_column_is_a_question_where_there_are_several(tmp_path: Path):
    rows = [{"mask": pair(png(9)), "image": pair(png(n)), "fine_label": n} for n in range(3)]
    path = write_rows(tmp_path / "a.parquet", rows, mask=PAIR, image=PAIR)
    found, _, plan = planned(path)
    assert [read_bytes(item.uri) for item in found] == [png(n) for n in range(3)]
    (question,) = plan.questions
    assert question.text == SEVERAL.format(column="image", name="a.parquet", others="mask")
    found, _, plan = planned(path, path_column="mask")
    assert ({read_bytes(item.uri) for item in found}, plan.questions) == ({png(9)}, [])


def test_a_row_without_bytes_reads_the_path_beside_the_file_or_fails(tmp_path: Path):
    write_image(tmp_path / "set" / "img" / "0.png", 5)
    write_image(tmp_path / "secret.png", 6)
    cells = [
        pair(png(1)), pair(None, "img/0.png"), pair(None), None, pair(b""), pair(None, "../secret.png"),
        pair(None, "https://a/b.png"), pair(b"broken"), pair(None, "img/0.png"), pair(None, "gone.png"),
    ]  # fmt: skip
    path = write_rows(tmp_path / "set" / "a.parquet", [{"image": cell} for cell in cells], group=20, image=PAIR)
    found, failures, _ = planned(path)
    assert keys(found) == ["a.parquet#0", "img/0.png", "a.parquet#4", "a.parquet#7", "a.parquet/img/0.png", "gone.png"]
    assert read_bytes(found[1].uri) == (tmp_path / "set" / "img" / "0.png").read_bytes()
    assert [(failure.sample_key, failure.stage) for failure in failures] == [
        ("a.parquet#2", "scan"), ("a.parquet#3", "scan"), ("a.parquet#5", "scan"), ("a.parquet#6", "scan")
    ]  # fmt: skip
    assert failures[0].message == NULL_CELL.format(column="image")
    assert "outside the allowed folders" in failures[2].message
    assert "Web addresses are not fetched" in failures[3].message
    with pytest.raises(SampleError, match="The cell of row 4 in column image is empty"):
        read_bytes(found[2].uri)
    with pytest.raises(SampleError, match="does not exist"):
        read_bytes(found[5].uri)


@pytest.mark.parametrize("has_statistics", [True, False])
def test_rows_in_samples_and_failures_out_whatever_the_groups(tmp_path: Path, has_statistics: bool):
    rows = [{"image": None if n % 4 == 0 or n in (5, 6, 7) else png(n)} for n in range(20)]
    table = pa.Table.from_pylist(rows, pa.schema([("image", pa.binary())]))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4, write_statistics=has_statistics)
    found, failures, _ = planned(tmp_path)
    assert len(found) + len(failures) == 20
    assert keys(failures) == [f"a.parquet#{n}" for n in range(20) if rows[n]["image"] is None]
    assert [read_bytes(item.uri) for item in found] == [row["image"] for row in rows if row["image"]]


def test_reading_an_image_reads_one_group_and_memory_stays_bounded(tmp_path: Path, monkeypatch):
    path = write_rows(tmp_path / "a.parquet", [{"image": png(n), "n": n} for n in range(60)], group=10)
    found, _, _ = planned(path)
    read = []
    original = parquet_files.read_cells
    monkeypatch.setattr(parquet_files, "read_cells", lambda *args: read.append(args[2:]) or original(*args))
    monkeypatch.setattr(parquet_files, "CACHED_BYTES", 25 * len(png()))
    parquet_files._groups.clear()
    for item in found:
        read_bytes(item.uri)
    assert read == [(group, "image") for group in range(6)], "each group once, and its column of images only"
    assert 1 <= len(parquet_files._groups) <= 3
    assert read_bytes(found[35].uri) == png(35)


def test_groups_that_are_too_large_are_refused_with_what_to_do(tmp_path: Path, monkeypatch):
    write_rows(tmp_path / "a.parquet", [{"image": png(n)} for n in range(20)], group=20)
    write_rows(tmp_path / "b.parquet", [{"image": png(n)} for n in range(20)], group=2)
    monkeypatch.setattr(parquet_files, "MAX_GROUP_BYTES", 5 * len(png()))
    found, failures, _ = planned(tmp_path)
    assert (len(found), keys(failures)) == (20, ["a.parquet"])
    assert "row_group_size=1000" in failures[0].message


def test_states_uris_and_titles(tmp_path: Path):
    path = write_rows(tmp_path / "ü#1.parquet", [{"a#/b": png(n)} for n in range(3)])
    found, _, _ = planned(path)
    content = read_content(found[2].uri)
    assert content == (png(2), (len(png(2)), path.stat().st_mtime_ns))
    assert file_state(found[2].uri) == (UNKNOWN_BYTES, path.stat().st_mtime_ns)
    assert file_state(found[2].uri) == state_as_read(found[2].uri, *content.state)
    assert (file_of(found[2].uri), item_title(found[2].uri)) == (str(path), "ü#1.parquet-2")
    for uri in (f"parquet:{path}#3/image", f"parquet:{path}#0/no", f"parquet:{path}#x", f"arrow:{path}#0/a"):
        with pytest.raises(SampleError) as caught:
            read_bytes(uri)
        assert caught.value.stage == "read"


def test_files_that_cannot_be_read_are_failures_and_others_are_named(tmp_path: Path):
    write_rows(tmp_path / "a.parquet", [{"image": png(1)}])
    whole = write_rows(tmp_path / "b.parquet", [{"image": png(n)} for n in range(9)]).read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[:-20])
    write_rows(tmp_path / "c.parquet", [{"text": "no image"}])
    (tmp_path / "d.parquet").write_bytes(b"")
    found, failures, plan = planned(tmp_path)
    assert (keys(found), keys(failures)) == (["a.parquet#0"], ["b.parquet", "d.parquet"])
    assert "is not a readable Parquet file" in failures[0].message
    assert plan.unused == [(str(tmp_path / "c.parquet"), NO_IMAGES)]
    data = bytearray(whole)
    data[len(png()) : 3 * len(png())] = bytes(2 * len(png()))
    (tmp_path / "b.parquet").write_bytes(data)
    found, _, _ = planned(tmp_path / "b.parquet", path_column="image")
    results = []
    for item in found:
        try:
            results.append(read_bytes(item.uri) == png(int(item.sample_key[-1])))
        except SampleError as error:
            results.append(error.stage)
    assert len(results) == 9
    assert "read" in results or False in results


def test_a_table_of_paths_stays_a_table(tmp_path: Path):
    write_image(tmp_path / "0.png")
    path = write_rows(tmp_path / "a.parquet", [{"file_name": "0.png", "embedding": b"\1\2\3"}])
    assert detect_kind(path) == "table"
    thumbnails = write_rows(tmp_path / "b.parquet", [{"file_name": "0.png", "thumbnail": png()}])
    assert detect_kind(thumbnails) == "parquet"
    assert (
        keys(planned(thumbnails, kind="table")[0]) == keys(planned(thumbnails, path_column="file_name")[0]) == ["0.png"]
    )


def test_parquet_is_indexed_in_threads_and_read_again_only_if_it_changed(tmp_path: Path, place: Place):
    rows = [{"image": png(n % 50), "label": f"c{n % 3}"} for n in range(120)] + [{"image": b"broken", "label": "c0"}]
    place.source = write_rows(tmp_path / "s" / "a.parquet", rows, group=7).parent
    progress = place.index("v1", num_threads=8)
    assert (progress.indexed, progress.failed) == (120, 1)
    samples, failures = place.rows("v1")
    assert len({row.content_id for row in samples}) == 50
    assert {row.sample_key: row.num_bytes for row in samples}["a.parquet#3"] == len(png(3))
    assert failures[0].stage == "decode"
    assert place.index("v2", previous="v1").reused == 120
    os.utime(place.source / "a.parquet", ns=(1, 1))
    assert place.index("v3", previous="v2").reused == 0
