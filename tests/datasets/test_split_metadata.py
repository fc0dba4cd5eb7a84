"""Hugging Face's imagefolder with metadata: a table in each split folder gives its images labels and columns."""

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.sources import scan
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure
from tests.datasets.images import write_image

ROWS = [
    {"file_name": "1.png", "label": "cat", "caption": "a cat", "n": 7},
    {"file_name": "deep/2.png", "label": "dog", "caption": None, "n": 8},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two splits with two images each."""
    for split in ("train", "test"):
        for number, name in enumerate(("1.png", "deep/2.png")):
            write_image(tmp_path / "root" / split / name, number)
    return tmp_path / "root"


def write_metadata(folder: Path, rows: list[dict[str, object]], kind: str = "csv") -> Path:
    path = folder / f"metadata.{kind}"
    if kind == "csv":
        cells = [[("" if value is None else str(value)) for value in row.values()] for row in rows]
        path.write_text("\n".join(map(",".join, [list(rows[0]), *cells])) + "\n")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def read(root: Path, **options: str) -> tuple[ScanPlan, dict[str, Candidate], dict[str, str]]:
    """The plan, its candidates and the messages of its failures, by sample key."""
    plan = scan(root, SourceOptions(**options), root)
    items = list(plan.items)
    assert len({item.sample_key for item in items}) == len(items)
    candidates = {item.sample_key: item for item in items if isinstance(item, Candidate)}
    return plan, candidates, {item.sample_key: item.message for item in items if isinstance(item, SampleFailure)}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_describes_the_images_of_its_split(root: Path, kind: str):
    write_metadata(root / "train", ROWS, kind)
    plan, found, failures = read(root)
    assert (plan.kind, failures, dict(plan.ignored)) == ("imagefolder", {}, {})
    assert plan.metadata_types == {"caption": pa.string(), "n": pa.int64()}
    first, second = found["train/1.png"], found["train/deep/2.png"]
    assert (first.label, first.split, first.metadata) == ("cat", "train", {"caption": "a cat", "n": 7})
    assert (second.label, second.split, second.metadata) == ("dog", "train", {"n": 8})
    # A split without a table is read as ever.
    assert (found["test/1.png"].label, found["test/1.png"].split) == (None, "test")
    assert (found["test/deep/2.png"].label, found["test/deep/2.png"].metadata) == ("deep", {})


def test_tables_of_several_splits_agree_on_types(root: Path):
    write_metadata(root / "train", ROWS)
    write_metadata(root / "test", [{"file_name": "./1.png", "N": "many", "split": "mine"}], "jsonl")
    plan, found, _ = read(root)
    assert plan.metadata_types == {"caption": pa.string(), "N": pa.string(), "split": pa.string()}
    assert found["train/1.png"].metadata == {"caption": "a cat", "N": "7"}
    assert (found["test/1.png"].split, found["test/1.png"].metadata) == ("test", {"N": "many", "split": "mine"})
    assert found["test/deep/2.png"].label == "deep"


def test_an_image_without_a_row_and_a_row_without_an_image(root: Path):
    rows = ["1.png", "gone.png", "", "1.png", "../test/1.png", str(root / "train" / "deep" / "2.png")]
    write_metadata(root / "train", [{"file_name": name, "label": f"row {n}"} for n, name in enumerate(rows)])
    write_image(root / "train" / "cat" / "3.png", 3)
    _, found, failures = read(root)
    labels = {key: item.label for key, item in found.items() if item.split == "train"}
    assert labels == {"train/1.png": "row 0", "train/deep/2.png": "row 5", "train/cat/3.png": None}
    assert {key: message.partition(":")[0] for key, message in failures.items()} == {
        "train/gone.png": "The row does not name an image of this folder",
        "train/../test/1.png": "The row does not name an image of this folder",
        "train/#row 3": "The row has no path",
        "train/1.png#2": "An earlier row names the same image",
    }
    assert found["test/1.png"].label is None


def test_a_row_about_an_image_that_fails_in_the_walk_is_one_failure(root: Path, tmp_path: Path):
    write_image(tmp_path / "outside.png", 9)
    (root / "train" / "out.png").symlink_to(tmp_path / "outside.png")
    write_metadata(root / "train", [{"file_name": "out.png", "label": "x"}])
    _, _, failures = read(root)
    assert list(failures) == ["train/out.png"]
    assert "points outside the source" in failures["train/out.png"]


def test_lines_that_are_no_rows_are_failures(root: Path):
    (root / "train" / "metadata.csv").write_text("file_name,label\n1.png,cat\n1,2,3\n")
    _, found, failures = read(root)
    assert found["train/1.png"].label == "cat"
    assert "3 cells instead of 2" in failures["train/#line 3"]


def test_columns_may_be_named(root: Path):
    write_metadata(root / "train", [{"foto": "1.png", "fine": "tabby", "label": "cat"}])
    assert read(root)[0].ignored == {".csv": 1}
    write_metadata(root / "train", [{"file_name": "1.png", "fine": "tabby", "label": "cat"}])
    write_metadata(root / "test", [{"file_name": "1.png", "label": "cat"}])
    _, found, _ = read(root, label_column="fine")
    assert (found["train/1.png"].label, found["train/1.png"].metadata) == ("tabby", {"label": "cat"})
    assert (found["test/1.png"].label, found["test/1.png"].metadata) == (None, {"label": "cat"})
    with pytest.raises(SourceError, match='Unknown column "fin"'):
        read(root, label_column="fin")
    with pytest.raises(SourceError, match='Unknown column "foto"'):
        read(root, path_column="foto")


def test_what_is_no_such_table_is_passed_over(root: Path, tmp_path: Path):
    write_metadata(root / "train", [{"id": 1, "caption": "of nothing"}])
    outside = write_metadata(tmp_path, ROWS)
    (root / "test" / "metadata.csv").symlink_to(outside)
    plan, found, failures = read(root)
    assert {item.label for item in found.values()} == {None, "deep"}
    assert plan.metadata_types == {}
    assert list(failures) == ["test/metadata.csv"]
    # A link inside of the source is followed.
    (root / "test" / "metadata.csv").unlink()
    write_metadata(root, ROWS).rename(root / "test" / "elsewhere.csv")
    (root / "test" / "metadata.csv").symlink_to(root / "test" / "elsewhere.csv")
    plan, found, failures = read(root)
    assert (found["test/1.png"].label, failures, plan.ignored) == ("cat", {}, {".csv": 2})
    # Not beside a folder of classes.
    (root / "test" / "metadata.csv").unlink()
    write_metadata(root / "train", ROWS)
    (root / "test" / "elsewhere.csv").unlink()
    (root / "test").rename(root / "control")
    plan, found, _ = read(root)
    assert (found["train/1.png"].label, plan.ignored) == ("train", {".csv": 1})


def test_tables_that_cannot_be_read_are_said(root: Path):
    write_metadata(root / "train", ROWS)
    write_metadata(root / "train", ROWS, "jsonl")
    with pytest.raises(SourceError, match=r"keep one of metadata.csv, metadata.jsonl"):
        read(root)
    (root / "train" / "metadata.jsonl").unlink()
    (root / "train" / "metadata.csv").write_bytes(b"")
    with pytest.raises(SourceError, match="is empty"):
        read(root)


def test_in_a_zip(root: Path, tmp_path: Path):
    write_metadata(root / "train", ROWS)
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        for path in root.rglob("*.*"):
            archive.write(path, path.relative_to(root))
    plan = scan(tmp_path / "it.zip", SourceOptions(), tmp_path / "unpacked")
    labels = {item.sample_key: item.label for item in plan.items if isinstance(item, Candidate)}
    assert labels["train/1.png"] == "cat"
    assert labels["test/1.png"] is None


def test_many_images_are_described_wherever_their_rows_stand(root: Path):
    names = [f"many/{number:04}.png" for number in range(2500)]
    for name in names:
        path = root / "train" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    write_metadata(root / "train", [{"file_name": name, "label": f"label of {name}"} for name in reversed(names)])
    _, found, failures = read(root)
    assert failures == {}
    assert all(found[f"train/{name}"].label == f"label of {name}" for name in names)


def test_rows_with_backslashes_and_without_labels_or_extensions(root: Path):
    rows = [{"file_name": ".\\1.png", "label": "cat"}, {"file_name": "deep\\2.png", "label": None}]
    write_metadata(root / "train", rows, "jsonl")
    write_metadata(
        root / "test", [{"file_name": "1", "label": 3}, {"file_name": "deep/2", "label": float("nan")}], "jsonl"
    )
    _, found, failures = read(root)
    assert failures == {}
    labels = {"train/1.png": "cat", "train/deep/2.png": None, "test/1.png": "3", "test/deep/2.png": None}
    assert {key: item.label for key, item in found.items()} == labels
    write_image(root / "test" / "1.jpg", 7)
    _, found, failures = read(root)
    assert list(failures) == ["test/1.png"]
    assert "write the extension" in failures["test/1.png"]


def test_a_column_called_none_leaves_the_labels_out(root: Path):
    write_metadata(root / "train", ROWS)
    _, found, _ = read(root, label_column="none")
    assert {item.label for item in found.values()} == {None}
    assert found["train/1.png"].metadata == {"label": "cat", "caption": "a cat", "n": 7}
