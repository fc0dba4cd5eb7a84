"""More columns of a table: image quality and label issues, the same in every format, and where they cannot be."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from jepascore_core.curation import parse
from jepascore_core.curation.columns.quality import QUALITIES, QUALITY_ISSUE
from jepascore_core.curation.precompute.steps import pending_work
from jepascore_core.errors import ExportError
from jepascore_core.exporters import FORMATS, SPECS, ExportOptions, extras_work
from jepascore_core.exporters.context import EXPORT_SCHEMA
from jepascore_core.storage.store import Store
from jepascore_core.views.label_issues import label_issue_view
from tests.embeddings.clumps import flipped, put_clumps
from tests.exporters.exporting import export_bytes

BOTH = ExportOptions("all", columns=("quality", "labels"))
LABELS = ExportOptions("all", columns=("labels",))


def test_label_issues_are_those_of_the_list(store: Store) -> None:
    scores = put_clumps(store, [*flipped([7, 12]), None])
    known = {item.sample_key: item for item in label_issue_view(store, scores, 100).worst}
    data = {name: export_bytes(store, scores, parse(""), name, LABELS).data for name in ("csv", "jsonl", "parquet")}
    rows = [json.loads(line) for line in data["jsonl"].splitlines()]
    assert pq.read_table(io.BytesIO(data["parquet"])).to_pylist() == rows
    assert list(rows[0]) == [*EXPORT_SCHEMA.names, "label_issue", "likely_label"]
    for row in rows[:-1]:
        item = known[row["sample_key"]]
        assert (row["label_issue"], row["likely_label"]) == (item.label_issue, item.likely_label)
    assert (rows[-1]["label_issue"], rows[-1]["likely_label"]) == (None, None), "without a label"
    table = pd.read_csv(io.BytesIO(data["csv"]))
    assert table["label_issue"].tolist()[:-1] == [row["label_issue"] for row in rows[:-1]]
    assert export_bytes(store, scores, parse(""), "csv", ExportOptions("all")).data.count(b"label_issue") == 0


def test_quality_is_that_of_rules(store: Store, scores) -> None:
    rows = [json.loads(line) for line in export_bytes(store, scores, parse(""), "jsonl", BOTH).data.splitlines()]
    assert list(rows[0]) == [*EXPORT_SCHEMA.names, *QUALITIES, QUALITY_ISSUE, "label_issue", "likely_label"]
    assert all(row["sharpness"] >= 0 and row[QUALITY_ISSUE] for row in rows)
    middle = sorted(row["brightness"] for row in rows)[len(rows) // 2]
    kept = export_bytes(
        store, scores, parse(f"brightness >= {middle!r}"), "jsonl", ExportOptions(columns=("quality",))
    ).data.splitlines()
    assert {json.loads(line)["sample_key"] for line in kept} == {
        row["sample_key"] for row in rows if row["brightness"] >= middle
    }


def test_what_they_need_is_pending_work(store: Store) -> None:
    scores = put_clumps(store, flipped([7]))
    assert [work.kind for work in pending_work(store, scores, extras_work(("labels",)))] == ["labels"]
    assert pending_work(store, scores, extras_work(("quality",))) == ()


@pytest.mark.parametrize("name", [name for name in FORMATS if not SPECS[name].is_table])
def test_other_formats_refuse_them(store: Store, name) -> None:
    scores = put_clumps(store, flipped([7], 4))
    with pytest.raises(ExportError, match="cannot have more columns"):
        export_bytes(store, scores, parse(""), name, ExportOptions(columns=("quality",)))


def test_requests_of_earlier_releases_have_none() -> None:
    old = {"which": "kept", "root": None, "link": "copy"}
    assert ExportOptions.from_dict(old) == ExportOptions()
    assert ExportOptions.from_dict(json.loads(json.dumps({**old, "columns": ["labels"]}))).columns == ("labels",)
