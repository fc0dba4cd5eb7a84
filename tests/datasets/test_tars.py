"""WebDataset shards and other tars: what is a sample, its label and columns; and what is left out, with its reason."""

import json
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.datasets.candidates import UsedTable
from jepascore_core.datasets.column_types import LEFT_OUT, MAX_COLUMNS, MAX_TEXT
from jepascore_core.datasets.item_uris import file_of, item_title
from jepascore_core.datasets.preview import reading_report
from jepascore_core.datasets.reading import file_state, read_bytes, read_content
from jepascore_core.datasets.sources import detect_kind
from jepascore_core.datasets.tar_samples import MAX_SIDECAR_BYTES
from jepascore_core.datasets.tars import FOLDERS_ARE_CLASSES, WITHOUT_IMAGE
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.views.reading_text import reading_text
from tests.datasets.conftest import Place
from tests.datasets.images import write_image
from tests.datasets.tars import keys, planned, png, write_shard, write_tar


def test_shards_of_webdataset_are_read_as_webdataset_reads_them(tmp_path: Path):
    wds = pytest.importorskip("webdataset")
    for shard in range(2):
        samples = [
            {
                "__key__": f"{shard}{number:04d}",
                "png": png(10 * shard + number),
                "cls": number % 3,
                "json": {
                    "width": 8,
                    "caption": f"a picture {number}",
                    "score": number / 2,
                    "tags": ["a"],
                    "none": None,
                },
                "txt": f"a picture {number}",
            }
            for number in range(5)
        ]
        write_shard(tmp_path / "shards" / f"{shard:06d}.tar", samples)
    assert detect_kind(tmp_path / "shards") == "tar"
    found, failures, plan = planned(tmp_path / "shards")
    assert (failures, dict(plan.ignored), plan.unused, plan.questions) == ([], {}, [], [])
    assert plan.metadata_types == {"width": pa.int64(), "caption": pa.string(), "score": pa.float64()}
    shards = sorted(map(str, (tmp_path / "shards").glob("*.tar")))
    truth = list(wds.WebDataset(shards, shardshuffle=False))
    assert keys(found) == [sample["__key__"] for sample in truth]
    assert [read_bytes(item.uri) for item in found] == [sample["png"] for sample in truth]
    assert [item.label for item in found] == [sample["cls"].decode() for sample in truth]
    assert [item.metadata["caption"] for item in found] == [sample["txt"].decode() for sample in truth]
    assert [item.metadata["score"] for item in found] == [json.loads(sample["json"])["score"] for sample in truth]


def test_an_image_is_one_seek_and_one_read_whatever_comes_before(tmp_path: Path):
    path = write_tar(tmp_path / "ä#1%20.tar", [(f"{number:05d}.png", png(number)) for number in range(50)])
    found, _, _ = planned(path)
    data = path.read_bytes()
    for number, item in enumerate(found):
        place = item.uri.rpartition("#")[2].partition("/")[0]
        offset, size = map(int, place.split("+"))
        assert data[offset : offset + size] == png(number) == read_bytes(item.uri)
        content = read_content(item.uri)
        assert content.state == file_state(item.uri) == (size, path.stat().st_mtime_ns)
        assert (file_of(item.uri), item_title(item.uri)) == (str(path), f"{number:05d}")
    path.write_bytes(data[: int(found[-1].uri.rpartition("#")[2].partition("+")[0]) + 10])
    with pytest.raises(SampleError, match=r"has no complete item 00049\.png: download it again") as caught:
        read_bytes(found[-1].uri)
    assert caught.value.stage == "read"
    path.unlink()
    with pytest.raises(SampleError, match="does not exist"):
        read_bytes(found[0].uri)


def test_patterns_and_several_files(tmp_path: Path):
    for number in range(12):
        write_tar(tmp_path / "s" / f"{number:03d}.tar", {f"{number}.png": png(number)})
    assert keys(planned(tmp_path / "s" / "{002..010}.tar")[0]) == [str(number) for number in range(2, 11)]
    assert keys(planned(f"{tmp_path}/s/{{004,001}}.tar")[0]) == ["4", "1"]
    found, failures, _ = planned(tmp_path / "s" / "{010..012}.tar")
    assert (keys(found), keys(failures)) == (["10", "11"], ["012.tar"])
    assert "The file does not exist" in failures[0].message
    assert detect_kind(tmp_path / "s" / "{000..001}.tar") == "tar"
    with pytest.raises(SourceError, match=r"names no existing file, such as .*020\.tar"):
        planned(tmp_path / "s" / "{020..021}.tar")
    with pytest.raises(SourceError, match="is a pattern with braces"):
        detect_kind(tmp_path / "s" / "{a,b}.png")


def test_splits_are_in_the_names_of_folders_and_shards(tmp_path: Path):
    for name in ("train/0.tar", "val/0.tar", "imagenet1k-test-0000.tar", "other.tar"):
        write_tar(tmp_path / name, {f"{name[0]}.png": png()})
    found, _, _ = planned(tmp_path)
    assert {item.sample_key: item.split for item in found} == {"t": "train", "v": "val", "i": "test", "o": None}
    assert {item.split for item in planned(tmp_path, split_column="none")[0]} == {None}


