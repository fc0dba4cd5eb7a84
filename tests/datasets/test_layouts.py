"""What folders mean: splits beside other folders, wrappers, numbered splits, and what a person says instead."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.layout import are_splits, is_split_name
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.errors import SourceError
from tests.datasets.images import write_image

Rows = dict[str, tuple[str | None, str | None]]


def make(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, number) if path.suffix == ".png" else path.write_text("{}")
    return root


def read(source: Path, **options: str) -> tuple[Rows, ScanPlan]:
    """Split and label of every image, by key."""
    plan = scan(source, SourceOptions(**options), source)
    items = list(plan.items)
    assert all(isinstance(item, Candidate) for item in items), items
    return {item.sample_key: (item.split, item.label) for item in items if isinstance(item, Candidate)}, plan


TREES: dict[str, tuple[list[str], Rows]] = {
    "splits beside a folder without images": (
        ["train/cat/0.png", "val/dog/0.png", "annotations/boxes.json"],
        {"train/cat/0.png": ("train", "cat"), "val/dog/0.png": ("val", "dog")},
    ),
    "one folder around the classes": (
        ["dataset/cat/0.png", "dataset/dog/0.png", "readme.txt"],
        {"dataset/cat/0.png": (None, "cat"), "dataset/dog/0.png": (None, "dog")},
    ),
    "two folders around the splits": (
        ["a/b/train/cat/0.png", "a/b/test/cat/0.png"],
        {"a/b/train/cat/0.png": ("train", "cat"), "a/b/test/cat/0.png": ("test", "cat")},
    ),
    "YOLO": (
        ["images/train/0.png", "images/val/0.png", "labels/train/0.txt", "labels/val/0.txt", "data.yaml"],
        {"images/train/0.png": ("train", None), "images/val/0.png": ("val", None)},
    ),
    "YOLO, the other way round": (
        ["train/images/0.png", "train/labels/0.txt", "valid/images/0.png", "valid/labels/0.txt"],
        {"train/images/0.png": ("train", None), "valid/images/0.png": ("valid", None)},
    ),
    "COCO": (
        ["train2017/0.png", "val2017/0.png", "annotations/instances.json"],
        {"train2017/0.png": ("train2017", None), "val2017/0.png": ("val2017", None)},
    ),
    "names of competitions": (
        ["training_set/cat/0.png", "test_set/cat/0.png"],
        {"training_set/cat/0.png": ("training_set", "cat"), "test_set/cat/0.png": ("test_set", "cat")},
    ),
    "a third split that is not named like one": (
        ["train/0.png", "test/0.png", "extra/0.png"],
        {"train/0.png": ("train", None), "test/0.png": ("test", None), "extra/0.png": ("extra", None)},
    ),
    "one folder of images": (["images/0.png", "notes.txt"], {"images/0.png": (None, None)}),
    "one class": (["cat/0.png", "cat/deep/1.png"], {"cat/0.png": (None, "cat"), "cat/deep/1.png": (None, "cat")}),
    "classes called images and data": (
        ["images/0.png", "data/0.png"],
        {"images/0.png": (None, "images"), "data/0.png": (None, "data")},
    ),
    "numbered tests": (
        ["test1/0.png", "test2/0.png"],
        {"test1/0.png": (None, "test1"), "test2/0.png": (None, "test2")},
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_what_folders_mean(tmp_path: Path, name: str):
    names, expected = TREES[name]
    make(tmp_path, *names)
    assert detect_kind(tmp_path) == "imagefolder"
    found, plan = read(tmp_path)
    assert (found, plan.questions) == (expected, [])


def test_splits_beside_other_images_are_a_question(tmp_path: Path):
    make(tmp_path, "train/cat/0.png", "val/cat/0.png", "odd/dog/0.png")
    found, plan = read(tmp_path)
    assert found["train/cat/0.png"] == ("train", "cat")
    (question,) = plan.questions
    assert (question.flag, question.choices, question.chosen) == ("--folders", ("splits", "classes"), "splits")
    assert "train, val are named like splits, odd beside them is not: all are read as splits" in question.text
    found, plan = read(tmp_path, folders="classes")
    assert (found["odd/dog/0.png"], found["train/cat/0.png"], plan.questions) == ((None, "odd"), (None, "train"), [])
    (tmp_path / "val").rename(tmp_path / "control")
    found, plan = read(tmp_path)
    assert found["train/cat/0.png"] == (None, "train")
    assert plan.questions[0].chosen == "classes"
    assert read(tmp_path, folders="splits")[0]["control/cat/0.png"] == ("control", "cat")
    assert set(read(tmp_path, folders="none")[0].values()) == {(None, None)}
    with pytest.raises(SourceError, match="splits, classes, none"):
        read(tmp_path, folders="nothing")


def test_labels_and_splits_of_folders_may_be_refused(tmp_path: Path):
    make(tmp_path, "train/cat/0.png", "val/dog/0.png")
    assert set(read(tmp_path, label_column="none")[0].values()) == {("train", None), ("val", None)}
    assert set(read(tmp_path, split_column="none")[0].values()) == {(None, "cat"), (None, "dog")}


def test_folders_of_symlinks_into_a_cache(tmp_path: Path):
    make(tmp_path / "blobs", "a.png", "b.png")
    for label, blob in (("cat", "a"), ("dog", "b")):
        (tmp_path / "blobs" / f"{blob}.png").rename(tmp_path / "blobs" / blob)
        (tmp_path / "snap" / label).mkdir(parents=True)
        (tmp_path / "snap" / label / "0.jpg").symlink_to(f"../../blobs/{blob}")
    assert detect_kind(tmp_path / "snap") == "imagefolder"
    found, _ = read(tmp_path / "snap", root=str(tmp_path))
    assert found == {"cat/0.jpg": (None, "cat"), "dog/0.jpg": (None, "dog")}
    items = list(scan(tmp_path / "snap", SourceOptions(), tmp_path).items)
    assert [getattr(item, "message", "")[:37] for item in items] == ["The symlink points outside the source"] * 2


def test_files_without_extension_are_images_if_they_begin_like_one(tmp_path: Path):
    make(tmp_path, "f/a.png", "g/b.png", "f/LICENSE", "f/Makefile")
    for name in ("f/a", "g/b"):
        (tmp_path / f"{name}.png").rename(tmp_path / name)
    (tmp_path / "g" / "linked").symlink_to("b")
    found, plan = read(tmp_path)
    assert found == {"f/a": (None, "f"), "g/b": (None, "g"), "g/linked": (None, "g")}
    assert (dict(plan.ignored), plan.ignored.examples) == ({"(other)": 2}, {"(other)": "f/LICENSE"})
    assert detect_kind(tmp_path / "f") == "flat"


@given(st.sampled_from(["train", "VAL", "test", "dev", "validation"]), st.sampled_from(["", "_set", "2017", "-images"]))
def test_names_of_splits(kind: str, ending: str):
    assert is_split_name(kind + ending)
    assert not is_split_name(f"{kind}{ending} of time")
    assert are_splits([kind + ending, "train"])
