"""The reader's claim is counted: rows in = samples + failures, whatever quotes, blanks and line ends a table holds."""

import csv
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets.candidates import Candidate, SourceOptions
from jepascore_core.datasets.csv_rows import MAX_LINES, BadLine, csv_rows
from jepascore_core.datasets.sources import scan
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
#: Cells as they stand, without the quoting that they would need.
RAW = st.text(st.sampled_from('ab"" ,.'), max_size=6)
#: Cells of any text, to be quoted as they need.
ANY = st.text(st.sampled_from('a"\n\r,; é\u2028\x0b\x85'), max_size=8)
PATHS = st.sampled_from(["0.png", "1.png", "a/2.png", "ü.png", ""])


def items_of(content: bytes, name: str = "t.csv") -> list[Candidate | SampleFailure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return list(scan(path, SourceOptions(), Path(folder)).items)


@given(st.lists(st.tuples(PATHS, RAW), max_size=12), LINE_ENDS, st.booleans())
def test_each_line_is_a_sample_or_a_failure_whatever_its_quotes(rows: list[tuple[str, str]], end: str, is_ended: bool):
    lines = [f"{path or 'x.png'},{cell}" for path, cell in rows]
    text = end.join(["path,label", *lines]) + (end if is_ended else "")
    items = items_of(text.encode())
    assert len(items) == len(rows)
    assert len({item.sample_key for item in items}) == len(items)
    for item in items:
        if isinstance(item, Candidate):
            assert not {"\n", "\r"} & set(item.label or ""), "a label that swallowed a row"


@given(st.lists(st.tuples(PATHS, ANY, ANY), max_size=8), LINE_ENDS, st.lists(st.integers(0, 8), max_size=3))
def test_rows_that_are_quoted_as_they_should_be_are_read_as_they_are(
    rows: list[tuple[str, str, str]], end: str, blanks: list[int]
):
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["path", "label", "note"])
    for number, row in enumerate(rows):
        sink.write(end * blanks.count(number))
        writer.writerow(row)
    items = items_of(sink.getvalue().encode())
    assert len(items) == len(rows)
    for item, (path, label, note) in zip(items, rows, strict=True):
        assert isinstance(item, Candidate) == bool(path)
        if isinstance(item, Candidate):
            assert item.label == (label.strip() or None)
            assert item.metadata.get("note") == (note or None)


@given(st.lists(st.text(st.sampled_from('a",\n\r '), max_size=10), max_size=20), st.sampled_from([None, 1, 2]))
def test_no_line_is_lost_or_read_twice(parts: list[str], width: int | None):
    text = "\n".join(parts)
    lines = list(io.StringIO(text, newline=""))
    found = list(csv_rows(lines, ",", width))
    covered = [line for row in found for line in range(row.number, row.number + getattr(row, "num_lines", 1))]
    assert covered == [number for number, line in enumerate(lines, start=1) if line.strip() or number in covered]
    assert len(set(covered)) == len(covered)


@given(st.lists(st.tuples(PATHS, st.one_of(st.none(), st.floats(), st.text(max_size=3), st.integers()))))
def test_json_lines_and_parquet(rows: list[tuple[str, object]]):
    lines = [json.dumps({"path": path, "label": label}) for path, label in rows]
    if lines:
        assert len(items_of("\n".join(lines).encode(), "t.jsonl")) == len(rows)
    table = pa.table({"path": [path for path, _ in rows], "n": range(len(rows))})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert len(items_of(sink.getvalue(), "t.parquet")) == len(rows)


def test_a_quote_that_is_never_closed_costs_its_own_line():
    items = items_of(b'path,label\n0.png,a\n1.png,b\n2.png,"b\n3.png,b\n4.png,b\n5.png,a\n')
    assert [(item.sample_key, item.label) for item in items if isinstance(item, Candidate)] == [
        ("0.png", "a"), ("1.png", "b"), ("3.png", "b"), ("4.png", "b"), ("5.png", "a"),
    ]  # fmt: skip
    (failure,) = [item for item in items if isinstance(item, SampleFailure)]
    assert failure.message == "Line 4 of the table is not a row: a quote is opened but not closed. Correct the line."


@pytest.mark.parametrize(
    ("lines", "bad"),
    [
        (['0.png,"a', "1.png,b", '2.png,c"', "3.png,d"], [2, 4]),
        (['"a,0.png', "b,1.png", 'c",2.png', "d,3.png"], [2, 4]),
        (['0.png,"a" x"y', "1.png,b"], []),
        (['0.png,5" screen', "1.png,b", '2.png,7" screen'], []),
        (['0.png,"two', 'lines"', "1.png,b"], []),
        (['0.png,"a'] + [f"{n}.txt,b" for n in range(2 * MAX_LINES)], [2]),
    ],
)
def test_what_looks_like_rows_is_not_swallowed(lines: list[str], bad: list[int]):
    found = list(csv_rows([f"{line}\n" for line in ["a,b", *lines]], ","))
    assert [row.number for row in found if isinstance(row, BadLine)] == bad


def test_column_names_with_an_open_quote_are_said():
    with pytest.raises(SourceError, match=r"column names .* a quote is opened but not closed. Correct line 2"):
        items_of(b'\npath,"label\n0.png,a\n')


def test_blanks_behind_separators_belong_to_no_cell():
    items = items_of(b'path, label, split, n, note\n0.png, a , train, 1 , "x, y"\n1.png, b, test , 2, z\n')
    assert [(item.label, item.split, item.metadata) for item in items if isinstance(item, Candidate)] == [
        ("a", "train", {"n": 1, "note": "x, y"}),
        ("b", "test", {"n": 2, "note": "z"}),
    ]


def test_labels_that_are_not_a_number_are_missing():
    mixed = b'{"path": "0.png", "label": NaN}\n{"path": "1.png", "label": "cat"}\n{"path": "2.png", "label": 1.0}\n'
    for content, name in ((mixed, "t.jsonl"), (b"path,label\n0.png,nan\n1.png,cat\n2.png,1.0\n", "t.csv")):
        labels = [item.label for item in items_of(content, name) if isinstance(item, Candidate)]
        assert labels == [None, "cat", "1.0"]


def test_y_beside_x_is_a_coordinate():
    for header, label in (
        ("path,x,y,w,h", None),
        ("path,X,Y,w,h", None),
        ("path,a,y,w,h", "7"),
        ("path,x,y,w,class", "5"),
    ):
        (item,) = items_of(f"{header}\n1.png,3,7,4,5\n".encode())
        assert isinstance(item, Candidate)
        assert item.label == label


def test_a_column_called_none_is_none(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,label,split\n1.png,cat,train\n")
    plan = scan(tmp_path / "t.csv", SourceOptions(label_column="none", split_column="none"), tmp_path)
    (item,) = plan.items
    assert isinstance(item, Candidate)
    assert (item.label, item.split, item.metadata) == (None, None, {"label": "cat", "split": "train"})
    (tmp_path / "t.csv").write_text("path,none\n1.png,cat\n")
    (item,) = scan(tmp_path / "t.csv", SourceOptions(label_column="none"), tmp_path).items
    assert isinstance(item, Candidate)
    assert item.label == "cat"
