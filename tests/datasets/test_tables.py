"""Tables: columns by name, types, keys, labels as text, and rows that may not be read."""

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.datasets.candidates import Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.sources import detect_kind, scan
from jepascore_core.datasets.table_files import unique_names
from jepascore_core.datasets.tables import unique_keys
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure
from tests.datasets.images import write_image

ROWS = [
    {"path": "a/1.png", "label": 3, "split": "train", "width": 10, "score": 0.5, "ok": True, "by": "Ana"},
    {"path": "a/2.png", "label": 4, "split": "val", "width": 20, "score": 2.0, "ok": False, "by": None},
]


def write(path: Path, rows: list[dict] = ROWS) -> Path:
    """The same rows in the format of the extension."""
    keys = list(rows[0])
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [separator.join(keys)]
        lines += [separator.join("" if row[key] is None else str(row[key]) for key in keys) for row in rows]
        path.write_text("\n".join(lines) + "\n")
    return path


def plan_of(path: Path, **options: str) -> ScanPlan:
    return scan(path, SourceOptions(**options), path.parent)


def candidates(path: Path, **options: str) -> list[Candidate]:
    items = list(plan_of(path, **options).items)
    assert all(isinstance(item, Candidate) for item in items), items
    return [item for item in items if isinstance(item, Candidate)]


def failures(path: Path, **options: str) -> list[SampleFailure]:
    return [item for item in plan_of(path, **options).items if isinstance(item, SampleFailure)]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_every_format_gives_the_same_samples(tmp_path: Path, name: str):
    table = write(tmp_path / name)
    assert detect_kind(table) == "table"
    first, second = candidates(table)
    assert first == Candidate(
        "a/1.png",
        str(tmp_path / "a" / "1.png"),
        "3",
        "train",
        {"width": 10, "score": 0.5, "ok": True, "by": "Ana"},
    )
    assert second.metadata == {"width": 20, "score": 2.0, "ok": False}
    assert [type(value) for value in second.metadata.values()] == [int, float, bool]
    types = {"width": pa.int64(), "score": pa.float64(), "ok": pa.bool_(), "by": pa.string()}
    assert plan_of(table).metadata_types == types


def test_columns_are_found_by_usual_names_in_any_case(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("Id,File_Name,Category,Subset\n1,x.png,cat,dev\n")
    (found,) = candidates(table)
    assert (found.sample_key, found.label, found.split, found.metadata) == ("x.png", "cat", "dev", {"Id": 1})


def test_given_columns_win_and_wrong_ones_are_told_what_there_is(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("path,photo,label,species,fold\nno.png,yes.png,a,b,2\n")
    (found,) = candidates(table, path_column="photo", label_column="species", split_column="fold")
    assert (found.sample_key, found.label, found.split) == ("yes.png", "b", "2")
    assert found.metadata == {"path": "no.png", "label": "a"}
    with pytest.raises(SourceError, match=r'"spices".*"species".*path, photo, label, species, fold'):
        plan_of(table, label_column="spices")


def test_a_table_without_a_path_column_lists_its_columns(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("one,two\n1,2\n")
    with pytest.raises(SourceError, match=r"one, two.*--path-column"):
        plan_of(table)


def test_a_table_of_bytes_that_are_no_images_asks_for_the_column(tmp_path: Path):
    columns = {"image": [{"bytes": b"no image", "path": "a.wav"}], "raw": [b"1"], "label": ["a"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"no image was recognised .*\(image, raw\).*--path-column"):
        plan_of(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["3", "4", ""], ["3", "4", None]),
        (["3.0", "4.0", ""], ["3", "4", None]),
        (["3.0", "cat", "4.5"], ["3.0", "cat", "4.5"]),
        (["NA", "null", "None"], ["NA", "null", "None"]),
        (["007", "08", "1"], ["007", "08", "1"]),
        (["true", "false", "true"], ["true", "false", "true"]),
    ],
)
def test_labels_of_a_csv_are_its_text(tmp_path: Path, labels: list[str], expected: list[str | None]):
    table = tmp_path / "t.csv"
    table.write_text("path,label\n" + "".join(f"{number}.png,{label}\n" for number, label in enumerate(labels)))
    assert [item.label for item in candidates(table)] == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array([3, None, 4]), ["3", None, "4"]),
        (pa.array([3.0, None, float("nan")]), ["3", None, None]),
        (pa.array([0.5, 1.0, 2.0]), ["0.5", "1", "2"]),
        (pa.array(["cat", "", None]).dictionary_encode(), ["cat", None, None]),
        (pa.array([True, False, None]), ["True", "False", None]),
    ],
)
def test_labels_of_a_parquet_become_text(tmp_path: Path, labels: pa.Array, expected: list[str | None]):
    pq.write_table(pa.table({"path": ["1.png", "2.png", "3.png"], "label": labels}), tmp_path / "t.parquet")
    assert [item.label for item in candidates(tmp_path / "t.parquet")] == expected


