"""Every format, read back by what it is made for; and the snippets that the app shows, run as they are."""

from __future__ import annotations

import itertools
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from torch.utils.data import Subset
from torchvision.datasets import MNIST, CocoDetection

from jepascore_core.curation import parse
from jepascore_core.datasets.candidates import KINDS
from jepascore_core.datasets.content import content_id
from jepascore_core.errors import ExportError
from jepascore_core.exporters import FORMATS, LINKS, ExportOptions, snippet
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample
from tests.datasets.test_reading import digits, write_idx
from tests.exporters.exporting import export, export_bytes
from tests.exporters.images import ALL, KEPT, NAMES, index, make_source


def kept_rows(store, scores):
    """The truth: from the Parquet export, which other tests check by themselves."""
    rows = pq.read_table(_file(store, export_bytes(store, scores, KEPT, "parquet"))).to_pylist()
    assert len(rows) == 7
    return rows


def _file(store, download):
    path = store.home / "truth.parquet"
    path.write_bytes(download.data)
    return path


def source_bytes(row):
    return Path(row["uri"]).read_bytes()


def run_snippet(file_format, path, source, folder, *dataset):
    """Execute the Python that the app shows, in its own folder; `dataset` is kind and name where these matter."""
    names: dict = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(snippet(file_format, str(path), str(source), *dataset), names)
    finally:
        os.chdir(before)
    return names


@pytest.mark.parametrize("link", LINKS)
def test_a_tree_for_torchvision(store, scores, source, tmp_path, link):
    path = tmp_path / "tree"
    report = export(store, scores, KEPT, path, file_format="tree", options=ExportOptions("kept", link=link))
    dataset = run_snippet("tree", path, source, tmp_path)["dataset"]
    rows = kept_rows(store, scores)
    assert len(dataset) == report.num_rows == len(rows)
    assert sorted(Path(file).read_bytes() for file, _ in dataset.samples) == sorted(map(source_bytes, rows))
    assert [dataset.classes[label] for _, label in dataset.samples] == sorted(row["label"] for row in rows)
    assert dataset[0][0].size == (12, 8)
    for file, _ in dataset.samples:
        assert Path(file).is_symlink() == (link == "symlink")
        assert (Path(file).stat().st_nlink > 1) == (link == "hardlink") or link == "symlink"


@pytest.mark.parametrize("spooled", [10, 10**6])
def test_a_zip_for_torchvision(store, scores, source, tmp_path, spooled, monkeypatch):
    monkeypatch.setattr("jepascore_core.exporters.archives.SPOOLED_BYTES", spooled)
    (tmp_path / "kept.zip").write_bytes(export_bytes(store, scores, KEPT, "zip").data)
    dataset = run_snippet("zip", "kept.zip", source, tmp_path)["dataset"]
    rows = kept_rows(store, scores)
    found = [(tmp_path / file).read_bytes() for file, _ in dataset.samples]
    assert sorted(found) == sorted(map(source_bytes, rows))
    lines = [json.loads(line) for line in (tmp_path / "curated" / "metadata.jsonl").read_text().splitlines()]
    assert [line["sample_key"] for line in lines] == [row["sample_key"] for row in rows]
    assert all((tmp_path / "curated" / line["file_name"]).is_file() for line in lines)
    everything = tmp_path / "all.zip"
    everything.write_bytes(export_bytes(store, scores, KEPT, "zip", ALL).data)
    with zipfile.ZipFile(everything) as archive:
        assert archive.testzip() is None
        above = [name.split("/")[0] for name in archive.namelist()[:-1]]
    assert (above.count("kept"), above.count("dropped")) == (7, 3)


