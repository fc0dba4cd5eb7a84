"""Shards: atomic, additive, audited; joins and percentiles."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.errors import DatasetNotReadyError, StoreError
from jepascore_core.records import DatasetState, Measurement, MeasurementSpec
from jepascore_core.store import Store, write_atomically

SPEC = MeasurementSpec()


def content(number):
    return f"{number:032x}"


def measurement(number, score):
    return Measurement(
        content(number), np.arange(3, dtype=np.float32)[::-1], 3, score, score - 1, np.ones(3, "f2"), 0.1
    )


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "it's a home")
    yield store
    assert store.check() == []


def add_manifest(store, labels, contents):
    dataset = store.catalogue.add_dataset("toy", "/toy", "flat", {})
    store.catalogue.update_dataset(dataset.dataset_id, state=DatasetState.READY, version="index-1")
    dataset = store.catalogue.dataset("toy")
    folder = store.index_folder(dataset)
    folder.mkdir(parents=True)
    keys = [f"{number}.png" for number in range(len(labels))]
    columns = {
        "sample_key": keys,
        "uri": [f"/toy/{key}" for key in keys],
        "label": pa.array(labels, pa.string()),
        "content_id": [content(number) for number in contents],
    }
    pq.write_table(pa.table(columns), folder / "manifest-1.parquet")
    return dataset


def test_nothing_measured_is_an_empty_relation(store):
    assert store.query(store.measurements_sql("b", SPEC.spec_id)).num_rows == 0
    assert store.spectrum("b", SPEC.spec_id, content(1)) is None


def test_shards_add_up(store):
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.write_measurements("b", SPEC, [measurement(2, 2.0), measurement(3, 3.0)])
    rows = store.query(store.measurements_sql("b", SPEC.spec_id)).to_pylist()
    assert sorted(row["content_id"] for row in rows) == [content(1), content(2), content(3)]
    assert store.measured_specs() == [("b", SPEC.spec_id)]
    assert store.spec("b", SPEC.spec_id) == SPEC
    np.testing.assert_allclose(store.spectrum("b", SPEC.spec_id, content(2)), np.exp([2, 1, 0]), rtol=1e-6)


def test_a_spec_with_other_numbers_has_other_shards(store):
    other = MeasurementSpec(precision="float64")
    assert other.spec_id != SPEC.spec_id
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    assert store.query(store.measurements_sql("b", other.spec_id)).num_rows == 0


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write_atomically(tmp_path / "a.bin", b"data")
    assert list(tmp_path.iterdir()) == []


def test_pending_is_what_no_shard_has_once_per_image(store):
    dataset = add_manifest(store, ["a", "a", "b", "b"], [1, 2, 2, 3])
    assert store.count_images(dataset) == 3
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    pending = store.pending_samples(dataset, "b", SPEC.spec_id).to_pylist()
    assert [(row["content_id"], row["sample_key"]) for row in pending] == [(content(2), "1.png"), (content(3), "3.png")]


def test_percentiles_are_mid_ranks_within_class_and_dataset(store):
    dataset = add_manifest(store, ["a", "a", "a", "b", None], [1, 2, 3, 4, 5])
    scores = {1: 10.0, 2: 20.0, 3: 20.0, 4: 0.0, 5: 30.0}
    store.write_measurements("b", SPEC, [measurement(number, score) for number, score in scores.items()])
    rows = store.query(
        f"SELECT * FROM ({store.scored_sql(dataset, 'b', SPEC.spec_id)}) ORDER BY sample_key"
    ).to_pylist()
    assert [row["score"] for row in rows] == [10.0, 20.0, 20.0, 0.0, 30.0]
    assert [row["class_percentile"] for row in rows] == pytest.approx([100 / 6, 200 / 3, 200 / 3, 50, 50])
    assert [row["percentile"] for row in rows] == pytest.approx([30, 60, 60, 10, 90])
    paper = store.query(f"SELECT min(score) AS low FROM ({store.scored_sql(dataset, 'b', SPEC.spec_id, 'paper')})")
    assert paper["low"][0].as_py() == -1.0


def test_a_dataset_without_index_says_what_to_do(store):
    dataset = store.catalogue.add_dataset("new", "/new", "flat", {})
    with pytest.raises(DatasetNotReadyError, match="jepascore add"):
        store.index_folder(dataset)


def test_where_an_image_is(store):
    dataset = add_manifest(store, ["a"], [1])
    assert store.uri_of(dataset.dataset_id, content(1)) == "/toy/0.png"
    assert store.uri_of(dataset.dataset_id, content(9)) is None
    assert store.uri_of("nobody", content(1)) is None


def test_check_finds_damage_and_repetition(tmp_path):
    store = Store(tmp_path)
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    assert "repeated" in store.check()[0]
    part = next(store.measurement_folder("b", SPEC.spec_id).glob("part-*.parquet"))
    part.write_bytes(b"rubbish")
    assert "damaged" in store.check()[0]
    with pytest.raises(StoreError, match="jepascore doctor"):
        store.query(store.measurements_sql("b", SPEC.spec_id))


def test_removing_a_dataset_keeps_measurements(store):
    dataset = add_manifest(store, ["a"], [1])
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.remove_dataset(dataset)
    assert store.catalogue.datasets() == []
    assert not store.dataset_folder(dataset.dataset_id).exists()
    assert store.query(store.measurements_sql("b", SPEC.spec_id)).num_rows == 1
