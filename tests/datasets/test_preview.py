"""What is said before a source is read: the same as what is read then, in bounded time, and nothing is written."""

import json
import zipfile
from pathlib import Path

import pytest

from jepascore_core.datasets.candidates import Candidate, SourceOptions, UsedTable
from jepascore_core.datasets.preview import Left, Named, reading_report
from jepascore_core.datasets.sources import scan
from jepascore_core.errors import SourceError, UnsafeArchiveError
from jepascore_core.views.reading_text import reading_text
from tests.datasets.images import write_image


def make(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, number) if path.suffix == ".png" else path.write_text("text")
    return root


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return make(
        tmp_path / "pets", "train/cat/0.png", "train/cat/1.png", "train/dog/2.png", "val/dog/3.png", "notes/a.txt"
    )


def test_a_folder(pets: Path):
    report = reading_report(pets)
    assert (report.kind, report.num_samples, report.is_beginning) == ("imagefolder", 4, False)
    assert report.first_keys[0] == "train/cat/0.png"
    assert (report.labels_from, report.labels) == ("the folders' names", (Named("cat", 2), Named("dog", 2)))
    assert (report.splits_from, report.splits) == ("the folders' names", (Named("train", 3), Named("val", 1)))
    assert report.passed_over == (Left(".txt", 1, "notes/a.txt"),)
    assert (report.tables, report.unused_tables, report.questions, report.failures) == ((), (), (), ())
    assert reading_text(report).lines == (
        f"Reads {pets} as a folder of images in folders (imagefolder): 4 samples; first train/cat/0.png.",
        "Labels: the folders' names, 2 classes: cat 2, dog 2. Splits: the folders' names: train 3, val 1.",
        "Skipped: 1 .txt (notes/a.txt).",
    )


def test_a_table_its_columns_and_what_is_left(tmp_path: Path):
    make(tmp_path, "img/0.png", "img/1.png", "img/2.png")
    (tmp_path / "l.csv").write_text('file,label,split\n0.png,a,train\n1.png,,test\n9.png,a,train\n8.png,"b,test\n')
    (tmp_path / "boxes.csv").write_text("x,y\n1,2\n")
    report = reading_report(tmp_path)
    assert report.tables == (UsedTable(str(tmp_path / "l.csv"), "file", "label", "split"),)
    assert [(Path(path).name, "No column" in reason) for path, reason in report.unused_tables] == [("boxes.csv", True)]
    assert (report.num_samples, report.num_unlabelled, report.num_without_row) == (4, 2, 1)
    assert report.failures == (
        Left("A line of the table is not a row", 1, "#line 5"),
        Left("The file that a row of the table names does not exist", 1, "9.png"),
    )
    text = reading_text(report)
    assert "described by l.csv (paths: column file)" in text.what
    assert "Labels: column label, 1 class: a 2; 2 without a label. Splits: column split: train 2, test 1." in text.names
    assert "1 image without a row in the table." in text.left
    assert "Table boxes.csv is not used: No column" in text.left


def test_questions_name_the_option_that_settles_them(tmp_path: Path):
    make(tmp_path, "train/0.png", "val/1.png", "odd/2.png")
    (warning,) = reading_text(reading_report(tmp_path)).warnings
    assert warning.endswith("If that is wrong, set --folders (one of splits, classes).")
    settled = reading_report(tmp_path, SourceOptions(folders="classes"))
    assert (settled.questions, settled.splits) == ((), ())
    assert (
        reading_report(tmp_path, SourceOptions(label_column="none", folders="classes")).labels_from == "none, as asked"
    )


def test_an_archive_is_read_without_unpacking_it(pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (pets / "train" / "metadata.csv").write_text("file_name,label\ncat/0.png,tabby\ncat/1.png,tabby\ndog/2.png,pug\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(pets.rglob("*.*")):
            archive.write(path, Path("wrapper") / path.relative_to(pets))
    report = reading_report(tmp_path / "a.zip")
    plan = scan(tmp_path / "a.zip", SourceOptions(), tmp_path / "work")
    items = [item for item in plan.items if isinstance(item, Candidate)]
    assert report.num_samples == len(items) == 4
    assert report.first_keys == tuple(item.sample_key for item in items[:5])
    assert {item.label for item in items} == {named.name for named in report.labels} == {"tabby", "pug", "dog"}
    assert (report.kind, report.tables[0].path) == ("zip", "train/metadata.csv")
    assert report.passed_over == (Left(".txt", 1, "wrapper/notes/a.txt"),)
    monkeypatch.setattr("jepascore_core.datasets.preview.MAX_MEMBERS", 3)
    assert reading_report(tmp_path / "a.zip").is_beginning
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../out.png", b"")
    with pytest.raises(UnsafeArchiveError):
        reading_report(tmp_path / "bad.zip")
    (tmp_path / "none.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match="not a readable zip archive"):
        reading_report(tmp_path / "none.zip")


def test_of_a_large_source_only_the_beginning_is_looked_at(tmp_path: Path):
    rows = "".join(f"{number}.png,{number % 7}\n" for number in range(300_000))
    (tmp_path / "t.csv").write_text("path,label\n" + rows)
    report = reading_report(tmp_path / "t.csv", max_items=10_000, seconds=600)
    assert (report.num_samples, report.is_beginning) == (10_000, True)
    assert "the first 10,000 samples (the rest was not read)" in reading_text(report).what
    assert "checked" in report.failures[0].reason
    assert reading_report(tmp_path / "t.csv", max_items=10_000, seconds=0).is_beginning


def test_a_report_is_json(pets: Path):
    (pets / "odd").mkdir()
    write_image(pets / "odd" / "9.png")
    report = reading_report(pets).to_dict()
    assert json.loads(json.dumps(report)) == report or json.loads(json.dumps(report))["kind"] == "imagefolder"
    assert report["questions"][0]["flag"] == "--folders"


def test_sources_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="does not exist"):
        reading_report(tmp_path / "gone")
