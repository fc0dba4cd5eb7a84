"""Lists on disk: read back equal, whole or not at all, the same for the same question."""

import csv
import hashlib
import io
import json
import os
import stat
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation import Curation, parse
from jepascore_core.curation.recipes import from_dict
from jepascore_core.errors import ExportError, UnknownNameError
from jepascore_core.exporters import ExportOptions, suggested_name
from jepascore_core.exporters.context import EXPORT_SCHEMA
from jepascore_core.records.datasets import SampleFailure
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.spreadsheets import neutralised, restored
from jepascore_core.storage.store import Store
from jepascore_core.trust.verdict import NOT_TRIED_YET
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, make_sample, make_samples
from tests.exporters.exporting import export, export_bytes
from tests.storage.test_spreadsheets import is_formula

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@sum",
    "\tx",
    "a,b",
    'quo"te',
    "ünï/日本.png",
    "<b>&amp;",
    "'",
    "x;=1",
    "  a ",
]
RULES = parse("score >= 2")
NO_RULES = Curation()
LISTS = ("txt", "csv", "jsonl", "parquet")


def scored(store, samples, values, failures=()):
    dataset = add_dataset(store, "d / 1", samples, failures)
    scores = {s.sample_key: float(v) for s, v in zip(samples, values, strict=True) if v is not None}
    return add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


@pytest.fixture
def scores(store):
    samples = make_samples(["a", "a", "b", "b", None])
    failures = [SampleFailure("bad.png", "/bad.png", "decode", "OSError", "broken")]
    return scored(store, samples, [1.5, 2.5, 3.5, None, 0.1], failures)


@pytest.fixture
def hostile(store):
    samples = [make_sample(key, HOSTILE[-number], "train") for number, key in enumerate(HOSTILE)]
    return scored(store, samples, range(len(samples)))


def test_txt_is_the_keys_one_a_line(store, scores, tmp_path):
    report = export(store, scores, RULES, tmp_path / "kept.txt")
    assert report.path.read_bytes() == b"a/0001.png\nb/0002.png\n"
    assert report.num_rows == 2
    dropped = export(store, scores, RULES, tmp_path / "list", file_format="txt", options=ExportOptions("dropped"))
    assert dropped.path.read_text().splitlines() == ["a/0000.png", "none/0004.png"]
    unscored = export(store, scores, RULES, tmp_path / "unscored.txt", options=ExportOptions("unscored"))
    assert unscored.path.read_text() == "b/0003.png\n"


def test_all_formats_hold_the_same_rows(store, scores, tmp_path):
    for file_format in ("csv", "jsonl", "parquet"):
        export(store, scores, RULES, tmp_path / f"all.{file_format}", options=ExportOptions("all"))
    parquet = pq.read_table(tmp_path / "all.parquet")
    assert parquet.schema.equals(EXPORT_SCHEMA)
    rows = parquet.to_pylist()
    assert [row["verdict"] for row in rows] == ["drop", "keep", "keep", "unscored", "drop"]
    assert rows[0] == {
        "sample_key": "a/0000.png", "uri": "/images/a/0000.png", "label": "a", "split": "test", "score": 1.5,
        "class_percentile": 25.0, "percentile": 37.5, "verdict": "drop", "reason": "score >= 2",
    }  # fmt: skip
    assert (rows[3]["score"], rows[4]["label"]) == (None, None)
    assert [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()] == rows
    frame = pd.read_csv(tmp_path / "all.csv")
    assert frame["score"].dtype == float
    pd.testing.assert_frame_equal(frame, parquet.to_pandas(), check_dtype=False)


