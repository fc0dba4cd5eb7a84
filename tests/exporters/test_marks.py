"""Tags and corrected labels in every format that has columns, and folders by corrected labels."""

from __future__ import annotations

import csv
import json
import tarfile
import zipfile

import pyarrow.parquet as pq
import pytest

from jepascore_core.curation import Curation
from jepascore_core.curation.relabelling import relabel
from jepascore_core.curation.tags import add_tag
from jepascore_core.errors import ExportError
from jepascore_core.exporters import ExportOptions
from jepascore_core.storage.sample_lists import sample_table
from tests.exporters.exporting import export
from tests.exporters.images import index, make_source

TAGS = ["blurred", "dark"]


@pytest.fixture
def scores(store, tmp_path, monkeypatch):
    """Images of two classes, the first of which is tagged twice and of the second class."""
    found = index(store, make_source(tmp_path / "source"), monkeypatch)
    rows = store.query(
        f"SELECT sample_key, content_id, label FROM ({store.manifest_sql(store.catalogue.dataset(found.dataset_id))}) "
        "WHERE label IS NOT NULL ORDER BY sample_key"
    ).to_pylist()
    first = sample_table([(rows[0]["sample_key"], rows[0]["content_id"])])
    for tag in TAGS:
        add_tag(store, found.dataset_id, first, tag, "ada")
    relabel(store, found.dataset_id, {"other class": first}, "ada", new_classes=True)
    return found, rows[0]


def of_first(rows, key):
    return next(row for row in rows if row["sample_key"] == key)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_tables_have_tags_and_corrected_labels(store, scores, tmp_path):
    found, first = scores
    for name in ("list.csv", "list.jsonl", "list.parquet"):
        export(store, found, Curation(), tmp_path / name)
    key = first["sample_key"]
    with (tmp_path / "list.csv").open(encoding="utf-8") as text:
        row = of_first(csv.DictReader(text), key)
    assert (row["tags"], row["label"], row["corrected_label"]) == ("blurred;dark", first["label"], "other class")
    row = of_first(lines((tmp_path / "list.jsonl").read_text()), key)
    assert (row["tags"], row["corrected_label"]) == (TAGS, "other class")
    rows = pq.read_table(tmp_path / "list.parquet").to_pylist()
    assert of_first(rows, key)["tags"] == TAGS
    others = [row for row in rows if row["sample_key"] != key]
    assert {(tuple(row["tags"]), row["corrected_label"]) for row in others} == {((), None)}


def test_folders_go_by_corrected_labels_only_if_asked(store, scores, tmp_path):
    found, first = scores
    export(store, found, Curation(), tmp_path / "plain", file_format="tree")
    assert not (tmp_path / "plain" / "other class").exists()
    asked = ExportOptions(labels="corrected")
    report = export(store, found, Curation(), tmp_path / "tree", file_format="tree", options=asked)
    assert len([path for path in (tmp_path / "tree" / "other class").rglob("*") if path.is_file()]) == 1
    provenance = json.loads(report.provenance_path.read_text())
    assert (provenance["list"]["labels"], provenance["marks"]["num_relabelled"]) == ("corrected", 1)

    export(store, found, Curation(), tmp_path / "list.zip", options=asked)
    with zipfile.ZipFile(tmp_path / "list.zip") as archive:
        row = of_first(lines(archive.read("metadata.jsonl").decode()), first["sample_key"])
    assert row["file_name"].startswith("other class/")
    assert (row["label"], row["corrected_label"], row["tags"]) == (first["label"], "other class", TAGS)

    export(store, found, Curation(), tmp_path / "shards", file_format="webdataset", options=asked)
    classes = json.loads((tmp_path / "shards" / "classes.json").read_text())
    with tarfile.open(tmp_path / "shards" / "shard-000000.tar") as shard:
        members = {member.name: shard.extractfile(member).read() for member in shard.getmembers()}
    stem = next(
        name.removesuffix(".json")
        for name, data in members.items()
        if name.endswith(".json") and json.loads(data)["sample_key"] == first["sample_key"]
    )
    assert classes[int(members[f"{stem}.cls"])] == "other class"

    export(store, found, Curation(), tmp_path / "coco.json", file_format="coco", options=asked)
    coco = json.loads((tmp_path / "coco.json").read_text())
    image = next(image for image in coco["images"] if image["tags"])
    names = {item["id"]: item["name"] for item in coco["categories"]}
    assert [names[item["category_id"]] for item in coco["annotations"] if item["image_id"] == image["id"]] == [
        "other class"
    ]

    export(store, found, Curation(), tmp_path / "fiftyone", file_format="fiftyone", options=asked)
    labels = json.loads((tmp_path / "fiftyone" / "labels.json").read_text())["labels"]
    label = next(item for item in labels.values() if item["attributes"]["sample_key"] == first["sample_key"])
    assert (label["label"], label["attributes"]["tags"]) == ("other class", TAGS)
    assert label["attributes"]["original_label"] == first["label"]


def test_datasets_and_imagefolders_have_them_as_columns(store, scores, tmp_path):
    found, first = scores
    export(store, found, Curation(), tmp_path / "folder", file_format="imagefolder_csv")
    with (tmp_path / "folder" / "metadata.csv").open(encoding="utf-8") as text:
        assert of_first(csv.DictReader(text), first["sample_key"])["tags"] == "blurred;dark"
    export(store, found, Curation(), tmp_path / "arrow", file_format="datasets")
    features = json.loads((tmp_path / "arrow" / "dataset_info.json").read_text())["features"]
    assert features["tags"] == features["corrected_label"] == {"dtype": "string", "_type": "Value"}


def test_a_list_has_no_folders_for_classes(store, scores, tmp_path):
    with pytest.raises(ExportError, match="corrected_label"):
        export(store, scores[0], Curation(), tmp_path / "list.csv", options=ExportOptions(labels="corrected"))
