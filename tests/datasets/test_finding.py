"""Tables that describe a folder: found where they lie, their paths led to images however they are written."""

import unicodedata
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.datasets import table_samples
from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.locating import common_folders, split_cell
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure
from tests.datasets.images import write_image


def make(root: Path, images: list[str], tables: dict[str, str]) -> Path:
    for number, name in enumerate(images):
        write_image(root / name, number)
    for name, text in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    return root


def read(source: Path, **options: str) -> tuple[dict[str, tuple[str | None, str | None]], dict[str, str], ScanPlan]:
    """Split and label by key, messages of failures by key, and the plan."""
    plan = scan(source, SourceOptions(**options), source)
    items = list(plan.items)
    assert len({item.sample_key for item in items}) == len(items)
    samples = {item.sample_key: (item.split, item.label) for item in items if isinstance(item, Candidate)}
    for item in items:
        assert not isinstance(item, Candidate) or Path(item.uri).is_file() or item.label == "gone"
    return samples, {item.sample_key: item.message for item in items if isinstance(item, SampleFailure)}, plan


def labels(source: Path, **options: str) -> dict[str, str | None]:
    samples, failures, _ = read(source, **options)
    assert failures == {}
    return {key: label for key, (_, label) in samples.items()}


def test_a_table_above_its_images(tmp_path: Path):
    make(tmp_path, ["images/0.png", "images/1.png"], {"labels.csv": "filename,label\n0.png,a\n1.png,b\n"})
    assert detect_kind(tmp_path) == "table"
    assert labels(tmp_path) == {"images/0.png": "a", "images/1.png": "b"}
    assert labels(tmp_path / "labels.csv") == {"images/0.png": "a", "images/1.png": "b"}


def test_a_table_beside_its_images_or_in_a_folder_of_its_own(tmp_path: Path):
    text = "filename,label\n0.png,a\n1.png,b\n"
    make(tmp_path / "in", ["images/0.png", "images/1.png"], {"images/labels.csv": text})
    make(tmp_path / "apart", ["photos/0.png", "photos/1.png"], {"lists/labels.csv": text})
    assert labels(tmp_path / "in") == {"images/0.png": "a", "images/1.png": "b"}
    assert labels(tmp_path / "apart") == {"photos/0.png": "a", "photos/1.png": "b"}


def test_images_in_several_folders_that_the_table_does_not_name(tmp_path: Path):
    make(tmp_path, ["images_1/0.png", "images_2/1.png"], {"labels.csv": "image,label\n0.png,a\n1.png,b\n"})
    assert labels(tmp_path) == {"images_1/0.png": "a", "images_2/1.png": "b"}


@pytest.mark.parametrize("beginning", ["img\\", ".\\img\\", "C:\\data\\img\\", "\\\\server\\data\\img\\"])
def test_backslashes_marks_and_windows_lines(tmp_path: Path, beginning: str):
    text = f"\ufefffile_name;label\r\n{beginning}cat\\0.png;cat\r\n{beginning}dog\\1.png;dog\r\n"
    make(tmp_path, ["img/cat/0.png", "img/dog/1.png"], {"l.csv": text})
    assert labels(tmp_path) == {"img/cat/0.png": "cat", "img/dog/1.png": "dog"}


def test_accents_in_the_other_normal_form(tmp_path: Path):
    words = ("caf\u00e9", "th\u00e9")
    for disk, written in (("NFD", "NFC"), ("NFC", "NFD")):
        root = tmp_path / disk
        names = [f"img/{unicodedata.normalize(disk, word)}.png" for word in words]
        rows = "".join(f"img/{unicodedata.normalize(written, word)}.png,{n}\n" for n, word in enumerate(words))
        make(root, names, {"l.csv": f"path,label\n{rows}"})
        assert labels(root) == {names[0]: "0", names[1]: "1"}


def test_names_without_extension_and_what_several_images_could_be_meant_by(tmp_path: Path):
    make(tmp_path, ["img_1.png", "img_2.png"], {"l.csv": "id,label\nimg_1,a\nimg_2,b\n"})
    samples, failures, plan = read(tmp_path)
    assert (samples, failures) == ({"img_1.png": (None, "a"), "img_2.png": (None, "b")}, {})
    (question,) = plan.questions
    assert (question.flag, question.chosen) == ("--path-column", "id")
    write_image(tmp_path / "img_1.jpg", 9)
    samples, failures, _ = read(tmp_path)
    assert "matches 2 images (img_1.jpg, img_1.png)" in failures["img_1"]
    assert samples == {"img_2.png": (None, "b"), "img_1.jpg": (None, None), "img_1.png": (None, None)}