def test_the_label_is_cls_else_a_field_else_a_folder(tmp_path: Path):
    fields = json.dumps({"class": "owl", "split": "val", "n": 1}).encode()
    path = write_tar(
        tmp_path / "a.tar",
        {
            "a.png": png(1), "a.cls": b"3\n", "a.json": fields,
            "b.png": png(2), "b.json": fields,
            "c.png": png(3), "c.json": b'{"label": 4.0}',
            "x/cat/d.png": png(4), "train/images/e.png": png(5), "x/dog/f.png": png(6), "x/dog/f.txt": b"words",
        },
    )  # fmt: skip
    found, _, plan = planned(path)
    assert [(item.label, item.split) for item in found] == [
        ("3", "val"), ("owl", "val"), ("4", None), ("cat", None), (None, "train"), (None, None)
    ]  # fmt: skip
    assert found[0].metadata == {"class": "owl", "n": 1}
    assert found[1].metadata == {"n": 1}
    (question,) = plan.questions
    assert (question.text, question.flag) == (FOLDERS_ARE_CLASSES, "--folders")
    assert [item.label for item in planned(path, folders="none")[0]][3:] == [None, None, None]
    assert {item.label for item in planned(path, label_column="none")[0]} == {None}
    assert [item.label for item in planned(path, label_column="n", folders="none")[0]][:3] == ["1", "1", None]
    assert [item.split for item in planned(path, folders="splits")[0]][3:5] == ["x", "train"]
    with pytest.raises(SourceError, match=r'Unknown field "labl" in the \.json members of .* Did you mean "label"'):
        planned(path, label_column="labl")
    with pytest.raises(SourceError, match="without a column of paths"):
        planned(path, path_column="file")


@pytest.mark.parametrize(("name", "text"), [("classes.json", '["cat", "dog"]'), ("classnames.txt", "cat\ndog\n")])
def test_numbers_of_classes_have_names_beside_the_shards(tmp_path: Path, name: str, text: str):
    members = {"a.png": png(1), "a.cls": b"1", "b.png": png(2), "b.cls": b"7", "c.png": png(3), "c.cls": b"9" * 5000}
    write_tar(tmp_path / "train" / "0.tar", members)
    (tmp_path / name).write_text(text)
    assert [item.label for item in planned(tmp_path)[0]] == ["dog", "7", "9" * 5000]


def test_the_tables_of_img2dataset_are_joined_by_key(tmp_path: Path):
    write_tar(tmp_path / "00000.tar", {f"0000{n}.jpg": png(n) for n in range(3)})
    rows = [
        {"url": f"https://a/{n}", "caption": f"c{n}", "key": f"0000{n}", "status": "success", "width": 8 + n, "v": [1]}
        for n in range(5)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "00000.parquet")
    (tmp_path / "00000_stats.json").write_text("{}")
    write_tar(tmp_path / "00001.tar", {"00010.jpg": png(10)})
    (tmp_path / "00001.parquet").write_bytes(b"PAR1 cut off")
    found, failures, plan = planned(tmp_path)
    assert failures == []
    assert [item.metadata.get("caption") for item in found] == ["c0", "c1", "c2", None]
    assert [item.label for item in found] == [None] * 4
    assert plan.metadata_types == {
        "url": pa.string(), "caption": pa.string(), "status": pa.string(), "width": pa.int64()
    }  # fmt: skip
    assert (plan.ignored[WITHOUT_IMAGE], plan.ignored.examples[WITHOUT_IMAGE]) == (2, "00003")
    assert plan.tables == [UsedTable(str(tmp_path / "00000.parquet"), "key", None, None)]
    assert [Path(path).name for path, _ in plan.unused] == ["00001.parquet"]
    report = reading_report(tmp_path)
    assert (report.kind, report.num_samples, report.is_beginning) == ("tar", 4, False)
    text = reading_text(report)
    assert "as tars (WebDataset) (tar), described by 00000.parquet (keys: column key): 4 samples" in text.what
    assert f"2 {WITHOUT_IMAGE} (00003)" in text.left


def test_keys_that_repeat_and_several_images_of_a_key(tmp_path: Path):
    write_tar(
        tmp_path / "0.tar",
        [
            ("a.png", png(1)),
            ("a.cls", b"1"),
            ("a.png", png(2)),
            ("a.cls", b"2"),
            ("b.jpg", png(3)),
            ("b.seg.png", png(4)),
        ],
    )
    write_tar(tmp_path / "1.tar", [("a.png", png(5)), ("c.txt", b"late"), ("d.png", png(6)), ("c.png", png(7))])
    found, failures, _ = planned(tmp_path)
    assert failures == []
    assert {item.sample_key: item.label for item in found} == {
        "a": "1", "0.tar/a": "2", "b.jpg": None, "b.seg.png": None, "1.tar/a": None, "c": None, "d": None
    }  # fmt: skip
    assert {read_bytes(item.uri) for item in found} == {png(number) for number in range(1, 8)}
    assert [item.metadata for item in found if item.sample_key == "c"] == [{"caption": "late"}]


