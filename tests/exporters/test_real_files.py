"""Sources whose keys are not simply the names of image files: every export names files that there are, as they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CocoDetection, ImageFolder

from jepascore_core.curation import parse
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.exporters import ExportOptions
from jepascore_core.exporters.places import file_name, with_suffix
from tests.exporters.exporting import export, export_bytes
from tests.exporters.images import index
from tests.exporters.test_consumers import run_snippet

EVERYTHING = parse("")


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8))


def put(path: Path, seed: int, form: str = "PNG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).save(path, form)


@pytest.fixture
def cached(store, tmp_path, monkeypatch):
    """Class folders of symlinks into a cache whose files have no extension, as `huggingface_hub` and DVC make them."""
    root = tmp_path / "snap"
    for number, key in enumerate(("cat/0.jpg", "cat/1.jpg", "dog/0.png", "dog/1")):
        put(tmp_path / "blobs" / f"blob{number}", number, "PNG" if key.endswith(".png") else "JPEG")
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).symlink_to(f"../../blobs/blob{number}")
    (root / "dog" / "1").rename(root / "dog" / "1.JPG")
    return index(store, root, monkeypatch, SourceOptions(kind="imagefolder", root=str(tmp_path)))


@pytest.fixture
def nameless(store, tmp_path, monkeypatch):
    """A table of image files without extension."""
    for number in range(4):
        put(tmp_path / "f" / f"id{number}", number, "JPEG" if number else "WEBP")
    rows = "".join(f"f/id{number},c{number % 2}\n" for number in range(4))
    (tmp_path / "l.csv").write_text(f"path,label\n{rows}")
    return index(store, tmp_path / "l.csv", monkeypatch)


@pytest.mark.parametrize("link", ["copy", "symlink"])
@pytest.mark.parametrize("source", ["cached", "nameless"])
def test_a_tree_of_files_without_extension_is_read_by_torchvision(store, tmp_path, request, source, link):
    scores = request.getfixturevalue(source)
    options = ExportOptions(link=link)
    export(store, scores, EVERYTHING, tmp_path / "tree", file_format="tree", options=options)
    dataset = ImageFolder(str(tmp_path / "tree"))
    assert len(dataset) == 4
    assert all(image.size == (16, 12) for image, _ in dataset)
    for path, _ in dataset.samples:
        assert Image.open(path).format == {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[Path(path).suffix.lower()]


@pytest.mark.parametrize("source", ["cached", "nameless"])
def test_shards_of_files_without_extension_are_decoded_by_webdataset(store, tmp_path, request, source):
    pytest.importorskip("webdataset")
    scores = request.getfixturevalue(source)
    export(store, scores, EVERYTHING, tmp_path / "shards", file_format="webdataset")
    found = list(run_snippet("webdataset", tmp_path / "shards", "", tmp_path)["dataset"])
    images = [item[name] for item in found for name in ("jpg", "png", "webp") if name in item]
    assert [image.size for image in images] == [(16, 12)] * 4


@pytest.mark.parametrize("source", ["cached", "nameless"])
@pytest.mark.parametrize("file_format", ["imagefolder", "imagefolder_csv", "datasets"])
def test_files_without_extension_are_read_by_datasets(store, tmp_path, request, monkeypatch, source, file_format):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    scores = request.getfixturevalue(source)
    export(store, scores, EVERYTHING, tmp_path / "out", file_format=file_format)
    dataset = run_snippet(file_format, tmp_path / "out", "", tmp_path)["dataset"]
    assert [row["image"].size for row in dataset] == [(16, 12)] * 4


@pytest.mark.parametrize("source", ["cached", "nameless"])
def test_fiftyone_and_zip_names_end_as_the_format_is(store, tmp_path, request, source):
    scores = request.getfixturevalue(source)
    export(store, scores, EVERYTHING, tmp_path / "fo", file_format="fiftyone")
    for path in (tmp_path / "fo" / "data").iterdir():
        assert Image.open(path).format == {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[path.suffix]
    (tmp_path / "x.zip").write_bytes(export_bytes(store, scores, EVERYTHING, "zip").data)
    dataset = run_snippet("zip", "x.zip", "", tmp_path)["dataset"]
    assert len(dataset) == 4


def test_lists_of_a_linked_folder_name_the_links(store, cached, tmp_path):
    """A loader wants the names that the folder has; those of the cache have no extension."""
    keys = ["cat/0.jpg", "cat/1.jpg", "dog/0.png", "dog/1.JPG"]
    assert export_bytes(store, cached, EVERYTHING, "txt").data.decode().splitlines() == keys
    yolo = export_bytes(store, cached, EVERYTHING, "yolo").data.decode().splitlines()
    assert yolo == [str(tmp_path / "snap" / key) for key in keys]
    below = ExportOptions(root=str(tmp_path))
    assert export_bytes(store, cached, EVERYTHING, "txt", below).data.decode().splitlines() == [
        f"snap/{key}" for key in keys
    ]
    coco = json.loads(export_bytes(store, cached, EVERYTHING, "coco", below).data)
    assert all((tmp_path / image["file_name"]).is_file() for image in coco["images"])


@pytest.fixture
def repeated(store, tmp_path, monkeypatch):
    """A table that names images twice: with two labels, or written otherwise; and a file whose name looks like it."""
    root = tmp_path / "rows"
    for number, name in enumerate(("0.png", "1.png", "2.png", "2.png#2")):
        put(root / name, number)
    rows = ("0.png,a", "0.png,b", "1.png,a", "./1.png,a", "2.png,b", "2.png#2,b")
    (root / "l.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    return index(store, root / "l.csv", monkeypatch)


def test_an_image_that_a_table_names_twice_is_listed_once(store, repeated, tmp_path):
    lines = export_bytes(store, repeated, EVERYTHING, "txt").data.decode().splitlines()
    assert sorted(lines) == ["0.png", "1.png", "2.png", "2.png#2"]
    assert all((tmp_path / "rows" / line).is_file() for line in lines)
    yolo = export_bytes(store, repeated, EVERYTHING, "yolo").data.decode().splitlines()
    assert sorted(yolo) == sorted(str(tmp_path / "rows" / line) for line in lines)


def test_an_image_with_two_labels_is_one_coco_image_with_two_annotations(store, repeated, tmp_path):
    pytest.importorskip("pycocotools")
    export(store, repeated, EVERYTHING, tmp_path / "coco.json")
    dataset = CocoDetection(str(tmp_path / "rows"), str(tmp_path / "coco.json"))
    assert len(dataset) == 4
    names = {category["id"]: category["name"] for category in dataset.coco.loadCats(dataset.coco.getCatIds())}
    labels = {}
    for number, image in enumerate(dataset.coco.loadImgs(dataset.ids)):
        labels[image["file_name"]] = sorted(names[item["category_id"]] for item in dataset[number][1])
    assert labels == {"0.png": ["a", "b"], "1.png": ["a"], "2.png": ["b"], "2.png#2": ["b"]}
    annotations = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert [item["id"] for item in annotations] == list(range(1, 6))


def test_a_tree_of_repeated_rows_is_one_file_a_row(store, repeated, tmp_path):
    export(store, repeated, EVERYTHING, tmp_path / "tree", file_format="tree")
    dataset = ImageFolder(str(tmp_path / "tree"))
    names = sorted(Path(path).relative_to(tmp_path / "tree").as_posix() for path, _ in dataset.samples)
    assert names == ["a/0.png", "a/1 (2).png", "a/1.png", "b/0.png", "b/2.png", "b/2.png#2.png"]


def test_indices_of_a_table_are_its_rows(store, repeated, tmp_path):
    report = export(
        store, repeated, parse('key = "0.png#2" or key = "2.png"'), tmp_path / "x.npy", file_format="indices"
    )
    assert np.load(tmp_path / "x.npy").tolist() == [1, 4]
    assert json.loads(report.provenance_path.read_text())["list"]["order"].startswith("rows of l.csv, from 0")
    table = tmp_path / "rows" / "l.csv"
    kept = run_snippet("indices", tmp_path / "x.npy", table, tmp_path, "table")["kept"]
    assert kept[["path", "label"]].to_numpy().tolist() == [["0.png", "b"], ["2.png", "b"]]


def test_indices_of_rows_in_any_order(store, tmp_path, monkeypatch):
    for number in range(12):
        put(tmp_path / "rows" / f"{number}.png", number)
    rows = "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(12))
    (tmp_path / "rows" / "t.csv").write_text(f"path,label\n{rows}")
    scores = index(store, tmp_path / "rows", monkeypatch)
    export(store, scores, parse('key = "2.png"'), tmp_path / "x.npy", file_format="indices")
    assert np.load(tmp_path / "x.npy").tolist() == [2]


def test_indices_of_a_folder_count_unreadable_files(store, tmp_path, monkeypatch):
    for number in range(12):
        put(tmp_path / "flat" / f"{number}.png", number)
    (tmp_path / "flat" / "3.png").write_bytes(b"")
    scores = index(store, tmp_path / "flat", monkeypatch)
    report = export(store, scores, parse('key = "4.png"'), tmp_path / "x.npy", file_format="indices")
    (position,) = np.load(tmp_path / "x.npy").tolist()
    assert sorted((tmp_path / "flat").iterdir())[position].name == "4.png"
    assert "unreadable ones included" in json.loads(report.provenance_path.read_text())["list"]["order"]


@pytest.mark.parametrize("file_format", ["imagefolder", "imagefolder_csv"])
def test_a_class_is_called_in_training_what_it_is_called(store, tmp_path, monkeypatch, file_format):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    classes = ("-1", "1", "=x", "'quoted'", "@home")
    for number, label in enumerate(classes):
        put(tmp_path / "data" / label / f"{number}.png", number)
    scores = index(store, tmp_path / "data", monkeypatch)
    export(store, scores, EVERYTHING, tmp_path / "out", file_format=file_format)
    dataset = run_snippet(file_format, tmp_path / "out", "", tmp_path)["dataset"]
    assert Counter(str(row["label"]) for row in dataset) == Counter(classes)


def test_the_class_minus_one_is_minus_one_in_csv(store, tmp_path, monkeypatch):
    for number, label in enumerate(("-1", "1")):
        put(tmp_path / "data" / label / f"{number}.png", number)
    scores = index(store, tmp_path / "data", monkeypatch)
    export(store, scores, EVERYTHING, tmp_path / "x.csv")
    samples = run_snippet("csv", tmp_path / "x.csv", "", tmp_path)["samples"]
    assert samples["label"].tolist() == ["-1", "1"]


@pytest.mark.parametrize(
    ("key", "uri", "base", "name"),
    [
        ("a.png", "/d/a.png", "/d", "a.png"),
        ("a.png#2", "/d/a.png", "/d", "a.png"),
        ("a.png#2", "/d/a.png#2", "/d", "a.png#2"),
        ("./a.png", "/d/a.png", "/d", "a.png"),
        ("x//a.png", "/d/x/a.png", "/d", "x/a.png"),
        ("/d/a.png#3", "/d/a.png", "/e", "/d/a.png"),
        ("id7", "/d/img/id7.jpg", "/d", "img/id7.jpg"),
        ("x\\a.png", "/d/x/a.png", "/d", "x/a.png"),
        ("train/3", "idx:/d/train-images#3", "/d", "train/3"),
    ],
)
def test_the_name_of_a_file_is_that_of_a_file(key, uri, base, name):
    assert file_name(key, uri, base) == name


@pytest.mark.parametrize(
    ("name", "suffix", "wanted"),
    [
        ("a.jpg", ".jpg", "a.jpg"), ("a.JPEG", ".jpg", "a.JPEG"), ("a.png", ".jpg", "a.jpg"), ("a", ".png", "a.png"),
        ("a.v2", ".png", "a.v2.png"), ("a.tiff", ".tif", "a.tiff"), ("a.jfif", ".jpg", "a.jfif.jpg"),
    ],
)  # fmt: skip
def test_names_end_as_the_format_is(name, suffix, wanted):
    assert with_suffix(name, suffix) == wanted