def test_the_same_name_in_two_folders_is_not_guessed(tmp_path: Path):
    make(tmp_path, ["a/0.png", "b/0.png", "b/1.png"], {"l.csv": "path,label\n0.png,x\n1.png,y\n"})
    samples, failures, _ = read(tmp_path)
    assert "matches 2 images (a/0.png, b/0.png)" in failures["0.png"]
    assert samples["b/1.png"] == (None, "y")


def test_paths_of_another_machine_lead_to_the_images_if_all_begin_alike(tmp_path: Path):
    rows = "/home/ana/data/cat/0.png,x\n/home/ana/data/dog/0.png,y\n"
    make(tmp_path, ["cat/0.png", "dog/0.png"], {"l.csv": f"path,label\n{rows}"})
    assert labels(tmp_path) == {"cat/0.png": "x", "dog/0.png": "y"}
    make(tmp_path / "flat", ["0.png", "1.png"], {"l.csv": "path,label\ncat/0.png,gone\ndog/1.png,gone\n1.png,y\n"})
    assert labels(tmp_path / "flat") == {"cat/0.png": "gone", "dog/1.png": "gone", "1.png": "y", "0.png": None}


def test_the_files_of_the_first_rows_are_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = "".join(f"img/{n}.png,{'gone' if n < 390 else 'here'}\n" for n in range(400))
    make(tmp_path, [f"img/{n}.png" for n in range(390, 400)], {"l.csv": f"path,label\n{rows}"})
    assert detect_kind(tmp_path) == "table"
    assert list(labels(tmp_path).values()).count("here") == 10
    monkeypatch.setattr(table_samples, "WHOLE_BYTES", 100)
    assert detect_kind(tmp_path) == "table", "rows from all over a large table"
    monkeypatch.undo()
    rows = "".join(f"img/{n}.png,{'gone' if n != 3001 else 'here'}\n" for n in range(5000))
    make(tmp_path / "one", ["img/3001.png"], {"l.csv": f"path,label\n{rows}"})
    assert detect_kind(tmp_path / "one") == "table"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_large_tables_are_sampled_all_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str):
    monkeypatch.setattr(table_samples, "WHOLE_BYTES", 100)
    path = tmp_path / f"t.{ending}"
    rows = [{"path": f"{n}.png", "label": "a\nb" if n % 100 == 0 else "c"} for n in range(20_000)]
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1000)
    elif ending == "csv":
        path.write_text("path,label\n" + "".join(f'{row["path"]},"{row["label"]}"\n' for row in rows))
    else:
        path.write_text("".join(f'{{"path": "{row["path"]}", "label": "c"}}\n' for row in rows))
    sample = table_samples.table_sample(path)
    numbers = sorted(int(cell.removesuffix(".png")) for cell in sample.cells("path"))
    assert (numbers[0], numbers[-1] > 17_000, len(numbers) < 600) == (0, True, True)
    assert max(b - a for a, b in pairwise(numbers)) < 3000


def test_two_tables_beside_the_images_are_two_splits(tmp_path: Path):
    train, test = "path,label,n\n0.png,a,1\n1.png,b,2\n", "path,label,N\n2.png,a,x\n3.png,b,y\n"
    submission = "path,label\n2.png,0\n3.png,0\n"
    tables = {"train.csv": train, "test.csv": test, "sample_submission.csv": submission, "other.csv": "a,b\n1,2\n"}
    make(tmp_path, [f"{n}.png" for n in range(4)], tables)
    samples, failures, plan = read(tmp_path)
    assert failures == {}
    assert samples == {
        "0.png": ("train", "a"), "1.png": ("train", "b"), "2.png": ("test", "a"), "3.png": ("test", "b"),
    }  # fmt: skip
    assert plan.metadata_types == {"N": pa.string()}
    reasons = {Path(path).name: reason for path, reason in plan.unused}
    assert "template for predictions" in reasons["sample_submission.csv"]
    assert "No column" in reasons["other.csv"]
    assert plan.ignored == {".csv": 2}