@pytest.mark.parametrize("file_format", ["imagefolder", "imagefolder_csv"])
@pytest.mark.parametrize("link", ["copy", "symlink"])
def test_imagefolder(store, scores, source, tmp_path, file_format, link, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path = tmp_path / "test-folder"
    export(store, scores, KEPT, path, file_format=file_format, options=ExportOptions("all", link=link))
    dataset = run_snippet(file_format, path, source, tmp_path)["dataset"]
    assert len(dataset) == 10
    assert dataset[0]["image"].size == (12, 8)
    verdicts = {row["sample_key"]: row["verdict"] for row in dataset}
    assert sum(verdict == "keep" for verdict in verdicts.values()) == 7
    wanted = {row["sample_key"]: row for row in kept_rows(store, scores)}
    for row in dataset:
        if row["verdict"] == "keep":
            original = wanted[row["sample_key"]]
            assert (row["label"], row["score"]) == (original["label"], original["score"])
            if not original["uri"].endswith("jpg"):
                assert np.array_equal(np.asarray(row["image"]), np.asarray(Image.open(original["uri"])))


def test_datasets_from_disk(store, scores, source, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setattr("jepascore_core.exporters.archives.ARROW_BYTES", 1000)
    monkeypatch.setattr("jepascore_core.exporters.archives.ARROW_ROWS", 2)
    path = tmp_path / "arrow"
    export(store, scores, KEPT, path, file_format="datasets", options=ALL)
    assert len(list(path.glob("*.arrow"))) > 1
    dataset = run_snippet("datasets", path, source, tmp_path)["dataset"]
    assert len(dataset) == 10
    label = dataset.features["label"]
    assert label.names == ["cat", "cat-big", "dog", "test"]
    kept = dataset.filter(lambda verdict: verdict == "keep", input_columns="verdict")
    for row, wanted in zip(kept, kept_rows(store, scores), strict=True):
        assert row["sample_key"] == wanted["sample_key"]
        assert label.int2str(row["label"]) == wanted["label"]
        assert row["image"].size == (12, 8)
    assert dataset.cast_column("image", type(dataset.features["image"])(decode=False))[0]["image"]["bytes"]


def test_webdataset(store, scores, source, tmp_path, monkeypatch):
    pytest.importorskip("webdataset")
    monkeypatch.setattr("jepascore_core.exporters.archives.SHARD_SAMPLES", 3)
    path = tmp_path / "shards"
    export(store, scores, KEPT, path, file_format="webdataset")
    assert sorted(item.name for item in path.glob("*.tar")) == [f"shard-{n:06d}.tar" for n in range(3)]
    found = list(run_snippet("webdataset", path, source, tmp_path)["dataset"])
    rows = kept_rows(store, scores)
    classes = json.loads((path / "classes.json").read_text())
    assert [item["json"]["sample_key"] for item in found] == [row["sample_key"] for row in rows]
    assert [classes[item["cls"]] for item in found] == [row["label"] for row in rows]
    assert all((item.get("png") or item.get("jpg")).size == (12, 8) for item in found)


def test_indices_for_a_torch_subset(store, scores, source, tmp_path):
    path = tmp_path / "kept.npy"
    report = export(store, scores, KEPT, path, file_format="indices")
    subset = run_snippet("indices", path, source, tmp_path)["dataset"]
    wanted = sorted(row["uri"] for row in kept_rows(store, scores))
    assert sorted(subset.dataset.samples[n][0] for n in subset.indices) == wanted
    assert json.loads(report.provenance_path.read_text())["list"]["order"].startswith("torchvision")
    assert subset[0][0].size == (12, 8)


def test_indices_of_links_are_their_own_positions(store, tmp_path, monkeypatch):
    root = make_source(tmp_path / "linked", ("cat/a.png", "dog/b.png"))
    (root / "dog" / "again.png").symlink_to("../cat/a.png")
    (root / "zebra").symlink_to("dog")
    scores = index(store, root, monkeypatch)
    path = tmp_path / "kept.npy"
    export(store, scores, parse('label != "cat"'), path, file_format="indices")
    subset = run_snippet("indices", path, root, tmp_path)["dataset"]
    found = [Path(subset.dataset.samples[n][0]).relative_to(root).as_posix() for n in subset.indices]
    assert found == ["dog/again.png", "dog/b.png", "zebra/again.png", "zebra/b.png"]


def test_indices_of_what_imagefolder_does_not_read_say_so(store, tmp_path, monkeypatch):
    root = make_source(tmp_path / "mixed", ("cat/a.png", "cat/b.GIF", "loose.png"))
    scores, path = index(store, root, monkeypatch), tmp_path / "kept.npy"
    with pytest.raises(ExportError, match=r'cat/b\.GIF.*rule not key like "\*\.GIF"'):
        export(store, scores, parse(""), path, file_format="indices")
    with pytest.raises(ExportError, match=r"loose\.png is not in a class folder"):
        export(store, scores, parse('not key like "*.GIF"'), path, file_format="indices")
    export(store, scores, parse('not key like "*.GIF" and label = "cat"'), path, file_format="indices")
    assert np.load(path).tolist() == [0]


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.apng", "a.pnm"])
def test_rarer_names_of_a_format_get_one_that_readers_know(store, tmp_path, monkeypatch, name):
    source = make_source(tmp_path / "source", ("cat/b.png",))
    formats = {"a.apng": "PNG", "a.pnm": "PPM"}
    Image.fromarray(np.full((9, 9, 3), 200, np.uint8)).save(source / "cat" / name, format=formats.get(name, "JPEG"))
    scores = index(store, source, monkeypatch)
    export(store, scores, parse(""), tmp_path / "tree", file_format="tree")
    dataset = run_snippet("tree", tmp_path / "tree", source, tmp_path)["dataset"]
    assert sorted(image.size for image, _ in dataset) == [(9, 9), (12, 8)]


@pytest.fixture
def flat(store, tmp_path, monkeypatch):
    """Scores of images without labels, whose names do not sort as their positions do in the folder."""
    return index(store, make_source(tmp_path / "flat", ("b.png", "A.png", "ü.png", "10.png", "9.png")), monkeypatch)


@pytest.mark.parametrize("file_format", ["tree", "zip"])
def test_images_without_labels(store, flat, tmp_path, file_format):
    path = tmp_path / "kept"
    export(store, flat, KEPT, path, file_format=file_format)
    images = list(run_snippet(file_format, path, tmp_path / "flat", tmp_path, "flat")["images"])
    wanted = [Image.open(tmp_path / "flat" / name) for name in ("b.png", "ü.png")]
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(images, wanted, strict=True))


def test_indices_of_what_is_no_class_folders(store, flat, tmp_path):
    path = tmp_path / "kept.npy"
    export(store, flat, KEPT, path, file_format="indices")
    name = store.catalogue.datasets()[-1].name
    kept = run_snippet("indices", path, tmp_path / "flat", tmp_path, "flat", name)["kept"]
    assert kept == ["b.png", "ü.png"]


def test_indices_of_idx_files(store, tmp_path, monkeypatch):
    root = tmp_path / "data" / "MNIST" / "raw"
    root.mkdir(parents=True)
    for stem, count in (("train", 6), ("t10k", 3)):
        write_idx(root / f"{stem}-images-idx3-ubyte", digits(count))
        write_idx(root / f"{stem}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8))
    scores = index(store, root, monkeypatch)
    path = tmp_path / "kept.npy"
    with pytest.raises(ExportError, match="Keep one split"):
        export(store, scores, parse(""), path, file_format="indices")
    rules = parse('split = "train" and score >= 5')
    export(store, scores, rules, path, file_format="indices")
    positions = run_snippet("indices", path, root, tmp_path, "idx")["positions"]
    subset = Subset(MNIST(tmp_path / "data", train=True), positions)
    kept = export_bytes(store, scores, rules, "jsonl").data.decode().splitlines()
    assert [str(label) for _, label in subset] == [json.loads(line)["label"] for line in kept]


def test_positions_in_a_numpy_archive(store, tmp_path, monkeypatch):
    source, path = tmp_path / "set.npz", tmp_path / "kept.npy"
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), np.uint8)
    np.savez(source, images=pixels, labels=np.arange(6) % 2)
    scores = index(store, source, monkeypatch)
    rules = parse('label = "1" and score >= 5')
    export(store, scores, rules, path, file_format="indices")
    images = run_snippet("indices", path, source, tmp_path, "npz")["images"]
    kept = [json.loads(line) for line in export_bytes(store, scores, rules, "jsonl").data.decode().splitlines()]
    assert kept
    np.testing.assert_array_equal(images, [pixels[int(row["sample_key"].rpartition("#")[2])] for row in kept])
    export(store, scores, rules, tmp_path / "tree", file_format="tree")
    assert {file.suffix for file in (tmp_path / "tree").rglob("*.*") if file.is_file()} == {".ppm"}


