"""Shards: atomic, additive, audited; joins and percentiles."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.errors import DatasetNotReadyError, StoreError
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.measurements import Measurement, MeasurementSpec
from jepascore_core.score import score_of_log_spectrum
from jepascore_core.storage.audit import audit
from jepascore_core.storage.measurement_sql import CALIBRATED_SCHEMA, INTERVAL_COLUMNS, SCORE_COLUMN
from jepascore_core.storage.store import Store

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
    assert audit(store) == []


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
    assert store.query(store.measurements_sql(SPEC.key("b"))).num_rows == 0
    assert store.spectrum(SPEC.key("b"), content(1)) is None


def test_shards_add_up(store):
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.write_measurements("b", SPEC, [measurement(2, 2.0), measurement(3, 3.0)])
    rows = store.query(store.measurements_sql(SPEC.key("b"))).to_pylist()
    assert sorted(row["content_id"] for row in rows) == [content(1), content(2), content(3)]
    assert store.measured_keys() == [SPEC.key("b")]
    assert store.spec(SPEC.key("b")) == SPEC
    np.testing.assert_allclose(store.spectrum(SPEC.key("b"), content(2)), np.exp([2, 1, 0]), rtol=1e-6)


def test_a_spec_with_other_numbers_has_other_shards(store):
    other = MeasurementSpec(precision="float64")
    assert other.spec_id != SPEC.spec_id
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    assert store.query(store.measurements_sql(other.key("b"))).num_rows == 0


CALIBRATED = MeasurementSpec("calibrated", probes=2, calibration="abc")


def calibrated_row(number, score, half=1.0):
    values = {"score": score, "lower": score - half, "upper": score + half}
    paper = {f"{name}_paper": value - 5 for name, value in values.items()}
    return {"content_id": content(number), "rank": 3, **values, **paper}


def write_calibrated(store, *rows):
    store.write_shard("b", CALIBRATED, pa.Table.from_pylist(list(rows), schema=CALIBRATED_SCHEMA))


def by_id(store, spec):
    rows = store.query(store.measurements_sql(spec.key("b"))).to_pylist()
    return {int(row["content_id"], 16): row for row in rows}


def test_a_calibrated_spec_shows_the_exact_score_where_there_is_one(store):
    store.write_measurements("b", CALIBRATED.sketch(), [measurement(1, 7.0), measurement(2, 7.0)])
    write_calibrated(store, calibrated_row(1, 10.0), calibrated_row(2, 20.0))
    before = by_id(store, CALIBRATED)
    assert (before[1]["score"], before[1]["lower"], before[1]["upper"], before[1]["is_exact"]) == (10, 9, 11, False)
    assert (before[1]["score_paper"], before[1]["lower_paper"], before[1]["upper_paper"]) == (5, 4, 6)
    assert before[1]["embedding"] == [1, 1, 1]
    assert before[1]["log_singular_values"] is None

    store.write_measurements("b", CALIBRATED.exact, [measurement(2, 21.5), measurement(3, 0.0)])
    after = by_id(store, CALIBRATED)
    assert after[1] == before[1]
    assert set(after) == {1, 2}
    assert (after[2]["score"], after[2]["lower"], after[2]["upper"], after[2]["is_exact"]) == (21.5, 21.5, 21.5, True)
    assert (after[2]["score_paper"], after[2]["lower_paper"]) == (20.5, 20.5)
    assert after[2]["log_singular_values"] == [2, 1, 0]


def test_exact_scores_of_other_passes_do_not_count(store):
    write_calibrated(store, calibrated_row(1, 10.0))
    store.write_measurements("b", MeasurementSpec(precision="float64"), [measurement(1, 11.0)])
    store.write_measurements("c", SPEC, [measurement(1, 12.0)])
    assert by_id(store, CALIBRATED)[1]["score"] == 10.0


def test_intervals_of_exact_scores_have_no_width_and_those_of_sketches_are_unknown(store):
    sketch = MeasurementSpec("sketch", probes=2)
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.write_measurements("b", sketch, [measurement(1, 2.0)])
    exact, sketched = by_id(store, SPEC)[1], by_id(store, sketch)[1]
    assert (exact["lower"], exact["upper"], exact["upper_paper"], exact["is_exact"]) == (1.0, 1.0, 0.0, True)
    assert (sketched["lower"], sketched["upper"], sketched["is_exact"]) == (None, None, False)


def test_scored_samples_carry_the_interval_of_their_definition(store):
    dataset = add_manifest(store, ["a", "a"], [1, 2])
    write_calibrated(store, calibrated_row(1, 10.0), calibrated_row(2, 20.0))
    store.write_measurements("b", SPEC, [measurement(2, 21.0)])
    for definition, expected in (
        ("rank", [(9, 11, False), (21, 21, True)]),
        ("paper", [(4, 6, False), (20, 20, True)]),
    ):
        sql = store.scored_sql(dataset, CALIBRATED.key("b"), definition)
        rows = store.query(f"SELECT * FROM ({sql}) ORDER BY sample_key").to_pylist()
        assert [(row["lower"], row["upper"], row["is_exact"]) for row in rows] == expected


def test_shards_without_the_youngest_columns_still_read(store):
    columns = {"content_id": [content(1)], "rank": [3], "score": [1.0], "score_paper": [0.5]}
    store.write_shard("b", SPEC, pa.table(columns))
    row = by_id(store, SPEC)[1]
    assert (row["score"], row["features"], row["embedding"]) == (1.0, None, None)
    store.write_measurements("b", SPEC, [measurement(2, 2.0)])
    assert set(by_id(store, SPEC)) == {1, 2}


def test_nested_sketches_are_kept_but_are_no_scores(store):
    store.write_measurements("b", SPEC.nested(8), [measurement(1, 1.0)])
    assert store.measured_keys() == []
    assert set(by_id(store, SPEC.nested(8))) == {1}
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    assert store.measured_keys() == [SPEC.key("b")]


def test_shard_names_tell_when_anything_behind_a_score_changes(store):
    write_calibrated(store, calibrated_row(1, 10.0))
    names = [store.shard_names(CALIBRATED.key("b"))]
    for spec in (CALIBRATED.exact, CALIBRATED.sketch(), CALIBRATED):
        store.write_measurements("b", spec, [measurement(5 + len(names), 1.0)])
        names.append(store.shard_names(CALIBRATED.key("b")))
    assert [len(each) for each in names] == [1, 2, 3, 4]
    assert len(store.shard_names(SPEC.key("b"))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"estimator": "sketch"},
        {"precision": "float64"},
        {"probes": 3},
        {"seed": 1},
        {"engine_version": 99},
        {"calibration": "other"},
    ],
)
def test_every_ingredient_of_a_calibrated_score_is_in_its_spec_id(change):
    assert dataclasses.replace(CALIBRATED, **change).spec_id != CALIBRATED.spec_id


def test_ids_of_specs_without_a_calibration_stay_as_they_are():
    assert MeasurementSpec(engine_version=1).spec_id == "exact-float32-88d2655f"
    assert MeasurementSpec("sketch", "float64", 32, 1, engine_version=1).spec_id == "sketch-float64-1319b3ad"


def test_the_audit_finds_scores_that_count_rounding_noise(tmp_path):
    """As releases wrote them that took the architecture's rank for an encoder's that has collapsed."""
    store = Store(tmp_path / "home")
    collapsed = dataclasses.replace(measurement(1, -30.0), log_singular_values=np.array([2, 1, -17], np.float32))
    old = MeasurementSpec(precision="float64", engine_version=1)
    for spec in (SPEC, old):
        store.write_measurements("b", spec, [collapsed, measurement(2, 3.0)])
    (problem,) = audit(store)
    assert problem.startswith(f"measurements/b/{SPEC.spec_id} contains 1 scores of an earlier release")
    store.write_measurements("c", SPEC, [dataclasses.replace(collapsed, rank=2)])
    assert audit(store) == [problem]


def test_only_the_precision_whose_results_changed_has_another_id():
    for precision in ("bfloat16", "tf32", "float32"):
        assert MeasurementSpec(precision=precision) == MeasurementSpec(precision=precision, engine_version=1)
    assert MeasurementSpec(precision="float64").engine_version == 2
    old = MeasurementSpec(precision="float64", engine_version=1)
    assert MeasurementSpec.from_dict(old.to_dict()) == old, "what was measured before keeps its id"


def test_pending_is_what_no_shard_has_once_per_image(store):
    dataset = add_manifest(store, ["a", "a", "b", "b"], [1, 2, 2, 3])
    assert store.count_images(dataset) == 3
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    pending = store.pending_samples(dataset, SPEC.key("b")).to_pylist()
    assert [(row["content_id"], row["sample_key"]) for row in pending] == [(content(2), "1.png"), (content(3), "3.png")]


def test_percentiles_are_mid_ranks_within_class_and_dataset(store):
    dataset = add_manifest(store, ["a", "a", "a", "b", None], [1, 2, 3, 4, 5])
    scores = {1: 10.0, 2: 20.0, 3: 20.0, 4: 0.0, 5: 30.0}
    store.write_measurements("b", SPEC, [measurement(number, score) for number, score in scores.items()])
    rows = store.query(f"SELECT * FROM ({store.scored_sql(dataset, SPEC.key('b'))}) ORDER BY sample_key").to_pylist()
    assert [row["score"] for row in rows] == [10.0, 20.0, 20.0, 0.0, 30.0]
    assert [row["class_percentile"] for row in rows] == pytest.approx([100 / 6, 200 / 3, 200 / 3, 50, 50])
    assert [row["percentile"] for row in rows] == pytest.approx([30, 60, 60, 10, 90])
    paper = store.query(f"SELECT min(score) AS low FROM ({store.scored_sql(dataset, SPEC.key('b'), 'paper')})")
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
    assert "repeated" in audit(store)[0]
    part = next(store.measurement_folder(SPEC.key("b")).glob("part-*.parquet"))
    part.write_bytes(b"rubbish")
    assert "damaged" in audit(store)[0]
    with pytest.raises(StoreError, match="jepascore doctor"):
        store.query(store.measurements_sql(SPEC.key("b")))


def test_removing_a_dataset_keeps_measurements(store):
    dataset = add_manifest(store, ["a"], [1])
    store.write_measurements("b", SPEC, [measurement(1, 1.0)])
    store.remove_dataset(dataset)
    assert store.catalogue.datasets() == []
    assert not store.dataset_folder(dataset.dataset_id).exists()
    assert store.query(store.measurements_sql(SPEC.key("b"))).num_rows == 1


def test_every_definition_of_a_stored_spectrum_is_the_one_of_the_score_module(store):
    rng, rows = np.random.default_rng(0), []
    for number, rank in enumerate((40, 33, 31, 11, 1, 0)):
        logs = np.sort(rng.normal(1, 2, 40)).astype(np.float32)[::-1]
        scores = [float(score_of_log_spectrum(logs, rank, name)) for name in ("rank", "paper")]
        rows.append(Measurement(content(number), logs, rank, *scores, np.ones(3, "f2"), 0.1))
    store.write_measurements("b", SPEC, rows)
    found = by_id(store, SPEC)
    for number, row in enumerate(rows):
        for definition, column in SCORE_COLUMN.items():
            expected = score_of_log_spectrum(row.log_singular_values, row.rank, definition)
            assert found[number][column] == pytest.approx(float(expected), abs=1e-9), definition
            assert [found[number][end] for end in INTERVAL_COLUMNS[definition]] == [found[number][column]] * 2


def test_an_estimate_has_no_score_where_the_definition_needs_a_spectrum(store):
    dataset = add_manifest(store, ["a", "a"], [1, 2])
    write_calibrated(store, calibrated_row(1, 10.0), calibrated_row(2, 20.0))
    store.write_measurements("b", SPEC, [measurement(2, 21.0)])
    rows = store.query(store.scored_sql(dataset, CALIBRATED.key("b"), "top")).to_pylist()
    assert [(row["content_id"], row["score"], row["lower"], row["percentile"]) for row in rows] == [
        (content(2), 3.0, 3.0, 50.0)
    ]


def test_scores_that_differ_by_rounding_alone_are_ties(store):
    dataset = add_manifest(store, ["a"] * 4, [1, 2, 3, 4])
    noise = [0.0, 6e-6, -6e-6]
    rows = [measurement(number + 1, 316.04 + off) for number, off in enumerate(noise)]
    store.write_measurements("b", SPEC, [*rows, measurement(4, 316.0402)])
    scored = store.query(store.scored_sql(dataset, SPEC.key("b")) + " ORDER BY sample_key").to_pylist()
    for column in ("percentile", "class_percentile"):
        assert [row[column] for row in scored] == pytest.approx([37.5, 37.5, 37.5, 87.5])
    assert scored[1]["score"] == 316.04 + 6e-6, "only the comparison is rounded"