def test_identifiers_keep_their_zeros_and_digits(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("path,zip,galaxy,huge,ratio\n1,00123,587722953303916935,12345678901234567890,1\n2,123,1,2,.5\n")
    first, second = candidates(table)
    assert first.sample_key == "1"
    assert first.metadata == {
        "zip": "00123",
        "galaxy": 587722953303916935,
        "huge": "12345678901234567890",
        "ratio": 1.0,
    }
    assert second.metadata["ratio"] == 0.5


def test_a_csv_with_quotes_newlines_semicolons_a_mark_and_windows_lines(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_bytes('\ufeffpath;label;note\r\n"new\nline.png";"a ""b""";x,y\r\nä b.png;ü;\r\n'.encode())
    first, second = candidates(table)
    assert (first.sample_key, first.label, first.metadata) == ("new\nline.png", 'a "b"', {"note": "x,y"})
    assert (second.sample_key, second.label, second.metadata) == ("ä b.png", "ü", {})


def test_bad_lines_are_failures_with_their_number(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,label\n1.png,a\n2.png,b,c\n3.png,d\n4.png\n")
    (tmp_path / "t.jsonl").write_text('{"path": "1.png"}\n{"path": \n\n[1]\n{"path": "3.png"}\n' + "[" * 100_000 + "\n")
    for name, lines in (("t.csv", [3, 5]), ("t.jsonl", [2, 4, 6])):
        found = failures(tmp_path / name)
        assert [failure.sample_key for failure in found] == [f"#line {line}" for line in lines]
        assert all(failure.stage == "scan" for failure in found)
        assert sum(isinstance(item, Candidate) for item in plan_of(tmp_path / name).items) == 2


def test_columns_of_mixed_type_become_text_over_all_rows(tmp_path: Path):
    table = tmp_path / "t.jsonl"
    rows = [{"path": f"{number}.png", "x": number, "late": None, "f": 1} for number in range(12_000)]
    rows[-1] |= {"x": "text", "late": True, "f": 0.5, "nested": {"a": [1, "ä"]}, "huge": 10**30}
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan_of(table)
    assert plan.metadata_types == {
        "x": pa.string(),
        "late": pa.bool_(),
        "f": pa.float64(),
        "nested": pa.string(),
        "huge": pa.string(),
    }
    found = list(plan.items)
    assert found[0].metadata == {"x": "0", "f": 1.0}
    assert found[-1].metadata == {"x": "text", "late": True, "f": 0.5, "nested": '{"a": [1, "ä"]}', "huge": str(10**30)}


def test_other_types_of_parquet_become_text_and_bytes_are_left_out(tmp_path: Path):
    columns = {
        "path": pa.array(["1.png"]).cast(pa.large_string()),
        "day": pa.array([datetime.date(2024, 2, 29)]),
        "tags": pa.array([["a", "b"]]),
        "small": pa.array([7], pa.uint8()),
        "half": pa.array(np.array([0.5], np.float16)),
        "raw": pa.array([b"\0\1"]),
        "image": pa.array([{"bytes": b"png", "path": "x"}]),
        "nothing": pa.nulls(1),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (found,) = candidates(tmp_path / "t.parquet")
    assert found.metadata == {"day": "2024-02-29", "tags": '["a", "b"]', "small": 7, "half": 0.5}


def test_repeated_paths_get_keys_of_their_own(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("path,label\na.png,x\na.png,y\na.png#2,z\na.png,w\n")
    found = candidates(table)
    assert [item.sample_key for item in found] == ["a.png", "a.png#3", "a.png#2", "a.png#4"]
    assert [item.label for item in found] == ["x", "y", "z", "w"]
    assert found[0].uri == found[1].uri


@given(st.lists(st.sampled_from(["a", "a#2", "a#3", "b", "a#2#2"]), max_size=12))
def test_keys_are_unique_and_first_ones_unchanged(keys: list[str]):
    unique = unique_keys(keys)
    assert len(set(unique)) == len(unique) == len(keys)
    assert all(
        new == old for position, (new, old) in enumerate(zip(unique, keys, strict=True)) if old not in keys[:position]
    )


@given(st.lists(st.sampled_from(["a", "A", "a_2", "", " a ", "column_4"]), max_size=8))
def test_column_names_are_unique_without_regard_to_case(names: list[str]):
    unique = unique_names(names)
    assert len({name.casefold() for name in unique}) == len(names)
    assert all(unique)


def test_rows_that_leave_the_allowed_folders_are_failures_with_a_remedy(tmp_path: Path):
    data, outside = tmp_path / "data", tmp_path / "outside"
    secret = write_image(outside / "secret.png")
    inside = write_image(data / "in.png")
    (data / "link.png").symlink_to(secret)
    (data / "folder").symlink_to(outside)
    paths = ["in.png", str(inside), "../outside/secret.png", str(secret), "link.png", "folder/secret.png", "..", "/"]
    table = write(data / "t.csv", [{"path": path} for path in paths])
    items = list(plan_of(table).items)
    assert [isinstance(item, Candidate) for item in items] == [True, True] + [False] * 6
    assert {item.uri for item in items[:2]} == {str(inside)}
    for failure in items[2:]:
        assert failure.stage == "scan"
        assert "root" in failure.message
    allowed = candidates(write(data / "t.csv", [{"path": str(secret)}]), root=str(outside))
    assert [item.uri for item in allowed] == [str(secret)]


def test_relative_paths_start_from_the_root_if_one_is_given(tmp_path: Path):
    image = write_image(tmp_path / "images" / "x.png")
    lists = tmp_path / "lists"
    lists.mkdir()
    table = write(lists / "t.csv", [{"path": "x.png"}])
    assert candidates(table, root=str(tmp_path / "images"))[0].uri == str(image)


def test_rows_without_a_usable_path_are_failures(tmp_path: Path):
    rows = [{"path": None}, {"path": "https://example.org/a.png"}, {"path": ""}, {"path": "ok.png"}]
    table = write(tmp_path / "t.jsonl", rows)
    found = failures(table)
    assert [failure.sample_key for failure in found] == ["#row 1", "https://example.org/a.png", "#row 3"]
    assert "no path" in found[0].message
    assert "not fetched" in found[1].message


def test_file_uris_are_paths(tmp_path: Path):
    image = write_image(tmp_path / "a b.png")
    table = write(tmp_path / "t.jsonl", [{"path": f"file://{tmp_path}/a%20b.png"}])
    assert candidates(table)[0].uri == str(image)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01" * 50, b"PAR1" + bytes(20), b"path\n\xe9\xff.png\n"])
def test_files_that_are_no_tables_are_refused(tmp_path: Path, name: str, content: bytes):
    table = tmp_path / name
    table.write_bytes(content)
    with pytest.raises(SourceError, match=r"t\.(csv|tsv|jsonl|parquet)"):
        plan_of(table)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl"])
def test_a_table_in_utf_16_as_spreadsheets_save_it_is_named_as_such(tmp_path: Path, name: str):
    (tmp_path / name).write_text('{"path": "a.png"}\n' if name == "t.jsonl" else "path\na.png\n", encoding="utf-16")
    with pytest.raises(SourceError, match="is in UTF-16: save it again as UTF-8"):
        plan_of(tmp_path / name)


def test_a_folder_with_one_table_that_lists_its_images_is_that_table(tmp_path: Path):
    write_image(tmp_path / "images" / "1.png")
    assert detect_kind(tmp_path) == "imagefolder"
    table = write(tmp_path / "labels.csv", [{"file": "images/1.png", "label": "cat"}])
    assert detect_kind(tmp_path) == "table"
    assert [item.label for item in candidates(tmp_path)] == ["cat"]
    write(tmp_path / "labels.csv", [{"file": "elsewhere/1.png", "label": "cat"}])
    assert detect_kind(tmp_path) == "imagefolder", "a table about other files"
    write(tmp_path / "labels.csv", [{"x": 1}])
    assert detect_kind(tmp_path) == "imagefolder", "a table about other things"
    with pytest.raises(SourceError, match='column "photo"'):
        detect_kind(tmp_path, SourceOptions(path_column="photo"))
    table.write_bytes(b"\xff\xfe")
    assert detect_kind(tmp_path) == "imagefolder", "a broken table does not hide the images"
    with pytest.raises(SourceError, match="table's own path"):
        scan(tmp_path, SourceOptions(kind="table"), tmp_path)


def test_a_table_of_a_hundred_thousand_rows_is_planned_quickly(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("path,label\n" + "".join(f"images/{n % 100}/{n}.png,{n % 10}\n" for n in range(100_000)))
    found = candidates(table)
    assert len(found) == 100_000
    assert found[-1].uri == str(tmp_path / "images/99/99999.png")
