"""The manifest at rest: round trips, types over many parts, atomic writes, and the opened dataset."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.manifest import (
    Dataset,
    failure_parts,
    manifest_parts,
    read_failures,
    read_manifest,
    to_samples,
    write_empty_part,
    write_part,
)
from jepascore_core.errors import DatasetNotReadyError, SampleError, StoreError, UnknownNameError
from jepascore_core.records.datasets import Sample, SampleFailure
from tests.datasets.images import write_image


def sample(key: str = "a.png", **metadata: Any) -> Sample:
    return Sample(key, f"/data/{key}", "cat", None, "0" * 32, 3, 2, 100, 123456789012345678, metadata)


def failure(key: str = "b.png") -> SampleFailure:
    return SampleFailure(key, f"/data/{key}", "decode", "OSError", "Damaged.\nCopy it again.", None)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
small, large = st.integers(1, 2**31 - 1), st.integers(0, 2**63 - 1)
samples = st.builds(
    Sample, texts, texts, st.none() | texts, st.none() | texts, texts, small, small, large, large, st.just({})
)
CELLS = {
    "flag": st.booleans(),
    "whole": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(allow_nan=False),
    "words, with.dots": texts,
}


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(samples, st.fixed_dictionaries({}, optional=CELLS)), min_size=1, max_size=6))
def test_samples_survive_the_round_trip(rows: list, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("index")
    written = [replace(row, metadata=metadata) for row, metadata in rows]
    write_part(folder, written, [])
    assert list(to_samples(read_manifest(folder))) == written


def test_failures_survive_the_round_trip(tmp_path: Path):
    write_part(tmp_path, [sample()], [failure("1"), replace(failure("2"), content_id="f" * 32)])
    write_part(tmp_path, [], [failure("3")])
    assert [row["sample_key"] for row in read_failures(tmp_path).to_pylist()] == ["1", "2", "3"]
    assert Dataset(tmp_path).failures()[0] == failure("1")


def test_an_empty_part_writes_nothing(tmp_path: Path):
    write_part(tmp_path, [], [])
    assert list(tmp_path.iterdir()) == []
    assert len(read_manifest(tmp_path)) == len(read_failures(tmp_path)) == 0


def test_types_are_made_consistent_over_all_parts(tmp_path: Path):
    write_part(tmp_path, [sample("1", number=1, mixed=1, late=None)], [])
    write_part(tmp_path, [sample("2", number=2.5, mixed="x"), sample("3")], [])
    write_part(tmp_path, [sample("4", late=True)], [])
    table = read_manifest(tmp_path)
    assert table.schema.field("meta.number").type == pa.float64()
    assert table.schema.field("meta.mixed").type == pa.string()
    assert table.schema.field("meta.late").type == pa.bool_() or table["meta.late"].to_pylist()[-1] == "True"
    assert [row.metadata for row in to_samples(table)][:3] == [
        {"number": 1.0, "mixed": "1"},
        {"number": 2.5, "mixed": "x"},
        {},
    ]


def test_given_types_hold_for_every_part_so_that_sql_can_read_them_together(tmp_path: Path):
    types = {"a": pa.int64(), "b": pa.string()}
    write_part(tmp_path, [sample("1")], [], types)
    write_part(tmp_path, [sample("2", a=5, b="x")], [], types)
    rows = duckdb.sql(f'SELECT sample_key, "meta.a", "meta.b" FROM \'{tmp_path}/manifest-*.parquet\' ORDER BY 1')
    assert rows.fetchall() == [("1", None, None), ("2", 5, "x")]


def test_parts_keep_their_order_however_quickly_they_are_written(tmp_path: Path):
    for number in range(50):
        write_part(tmp_path, [sample(str(number))], [])
    assert [row.sample_key for row in Dataset(tmp_path)] == [str(number) for number in range(50)]


def test_a_part_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path):
    blocked = tmp_path / "index"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="resume"):
        write_part(blocked, [sample()], [])
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_damaged_part_is_named(tmp_path: Path):
    write_part(tmp_path, [sample()], [failure()])
    for path, read in ((manifest_parts(tmp_path)[0], read_manifest), (failure_parts(tmp_path)[0], read_failures)):
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(StoreError, match=path.name):
            read(tmp_path)


def test_unfinished_files_are_not_read(tmp_path: Path):
    write_part(tmp_path, [sample()], [])
    (tmp_path / "manifest-x.parquet.tmp").write_bytes(b"half")
    assert len(Dataset(tmp_path)) == 1


def test_a_dataset_opens_its_images_and_notices_changed_files(tmp_path: Path):
    path = write_image(tmp_path / "data" / "a.png")
    identifier = content_id(path.read_bytes())
    write_part(
        tmp_path, [Sample("a.png", str(path), "x", None, identifier, 32, 24, 1, 1, {"n": 1}), sample("gone")], []
    )
    dataset = Dataset(tmp_path)
    assert len(dataset) == 2
    assert dataset.sample("a.png").metadata == {"n": 1}
    assert dataset.image("a.png").size == dataset.image(dataset.sample("a.png")).size == (32, 24)
    assert len(dataset.table()) == 2
    with pytest.raises(UnknownNameError, match=r'"b\.png"'):
        dataset.sample("b.png")
    with pytest.raises(SampleError, match="does not exist"):
        dataset.image("gone")
    write_image(path, seed=1)
    with pytest.raises(SampleError, match="changed since"):
        dataset.image("a.png")


def test_a_folder_without_an_index_is_not_ready(tmp_path: Path):
    with pytest.raises(DatasetNotReadyError, match="no index"):
        Dataset(tmp_path)
    write_empty_part(tmp_path, {"a": pa.int64()})
    assert len(Dataset(tmp_path)) == 0
    assert list(Dataset(tmp_path)) == []