def test_coco_yolo_and_paths_below_a_root(store, scores, source, tmp_path):
    rows = kept_rows(store, scores)
    coco = json.loads(export_bytes(store, scores, KEPT, "coco", ExportOptions("kept", root=str(source))).data)
    assert [image["id"] for image in coco["images"]] == list(range(1, 8))
    for image, row in zip(coco["images"], rows, strict=True):
        assert (source / image["file_name"]).samefile(row["uri"])
        assert (image["width"], image["height"], image["verdict"]) == (12, 8, "keep")
    assert [category["name"] for category in coco["categories"]] == ["cat", "cat-big", "dog", "test"]
    (tmp_path / "coco.json").write_bytes(export_bytes(store, scores, KEPT, "coco").data)
    listed = run_snippet("coco", "coco.json", source, tmp_path)["images"]
    assert [image["file_name"] for image in listed] == [row["sample_key"] for row in rows]
    (tmp_path / "yolo.txt").write_bytes(export_bytes(store, scores, KEPT, "yolo").data)
    assert run_snippet("yolo", "yolo.txt", source, tmp_path)["images"] == [row["uri"] for row in rows]
    below = ExportOptions("kept", root=str(source.parent))
    listed = export_bytes(store, scores, KEPT, "yolo", below).data.decode().splitlines()
    assert listed[0].startswith(f"./{source.name}/cat")
    (tmp_path / "x.txt").write_bytes(export_bytes(store, scores, KEPT, "txt", below).data)
    assert all((source.parent / key).is_file() for key in run_snippet("txt", "x.txt", source, tmp_path)["keys"])
    with pytest.raises(ExportError, match="is not below"):
        export_bytes(store, scores, KEPT, "csv", ExportOptions("kept", root=str(tmp_path / "elsewhere")))


