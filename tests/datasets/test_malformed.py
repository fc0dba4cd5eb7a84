"""Ten malformed variants of every kind of file with images inside: each is a clear error or a failure with its reason.

The good file beside a bad one is always read.
"""

from __future__ import annotations

import datetime as dt
import decimal
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import RunCancelled, SampleError, SourceError
from tests.datasets.conftest import Place, stop_at
from tests.datasets.row_files import PAIR, pair, write_rows
from tests.datasets.tars import png, write_shard, write_tar

datasets = pytest.importorskip("datasets")
pytest.importorskip("webdataset")

Damage = Callable[[bytes], bytes]
#: What can happen to a whole file.
DAMAGES: dict[str, Damage] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "the first half": lambda data: data[: len(data) // 2],
    "without the last hundred bytes": lambda data: data[:-100],
    "without the first block": lambda data: data[512:],
    "zeros": lambda data: bytes(len(data)),
    "a web page": lambda data: b"<!doctype html><html>404</html>" * 40,
    "a block of noise in the middle": lambda data: (
        data[: len(data) // 2] + b"\xa5" * 700 + data[len(data) // 2 + 700 :]
    ),
    "twice": lambda data: data + data,
    "text ends": lambda data: data.replace(b"\n", b"\r\n"),
}


def tar(folder: Path, name: str) -> Path:
    return write_shard(folder / f"{name}.tar", [{"__key__": f"{name}{n}", "png": png(n), "cls": n} for n in range(6)])


def parquet(folder: Path, name: str) -> Path:
    return write_rows(folder / f"{name}.parquet", [{"image": pair(png(n)), "n": n} for n in range(6)], image=PAIR)


def saved(folder: Path, name: str) -> Path:
    features = datasets.Features({"image": datasets.Image()})
    made = datasets.Dataset.from_list([{"image": pair(png(n))} for n in range(6)], features=features)
    made.save_to_disk(str(folder / name))
    (folder / "dataset_dict.json").write_text('{"splits": ["bad", "good"]}')
    return folder / name / "data-00000-of-00001.arrow"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("write", [tar, parquet, saved])
def test_a_damaged_file_never_stops_the_others(tmp_path: Path, place: Place, write, damage: str) -> None:
    place.source = tmp_path / "inside"
    bad = write(place.source, "bad")
    write(place.source, "good")
    bad.write_bytes(DAMAGES[damage](bad.read_bytes()))
    progress = place.index("v1")
    samples, failures = place.rows("v1")
    good = [row for row in samples if "good" in row.sample_key]
    assert [read_bytes(row.uri) for row in good] == [png(n) for n in range(6)]
    assert all(failure.message.rstrip("`").endswith((".", "`")) and len(failure.message) > 20 for failure in failures)
    assert progress.total == len(samples) + len(failures)
    if len(samples) < 12:
        assert failures, "what is not there has a reason"
    for row in samples:
        assert len(read_bytes(row.uri)) == row.num_bytes


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("write", [tar, parquet])
def test_a_damaged_file_alone_is_an_error_or_has_failures(tmp_path: Path, place: Place, write, damage: str) -> None:
    bad = write(tmp_path / "alone", "bad")
    bad.write_bytes(DAMAGES[damage](bad.read_bytes()))
    place.source = bad
    try:
        place.index("v1")
    except SourceError as error:
        assert str(bad) in str(error)
        return
    samples, failures = place.rows("v1")
    assert len(samples) == 6 or failures


def test_members_and_cells_of_every_other_kind(tmp_path: Path) -> None:
    """Uris of an index whose files were replaced by files of another kind are failures of reading."""
    one, other = tar(tmp_path, "one"), parquet(tmp_path, "other")
    uris = [f"tar:{one}#512+{len(png())}/a.png", f"parquet:{other}#0/image"]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second[:300])
    other.write_bytes(first)
    for uri in uris:
        with pytest.raises(SampleError) as caught:
            read_bytes(uri)
        assert caught.value.stage == "read"
    shutil.rmtree(tmp_path)
    for uri in uris:
        with pytest.raises(SampleError, match="does not exist"):
            read_bytes(uri)


def test_rows_of_every_type_are_columns_or_left_out(tmp_path: Path, place: Place) -> None:
    values = {
        "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "day": dt.date(2026, 1, 2), "d": decimal.Decimal("1.50"),
        "big": 2**63, "flag": True, "none": None, "ünï": "x" * 5000, "list": [1], "record": {"a": 1}, "raw": b"1",
    }  # fmt: skip
    table = pa.Table.from_pylist([{"image": png(1), **values}], pa.schema([
        ("image", pa.binary()), ("when", pa.timestamp("us", "UTC")), ("day", pa.date32()), ("d", pa.decimal128(5, 2)),
        ("big", pa.uint64()), ("flag", pa.bool_()), ("none", pa.null()),
        ("ünï", pa.dictionary(pa.int32(), pa.string())),
        ("list", pa.list_(pa.int64())), ("record", pa.struct([("a", pa.int64())])), ("raw", pa.binary()),
    ]))  # fmt: skip
    place.source = tmp_path / "rows.parquet"
    pq.write_table(table, place.source)
    place.index("v1")
    ((row,), _) = place.rows("v1")
    assert row.metadata == {
        "when": "2026-01-02T00:00:00+00:00", "day": "2026-01-02", "d": "1.50", "big": str(2**63), "flag": True,
        "ünï": "x" * 2000,
    }  # fmt: skip


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("write", [tar, parquet])
def test_an_interrupted_index_resumes(tmp_path: Path, place: Place, write, call: int) -> None:
    place.source = tmp_path / "inside"
    for number in range(8):
        write(place.source, f"s{number}")
    write_tar(place.source / "fields.tar", {"f.png": png(9), "f.json": b'{"n": 1, "t": "x", "r": 0.5}'})
    whole = place.index("whole", part_size=3)
    with pytest.raises(RunCancelled):
        place.index("v1", on_progress=stop_at(call), num_threads=1, part_size=3)
    place.reports.clear()
    assert place.index("v1", num_threads=1, part_size=3) == whole
    assert place.rows("v1") == place.rows("whole")