def test_a_key_without_an_image_is_a_failure_and_other_files_are_counted(tmp_path: Path):
    path = write_tar(
        tmp_path / "a.tar",
        {"a.png": png(), "b.json": b"{}", "b.mp4": b"film", "README.txt": b"words", "c.cls": b"1", "._a.png": b"mac",
         "__MACOSX/a.png": b"mac", "noext": png(1), "Makefile": b"all:", "d.png": png(2), "d.json": b"{broken"},
    )  # fmt: skip
    found, failures, plan = planned(path)
    assert keys(found) == ["a", "noext", "d"]
    assert {failure.sample_key: failure.message for failure in failures} == {
        "b": "The sample has no image, only b.json, b.mp4: pack the tar again with it, or leave this key out.",
        "c": "The sample has no image, only c.cls: pack the tar again with it, or leave this key out.",
    }
    assert dict(plan.ignored) == {".mp4": 1, ".txt": 1, "(other)": 1, "unreadable .json": 1}


def test_fields_become_columns_within_limits(tmp_path: Path):
    rows = [
        {"n": 1, "m": 2**63, "f": 1, "long": "x" * 10_000, "Case": 1, "l": [1], "nan": float("nan")},
        {"n": 2**60, "m": 1, "f": 0.5, "case": "two", **{f"c{n}": n for n in range(MAX_COLUMNS)}},
        {"n": 0.5, "a": "\ud800", "": 1, "Case": 1, "case": 2},
    ]
    members = {}
    for number, row in enumerate(rows):
        members |= {f"{number}.png": png(number), f"{number}.json": json.dumps(row).encode()}
    members |= {"3.png": png(3), "3.txt": b"y" * (MAX_SIDECAR_BYTES + 1), "4.png": png(4), "4.json": b"[1]"}
    found, _, plan = planned(write_tar(tmp_path / "a.tar", members))
    assert len(found) == 5
    assert len(plan.metadata_types) == MAX_COLUMNS
    assert plan.ignored[LEFT_OUT] > 0
    assert {name: str(plan.metadata_types[name]) for name in ("n", "m", "f", "long", "Case")} == {
        "n": "string", "m": "string", "f": "double", "long": "string", "Case": "string"
    }  # fmt: skip
    assert found[0].metadata["long"] == "x" * MAX_TEXT
    assert found[1].metadata["Case"] == "two"


def test_a_tar_of_class_folders_as_tar_packs_it(tmp_path: Path):
    for number, name in enumerate(("train/cat/0.png", "train/dog/1.png", "val/cat/2.png")):
        write_image(tmp_path / "set" / name, number)
    subprocess.run(["tar", "-cf", str(tmp_path / "set.tar"), "-C", str(tmp_path / "set"), "."], check=True)
    found, failures, plan = planned(tmp_path / "set.tar")
    assert failures == []
    assert {(item.sample_key, item.label, item.split) for item in found} == {
        ("train/cat/0", "cat", "train"), ("train/dog/1", "dog", "train"), ("val/cat/2", "cat", "val")
    }  # fmt: skip
    assert [question.option for question in plan.questions] == ["folders"]


def test_an_empty_tar_has_no_image_and_a_folder_of_images_is_no_folder_of_tars(tmp_path: Path, place: Place):
    place.source = write_tar(tmp_path / "empty.tar", {})
    assert place.index().failed == 1
    assert "The tar holds no member" in place.rows()[1][0].message
    write_image(write_tar(tmp_path / "pets" / "a.tar", {}).parent / "cat" / "0.png")
    assert detect_kind(tmp_path / "pets") == "imagefolder"


def test_symlinks_lead_only_into_the_source_and_the_root(tmp_path: Path):
    target = write_tar(tmp_path / "blobs" / "b.tar", {"b.png": png()})
    folder = tmp_path / "snapshot"
    write_tar(folder / "a.tar", {"a.png": png(1)})
    (folder / "b.tar").symlink_to(target)
    found, failures, _ = planned(folder)
    assert (keys(found), keys(failures)) == (["a"], ["b.tar"])
    assert "give the folder that contains it as root" in failures[0].message
    assert keys(planned(folder, root=str(tmp_path / "blobs"))[0]) == ["a", "b"]


def test_a_tar_is_indexed_resumed_and_read_again_only_if_it_changed(tmp_path: Path, place: Place):
    path = tmp_path / "s" / "0.tar"
    members = [(f"{n}.png", png(n)) for n in range(40)] + [("x.png", b"broken")]
    members += [(f"{n}.json", json.dumps({"n": n}).encode()) for n in range(40)]
    place.source = write_tar(path, members).parent
    progress = place.index("v1")
    assert (progress.indexed, progress.failed) == (40, 1)
    samples, failures = place.rows("v1")
    assert {row.sample_key: row.metadata["n"] for row in samples} == {str(n): n for n in range(40)}
    assert failures[0].stage == "decode"
    assert place.index("v2", previous="v1").reused == 40
    os.utime(path, ns=(1, 1))
    assert place.index("v3", previous="v2").reused == 0