def test_scores_are_written_to_the_last_digit(store, tmp_path):
    values = [0.1 + 0.2, -1 / 3, 1e-17]
    scores = scored(store, make_samples("aaa"), values)
    for file_format in ("csv", "jsonl"):
        export(store, scores, NO_RULES, tmp_path / f"x.{file_format}")
    assert pd.read_csv(tmp_path / "x.csv", float_precision="round_trip")["score"].tolist() == values
    assert [json.loads(line)["score"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == values


def test_hostile_names_survive(store, hostile, tmp_path):
    wanted = sorted(HOSTILE, key=str.encode)
    for file_format in LISTS:
        export(store, hostile, NO_RULES, tmp_path / f"x.{file_format}")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8").split("\n") == [*wanted, ""]
    assert pq.read_table(tmp_path / "x.parquet")["sample_key"].to_pylist() == wanted
    assert [json.loads(line)["sample_key"] for line in (tmp_path / "x.jsonl").open()] == wanted
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["sample_key"] for row in found] == [neutralised(key) for key in wanted]
    for row in found:
        cells = [row[name] for name in ("sample_key", "label", "uri") if row[name] not in ("+1", "-1")]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert {row["sample_key"] for row in found} >= {"'=cmd|' /C calc'!A0", "-1", "''", "a,b", "x;'=1"}
    assert [restored(row["sample_key"]) for row in found] == wanted


def test_numbers_stay_numbers_in_csv(store, tmp_path):
    scores = scored(store, [make_sample("-5", "-5")], [-5.25])
    export(store, scores, NO_RULES, tmp_path / "x.csv")
    header, line = (tmp_path / "x.csv").read_text().splitlines()
    assert header.startswith('"sample_key","uri"')
    assert line == '"-5","/images/-5","-5","",-5.25,50.0,50.0,"keep",""'


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\u2028b", "a\x85", "a\x0cb"])
def test_a_key_with_a_line_break_cannot_be_in_a_text_list(store, tmp_path, name):
    scores = scored(store, [make_sample(name, "a\nb")], [1])
    with pytest.raises(ExportError, match="line break"):
        export(store, scores, NO_RULES, tmp_path / "x.txt")
    assert list(tmp_path.glob("*x.*")) == []
    export(store, scores, NO_RULES, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [row["sample_key"] for row in csv.DictReader(file)] == [name]


def test_provenance(store, scores, tmp_path):
    report = export(store, scores, RULES, tmp_path / "kept.csv")
    assert report.provenance_path == tmp_path / "kept.csv.provenance.json"
    found = json.loads(report.provenance_path.read_text())
    dataset = store.catalogue.dataset("d / 1")
    assert found["dataset"]["name"] == "d / 1"
    assert found["dataset"]["source"] == dataset.source
    assert found["dataset"]["version"] == "v1"
    assert found["counts"] == {
        "kept": 2, "dropped": 2, "unscored": 1, "num_unreadable": 1, "decided": 0, "unmeasured": 1, "total": 5,
    }  # fmt: skip
    assert found["list"]["sha256"] == report.sha256 == hashlib.sha256(report.path.read_bytes()).hexdigest()
    assert found["list"] | {"sha256": ""} == {
        "name": "kept.csv", "format": "csv", "which": "kept", "root": None, "link": "copy", "sha256": "", "num_rows": 2,
        "columns": [], "labels": "original",
    }  # fmt: skip
    recipe = from_dict(found["recipe"])
    assert recipe.curation == RULES
    assert recipe.fingerprint == found["dataset"]["fingerprint"]
    assert (recipe.scores[0].spec_id, recipe.scores[0].spec) == (SPEC.spec_id, SPEC.to_dict())
    assert found["backbone"]["weights_hash"] == add_backbone(store).weights_hash
    assert found["recipe"]["definition"] == "rank"
    assert "higher = more likely" in found["score"]
    (trust,) = found["trust"]
    assert (trust["backbone_id"], trust["spec_id"]) == (recipe.scores[0].backbone_id, SPEC.spec_id)
    assert (trust["colour"], trust["sentence"]) == ("grey", NOT_TRIED_YET)
    assert found["created_at"].endswith("+00:00")
    pairs = store.query(f"SELECT sample_key, content_id FROM ({store.manifest_sql(dataset)}) ORDER BY 1").to_pylist()
    lines = "".join(json.dumps([row["sample_key"], row["content_id"]]) + "\n" for row in pairs)
    assert found["dataset"]["fingerprint"] == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def test_the_fingerprint_is_of_the_content(store, tmp_path):
    def fingerprint(name, samples):
        dataset = add_dataset(store, name, samples)
        add_measurements(store, dataset, backbone, {samples[0].sample_key: 1.0}, samples=samples)
        scores = ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))
        return json.loads(export_bytes(store, scores, NO_RULES, "txt").provenance)["dataset"]["fingerprint"]

    backbone = add_backbone(store)
    first = fingerprint("one", [make_sample("a.png"), make_sample("b.png", content="1")])
    for part in store.measurement_folder(SPEC.key(backbone.backbone_id)).glob("part-*"):
        part.unlink()
    assert fingerprint("two", [make_sample("b.png", content="1"), make_sample("a.png")][::-1]) == first
    for part in store.measurement_folder(SPEC.key(backbone.backbone_id)).glob("part-*"):
        part.unlink()
    assert fingerprint("three", [make_sample("a.png"), make_sample("b.png", content="2")]) != first


@pytest.mark.parametrize("file_format", LISTS)
def test_the_same_question_gives_the_same_bytes(store, hostile, tmp_path, file_format):
    first = export(store, hostile, RULES, tmp_path / f"1.{file_format}")
    again = export(store, hostile, parse("score >= 2 and score >= 2"), tmp_path / f"2.{file_format}")
    assert first.path.read_bytes() == again.path.read_bytes()
    download = export_bytes(store, hostile, RULES, file_format)
    assert download.data == first.path.read_bytes()
    assert download.file_name == f"d-1-kept.{file_format}"
    assert json.loads(download.provenance)["list"]["name"] == download.file_name
    assert download.num_rows == first.num_rows == 10


def test_nothing_is_overwritten_unless_asked(store, scores, tmp_path):
    path = tmp_path / "kept.csv"
    export(store, scores, RULES, path)
    before = path.read_bytes()
    with pytest.raises(ExportError, match="already exists"):
        export(store, scores, NO_RULES, path)
    assert path.read_bytes() == before
    report = export(store, scores, NO_RULES, path, overwrite=True)
    assert path.read_bytes() != before
    assert json.loads(report.provenance_path.read_text())["list"]["sha256"] == report.sha256
    assert sorted(item.name for item in tmp_path.iterdir()) == ["home", "kept.csv", "kept.csv.provenance.json"]