def test_two_tables_that_say_different_things_are_a_question(tmp_path: Path):
    tables = {"a.csv": "path,label\n0.png,x\n1.png,y\n", "b.csv": "path,label\n0.png,z\n"}
    make(tmp_path, ["0.png", "1.png"], tables)
    samples, _, plan = read(tmp_path)
    assert samples == {"0.png": (None, "x"), "1.png": (None, "y")}
    (question,) = plan.questions
    assert (question.flag, question.choices) == ("--table", ("a.csv", "b.csv", "none"))
    samples, _, plan = read(tmp_path, table="b.csv")
    assert (samples, plan.questions) == ({"0.png": (None, "z"), "1.png": (None, None)}, [])
    assert read(tmp_path, table="none")[2].kind == "flat"
    with pytest.raises(SourceError, match=r"no table 'c.csv'"):
        read(tmp_path, table="c.csv")


def test_splits_of_folders_below_a_table_at_the_root(tmp_path: Path):
    images = [f"{split}/{n}.png" for split in ("train", "test") for n in range(2)]
    make(tmp_path, images, {"metadata.csv": "file_name,label\n" + "".join(f"{name},c\n" for name in images[:3])})
    expected = {"train/0.png": ("train", "c"), "train/1.png": ("train", "c"), "test/0.png": ("test", "c")}
    assert read(tmp_path)[0] == expected | {"test/1.png": ("test", None)}
    assert read(tmp_path / "metadata.csv")[0] == expected
    assert {split for split, _ in read(tmp_path, split_column="none")[0].values()} == {None}


def test_images_without_a_row_are_samples_without_a_label(tmp_path: Path):
    make(tmp_path, ["cat/0.png", "cat/1.png", "dog/2.png"], {"l.csv": "path,label\ncat/0.png,x\ncat/1.png,\n"})
    assert labels(tmp_path) == {"cat/0.png": "x", "cat/1.png": None, "dog/2.png": None}
    (tmp_path / "l.csv").write_text("path,caption\ncat/0.png,a cat\n")
    assert labels(tmp_path) == {"cat/0.png": "cat", "cat/1.png": "cat", "dog/2.png": "dog"}, "a table without labels"
    assert set(labels(tmp_path, label_column="none").values()) == {None}


def test_labels_that_may_be_meant_are_a_question(tmp_path: Path):
    rows = "".join(f"{n}.png,a{n % 2},b{n % 2},{n}\n" for n in range(6))
    make(tmp_path, [f"{n}.png" for n in range(6)], {"l.csv": f"path,label,class,n\n{rows}"})
    (question,) = read(tmp_path)[2].questions
    assert (question.flag, question.choices, question.chosen) == ("--label-column", ("label", "class", "none"), "label")
    assert read(tmp_path, label_column="class")[2].questions == []
    (tmp_path / "l.csv").write_text(f"path,species,habitat,n\n{rows}")
    (question,) = read(tmp_path)[2].questions
    assert (question.choices, question.chosen) == (("none", "species", "habitat"), "none")


def test_metadata_in_parquet_and_tables_that_hold_the_images_themselves(tmp_path: Path):
    make(tmp_path / "paths", ["img/0.png"], {})
    pq.write_table(pa.table({"file_name": ["img/0.png"], "label": [3]}), tmp_path / "paths" / "metadata.parquet")
    assert labels(tmp_path / "paths") == {"img/0.png": "3"}
    (tmp_path / "bytes" / "data").mkdir(parents=True)
    shard = pa.table({"image": [{"bytes": b"png", "path": "0.wav"}], "label": [1]})
    pq.write_table(shard, tmp_path / "bytes" / "data" / "train-00000-of-00001.parquet")
    with pytest.raises(
        SourceError, match=r"contains no image.*no image was recognised in its columns of bytes \(image\)"
    ):
        detect_kind(tmp_path / "bytes")


def test_paths_are_taken_apart_as_any_system_writes_them():
    assert split_cell(" C:\\a\\.\\b.png ") == ["a", "b.png"]
    assert common_folders(["/x/y/1.png", "x\\y\\z\\2.png", "X/y/3.png"]) == ["x", "y"]
    assert common_folders([]) == common_folders(["1.png", "a/2.png"]) == []