@pytest.mark.parametrize("root", [True, False], ids=["below a root", "keys"])
@pytest.mark.parametrize("rules", ["score >= 3", "score > 99"])
def test_coco_for_torchvision(store, scores, source, tmp_path, root, rules):
    pytest.importorskip("pycocotools")
    path = tmp_path / "coco.json"
    options = ExportOptions("kept", root=str(source) if root else None)
    export(store, scores, parse(rules), path, file_format="coco", options=options)
    dataset = CocoDetection(str(source), str(path))
    rows = kept_rows(store, scores) if rules == "score >= 3" else []
    assert len(dataset) == len(rows)
    for number, row in enumerate(rows):
        image, boxes = dataset[number]
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(row["uri"])))
        (box,) = boxes
        assert (box["bbox"], box["area"], box["iscrowd"]) == ([0, 0, *image.size], image.width * image.height, 0)
        assert dataset.coco.loadCats(box["category_id"])[0]["name"] == row["label"]
        (facts,) = dataset.coco.loadImgs(dataset.ids[number])
        assert (facts["label"], facts["score"], facts["verdict"]) == (row["label"], row["score"], "keep")
    for category in dataset.coco.loadCats(dataset.coco.getCatIds()):
        of_class = [row["label"] for row in rows].count(category["name"])
        assert len(dataset.coco.getImgIds(catIds=[category["id"]])) == of_class
        assert len(dataset.coco.loadAnns(dataset.coco.getAnnIds(catIds=[category["id"]]))) == of_class
    names = [category["name"] for category in dataset.coco.loadCats(dataset.coco.getCatIds())]
    assert names == ["cat", "cat-big", "dog", "test"]


