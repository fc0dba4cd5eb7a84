"""Datasets whose images are inside files, exported; and exports of shards, added as datasets again."""

import itertools
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

from jepascore_core.curation import parse
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import ExportError
from jepascore_core.exporters import ExportOptions
from tests.datasets.row_files import write_rows
from tests.datasets.tars import planned, png, write_tar
from tests.exporters.exporting import export, export_bytes
from tests.exporters.images import index
from tests.exporters.test_consumers import run_snippet

EVERYTHING = parse("")


@pytest.fixture
def shards(tmp_path):
    for shard in range(2):
        members = {}
        for number in range(4):
            members |= {
                f"{shard}/{number}.png": png(10 * shard + number),
                f"{shard}/{number}.cls": str(number % 2).encode(),
            }
        write_tar(tmp_path / "shards" / f"{shard}.tar", members)
    return tmp_path / "shards"


@pytest.mark.parametrize("file_format", ["webdataset", "datasets"])
def test_our_own_exports_read_back_have_the_same_keys_labels_and_bytes(store, scores, source, tmp_path, file_format):
    export(store, scores, EVERYTHING, tmp_path / "own", file_format=file_format)
    lines = export_bytes(store, scores, EVERYTHING, "jsonl").data.decode().splitlines()
    truth = {row["sample_key"]: row for row in map(json.loads, lines)}
    found, failures, _ = planned(tmp_path / "own")
    assert failures == []
    assert {item.sample_key: item.label for item in found} == {key: row["label"] for key, row in truth.items()}
    assert {item.sample_key: item.split for item in found} == {key: row["split"] for key, row in truth.items()}
    for item in found:
        row = truth[item.sample_key]
        assert read_bytes(item.uri) == Path(row["uri"]).read_bytes()
        assert item.metadata["score"] == row["score"]


@pytest.mark.parametrize("file_format", ["tree", "zip", "webdataset", "datasets", "imagefolder", "fiftyone", "coco"])
def test_images_of_tars_are_exported_whole(store, shards, tmp_path, monkeypatch, file_format):
    scores = index(store, shards, monkeypatch)
    report = export(store, scores, EVERYTHING, tmp_path / "out", file_format=file_format)
    assert report.num_rows == 8
    if file_format == "tree":
        folder = ImageFolder(tmp_path / "out")
        written = sorted(Path(path).read_bytes() for path, _ in folder.samples)
        assert written == sorted(png(10 * shard + number) for shard, number in itertools.product(range(2), range(4)))
        assert [folder.classes[label] for _, label in folder.samples] == ["0"] * 4 + ["1"] * 4
    if file_format == "webdataset":
        assert len(planned(tmp_path / "out")[0]) == 8


def test_lists_name_the_keys_of_webdataset_and_links_are_refused(store, shards, tmp_path, monkeypatch):
    scores = index(store, shards, monkeypatch)
    rules = parse("score >= 5")
    listed = export_bytes(store, scores, rules, "txt").data.decode().splitlines()
    assert listed == ["1/1", "1/2", "1/3"]
    with pytest.raises(ExportError, match="Copy the images"):
        export(store, scores, rules, tmp_path / "out", file_format="tree", options=ExportOptions(link="symlink"))
    with pytest.raises(ExportError, match="not separate files"):
        export_bytes(store, scores, rules, "yolo")
    export(store, scores, rules, tmp_path / "kept.npy", file_format="indices")
    name = store.catalogue.datasets()[-1].name
    assert run_snippet("indices", tmp_path / "kept.npy", shards, tmp_path, "tar", name)["kept"] == listed
    assert np.load(tmp_path / "kept.npy").tolist() == [5, 6, 7]


def test_images_in_parquet_are_exported_by_their_keys_and_positions(store, tmp_path, monkeypatch):
    write_rows(tmp_path / "data" / "train.parquet", [{"img": png(n), "label": "ab"[n % 2]} for n in range(8)])
    scores = index(store, tmp_path / "data", monkeypatch)
    rules = parse("score >= 5")
    listed = export_bytes(store, scores, rules, "txt").data.decode().splitlines()
    assert listed == ["train.parquet#5", "train.parquet#6", "train.parquet#7"]
    export(store, scores, rules, tmp_path / "kept.npy", file_format="indices")
    assert np.load(tmp_path / "kept.npy").tolist() == [5, 6, 7]
    export(store, scores, rules, tmp_path / "out", file_format="tree")
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*.png")]
    assert sorted(written) == sorted(png(n) for n in (5, 6, 7))


def test_a_shard_that_was_replaced_stops_an_export(store, shards, tmp_path, monkeypatch):
    scores = index(store, shards, monkeypatch)
    path = shards / "1.tar"
    with tarfile.open(path) as opened:
        start = opened.getmember("1/2.png").offset_data
    data = bytearray(path.read_bytes())
    data[start + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ExportError, match="1/2 changed since it was indexed"):
        export(store, scores, EVERYTHING, tmp_path / "out", file_format="tree")
    assert not (tmp_path / "out").exists()