def test_an_old_provenance_file_is_not_overwritten_either(store, scores, tmp_path):
    (tmp_path / "kept.csv.provenance.json").write_text("mine")
    with pytest.raises(ExportError, match=r"provenance\.json already exists"):
        export(store, scores, RULES, tmp_path / "kept.csv")
    assert not (tmp_path / "kept.csv").exists()


def test_targets_that_cannot_be(store, scores, tmp_path):
    with pytest.raises(ExportError, match="does not exist"):
        export(store, scores, RULES, tmp_path / "missing" / "kept.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        export(store, scores, RULES, tmp_path / "folder.csv", overwrite=True)
    with pytest.raises(ExportError, match="Choose another name"):
        export(store, scores, RULES, tmp_path / f"{'x' * 300}.csv")


@pytest.mark.parametrize("path", ["/", ".", ""])
def test_a_path_without_a_name_is_no_target(store, scores, path):
    with pytest.raises(ExportError, match="Choose a name in it"):
        export(store, scores, RULES, Path(path), file_format="csv")


@pytest.mark.parametrize("overwrite", [False, True])
def test_links_pipes_and_devices_are_never_replaced(store, scores, tmp_path, overwrite):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "file.csv").write_text("mine")
    (tmp_path / "link.csv").symlink_to("file.csv")
    (tmp_path / "dangling.csv").symlink_to("nowhere")
    for name in ("pipe", "link", "dangling"):
        with pytest.raises(ExportError, match="link, pipe or device, which is never replaced"):
            export(store, scores, RULES, tmp_path / f"{name}.csv", overwrite=overwrite)
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").lstat().st_mode)
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "file.csv").read_text() == "mine"
    assert len(list(tmp_path.glob("*.csv*"))) == 4


def test_questions_that_cannot_be(store, scores, tmp_path):
    with pytest.raises(ExportError, match="cannot hold verdicts"):
        export(store, scores, RULES, tmp_path / "all.txt", options=ExportOptions("all"))
    with pytest.raises(ExportError, match=r"format of kept is unclear.*--format"):
        export(store, scores, RULES, tmp_path / "kept")
    with pytest.raises(ExportError, match=r"Choose uids or indices \(--format\)"):
        export(store, scores, RULES, tmp_path / "kept.npy")
    with pytest.raises(ExportError, match='Unknown export format "xlsx"'):
        export(store, scores, RULES, tmp_path / "x.xlsx")
    with pytest.raises(ExportError, match="Available: kept"):
        export(store, scores, RULES, tmp_path / "x.csv", options=ExportOptions("best"))
    with pytest.raises(UnknownNameError):
        export(store, ScoreSet("gone", MeasurementKey("b", "s")), RULES, tmp_path / "x.csv")
    with pytest.raises(UnknownNameError, match="Start a run first"):
        export(store, ScoreSet(scores.dataset_id, MeasurementKey("b", "s")), RULES, tmp_path / "x.csv")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize("file_format", LISTS)
def test_an_empty_list_is_a_list(store, scores, tmp_path, file_format):
    report = export(store, scores, parse("score >= 1e9"), tmp_path / f"x.{file_format}")
    assert report.num_rows == 0
    assert json.loads(report.provenance_path.read_text())["counts"]["dropped"] == 4
    if file_format == "parquet":
        assert pq.read_table(report.path).num_rows == 0
    else:
        assert len(report.path.read_text().splitlines()) == (file_format == "csv")


def test_suggested_names_are_safe():
    assert suggested_name("../../etc/passwd", "kept", "csv") == "etc-passwd-kept.csv"
    assert suggested_name("日本", "all", "jsonl") == "dataset-all.jsonl"


KEYS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12),
    min_size=1, max_size=20, unique=True,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(KEYS, st.integers(0, 20))
def test_any_name_reads_back(keys, cut):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "home")
        scores = scored(store, [make_sample(key, key) for key in keys], range(len(keys)))
        rules = parse(f"score >= {cut}")
        wanted = sorted(keys, key=str.encode)
        rows = pq.read_table(
            io.BytesIO(export_bytes(store, scores, rules, "parquet", ExportOptions("all")).data)
        ).to_pylist()
        assert [row["sample_key"] for row in rows] == wanted
        assert {row["sample_key"] for row in rows if row["verdict"] == "keep"} == set(keys[cut:])
        lines = export_bytes(store, scores, rules, "jsonl", ExportOptions("all")).data.decode("ascii").splitlines()
        assert [json.loads(line) for line in lines] == rows
        text = export_bytes(store, scores, rules, "csv", ExportOptions("all")).data.decode()
        found = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["sample_key"] for row in found] == [neutralised(key) for key in wanted]
        assert [restored(row["label"]) for row in found] == wanted
        assert not any(is_formula(row["label"]) for row in found)