@pytest.mark.parametrize("root", [True, False], ids=["below a root", "whole paths"])
def test_yolo_for_ultralytics(store, tmp_path, monkeypatch, root):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    data = pytest.importorskip("ultralytics.data.dataset", reason="ultralytics is not installed")
    source = make_source(tmp_path / "images", shape=(32, 48))
    for name in NAMES:
        label = tmp_path / "labels" / Path(name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    scores = index(store, source, monkeypatch)
    path = (source if root else tmp_path) / "kept.txt"
    options = ExportOptions("kept", root=str(source) if root else None)
    export(store, scores, KEPT, path, file_format="yolo", options=options)
    dataset = data.YOLODataset(img_path=str(path), data={"names": {0: "bird"}, "channels": 3}, imgsz=32, augment=False)
    assert [str(Path(file)) for file in dataset.im_files] == [row["uri"] for row in kept_rows(store, scores)]
    assert len(dataset[0]["cls"]) == 1


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_tables_for_pandas(store, scores, source, tmp_path, file_format):
    path = tmp_path / f"all.{file_format}"
    export(store, scores, KEPT, path, options=ALL)
    frame = run_snippet(file_format, path, source, tmp_path)["samples"]
    assert frame["score"].tolist() == [float(n) for n in range(10)]
    assert frame["verdict"].tolist() == ["drop"] * 3 + ["keep"] * 7
    assert frame["reason"].dropna().tolist()[:3] == ["score >= 3"] * 3
    assert pd.api.types.is_float_dtype(frame["percentile"])


def test_datacomp_uids(store, scores, source, tmp_path):
    path = tmp_path / "uids.npy"
    export(store, scores, KEPT, path, file_format="uids")
    uids = run_snippet("uids", path, source, tmp_path)["uids"]
    assert uids.dtype == np.dtype("u8,u8")
    assert np.array_equal(np.sort(uids), uids)
    found = {f"{high:016x}{low:016x}" for high, low in uids.tolist()}
    assert found == {content_id(source_bytes(row)) for row in kept_rows(store, scores)}


def test_datacomp_uids_of_the_dataset_itself(store, tmp_path):
    samples = [make_sample("a", uid="f" * 32), make_sample("b", uid="0" * 31 + "1")]
    dataset = add_dataset(store, "d", samples)
    scores = add_measurements(store, dataset, add_backbone(store), {"a": 1.0, "b": 2.0}, samples=samples)
    export(store, scores, parse(""), tmp_path / "uids.npy", file_format="uids")
    assert np.load(tmp_path / "uids.npy").tolist() == [(0, 1), (2**64 - 1, 2**64 - 1)]


def test_fiftyone_by_its_documented_schema(store, scores, tmp_path):
    path = tmp_path / "fiftyone"
    export(store, scores, KEPT, path, file_format="fiftyone", options=ALL)
    found = json.loads((path / "labels.json").read_text())
    assert set(found) == {"classes", "labels"}
    assert found["classes"] is None
    files = {item.stem: item for item in (path / "data").iterdir()}
    assert set(files) == set(found["labels"])
    keys = {item["attributes"]["sample_key"]: item for item in found["labels"].values()}
    for row in kept_rows(store, scores):
        assert keys[row["sample_key"]]["label"] == row["label"]
        assert keys[row["sample_key"]]["attributes"]["score"] == row["score"]
    assert all(Image.open(item).size == (12, 8) for item in files.values())


def test_fiftyone_without_samples_or_labels(store, tmp_path, monkeypatch):
    """What FiftyOne 1.22 was seen to refuse or to misread: it wants the folder, and makes a class "None" of null."""
    scores = index(store, make_source(tmp_path / "flat", ("0.png", "1.png")), monkeypatch)
    export(store, scores, parse("score > 99"), tmp_path / "none", file_format="fiftyone")
    assert list((tmp_path / "none" / "data").iterdir()) == []
    export(store, scores, parse(""), tmp_path / "all", file_format="fiftyone")
    found = json.loads((tmp_path / "all" / "labels.json").read_text())
    assert [item["label"] for item in found["labels"].values()] == ["", ""]
    assert [item["attributes"]["score"] for item in found["labels"].values()] == [0.0, 1.0]


def test_every_format_has_a_snippet_that_compiles():
    """All but FiftyOne's, whose package brings a database along, are run above."""
    for file_format, kind in itertools.product(FORMATS, KINDS):
        compile(snippet(file_format, 'it\'s "x"', "/a 'b'", kind, "'n\\"), file_format, "exec")
