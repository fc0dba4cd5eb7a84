"""Embeddings from elsewhere: which rows are matched, which files are refused, and what then works without a score."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jepascore_core.backbones.build import load_ref
from jepascore_core.curation import evaluate, parse, summarize
from jepascore_core.curation.precompute.steps import precompute_all
from jepascore_core.embeddings.own import as_vectors, match_vectors, read_vectors
from jepascore_core.errors import RuleError, SourceError, UnknownNameError
from jepascore_core.jobs.deletions import delete_scores
from jepascore_core.jobs.own_embeddings import check_name, import_vectors
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.views.neighbours import nearest_samples
from tests.exporters.exporting import export
from tests.worker.sources import indexed, write_images

COUNT = 24


@pytest.fixture
def dataset(store, worker, tmp_path):
    return indexed(store, worker, write_images(tmp_path / "images", COUNT))


@pytest.fixture
def samples(store, dataset):
    sql = f"SELECT sample_key, uri, content_id FROM ({store.manifest_sql(dataset)}) ORDER BY sample_key"
    return store.query(sql)


def vectors(count=COUNT, dimension=5, seed=1):
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


def stored(store, key):
    rows = store.query(f"SELECT content_id, embedding FROM ({store.shards_sql(key)})").to_pylist()
    return {row["content_id"]: np.array(row["embedding"]) for row in rows}


def test_rows_without_names_are_in_order_of_the_sample_keys(store, dataset, samples, tmp_path):
    values = vectors()
    np.save(tmp_path / "mine.npy", values)
    found = match_vectors(store, dataset, read_vectors(tmp_path / "mine.npy"))
    assert (found.num_rows, found.num_unmatched, found.num_repeated, found.num_images) == (COUNT, 0, 0, COUNT)
    key = import_vectors(store, dataset, "mine", found)
    for content_id, value in zip(samples["content_id"].to_pylist(), values, strict=True):
        np.testing.assert_allclose(stored(store, key)[content_id], value, atol=2e-3)
    with pytest.raises(SourceError, match=rf"23 rows, toy has {COUNT} samples"):
        match_vectors(store, dataset, as_vectors(values[:-1]))


@pytest.mark.parametrize("named", ["sample_key", "uri", "content_id"])
def test_names_may_be_keys_paths_or_content_ids_in_any_order(store, dataset, samples, tmp_path, named):
    values, order = vectors(), np.random.default_rng(0).permutation(COUNT)
    names = [samples[named][int(row)].as_py() for row in order] + ["elsewhere.png"]
    rows = [*values[order].tolist(), [1.0] * 5]
    table = pa.table({"note": ["x"] * len(names), "about": names, "vector": pa.array(rows, pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "mine.parquet")
    found = match_vectors(store, dataset, read_vectors(tmp_path / "mine.parquet"))
    assert (found.matched_by, found.num_unmatched, found.examples) == ("the column about", 1, ("elsewhere.png",))
    assert "'elsewhere.png'" in found.text
    expected = dict(zip(samples["content_id"].to_pylist(), values, strict=True))
    assert all(np.allclose(expected[name], value) for name, value in zip(found.content_ids, found.vectors, strict=True))


def test_keys_of_a_file_and_repeated_rows(store, dataset, samples, tmp_path):
    keys = samples["sample_key"].to_pylist()[:3]
    (tmp_path / "keys.txt").write_text("\n".join([*keys, keys[0]]))
    found = match_vectors(store, dataset, as_vectors(vectors(4), tmp_path / "keys.txt"))
    assert (len(found.content_ids), found.num_repeated, found.num_images) == (3, 1, COUNT)
    assert np.array_equal(found.vectors, vectors(4)[:3])  # the first row of an image counts
    with pytest.raises(SourceError, match="4 names in keys for 5 rows"):
        as_vectors(vectors(5), tmp_path / "keys.txt")
    with pytest.raises(SourceError, match="No row matches a sample of toy"):
        match_vectors(store, dataset, as_vectors(vectors(2), ["one", "two"]))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((3, 2), np.nan), "3 rows hold values that are not finite"),
        (np.array([[1.0, 2.0], [np.inf, 0.0]]), "1 row hold.*The first is row 2"),
        (np.array([[1.0, 2.0], [0.0, 0.0]]), "all 0"),
        (np.array([[1e6, 2.0]]), "half precision"),
        (np.zeros(4), r"shape \[4\]"),
        (np.zeros((0, 4)), r"shape \[0, 4\]"),
        (np.array([["a"]]), "type <U1"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(values, reason):
    with pytest.raises(SourceError, match=reason):
        as_vectors(values)


def test_files_that_cannot_be_read_say_why(tmp_path):
    with pytest.raises(SourceError, match=r"neither .npy nor .parquet"):
        read_vectors(tmp_path / "mine.csv")
    for name in ("mine.npy", "mine.parquet"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(SourceError, match="cannot be read"):
            read_vectors(tmp_path / name)
    pq.write_table(pa.table({"key": ["a", "b"], "v": [[1.0], [1.0, 2.0]]}), tmp_path / "ragged.parquet")
    with pytest.raises(SourceError, match="differ in length"):
        read_vectors(tmp_path / "ragged.parquet")
    pq.write_table(pa.table({"key": ["a"], "v": [[1.0]], "w": [[1.0]]}), tmp_path / "two.parquet")
    with pytest.raises(SourceError, match=r"2 columns of lists.*v, w"):
        read_vectors(tmp_path / "two.parquet")
    assert read_vectors(tmp_path / "two.parquet", column="w").vectors.shape == (1, 1)
    pq.write_table(pa.table({"v": [[1.0]]}), tmp_path / "nameless.parquet")
    with pytest.raises(SourceError, match="no text column"):
        read_vectors(tmp_path / "nameless.parquet")


def test_they_are_a_backbone_without_scores(store, dataset, samples):
    key = import_vectors(store, dataset, "clip", match_vectors(store, dataset, as_vectors(vectors())))
    assert import_vectors(store, dataset, "clip", match_vectors(store, dataset, as_vectors(vectors()))) == key
    (run,) = store.catalogue.runs(dataset.dataset_id)
    assert (run.key, run.num_measured, run.num_reused) == (key, COUNT, COUNT)
    other = import_vectors(store, dataset, "clip", match_vectors(store, dataset, as_vectors(vectors(seed=2))))
    assert other.backbone_id != key.backbone_id
    assert {choice.key for choice in measured_choices(store, dataset.dataset_id)} == {key, other}
    scores = ScoreSet(dataset.dataset_id, key)
    curation = parse("percentile[knn] >= 20 | budget 5 diverse")
    precompute_all(store, scores, curation)
    assert summarize(store, evaluate(store, scores, curation)).counts.kept == 5
    assert len(nearest_samples(store, scores, samples["content_id"][0].as_py(), 4)) == 4
    with pytest.raises(RuleError, match="only imported embeddings"):
        evaluate(store, scores, parse("percentile >= 5"))
    with pytest.raises(UnknownNameError, match="without an encoder"):
        load_ref(run.backbone)
    assert delete_scores(store, run.run_id).num_measurements == COUNT
    assert [choice.key for choice in measured_choices(store, dataset.dataset_id)] == [other]
    with pytest.raises(UnknownNameError, match="cannot name embeddings"):
        check_name("a/b")


def test_a_list_is_exported_without_a_verdict_on_scores(store, dataset, tmp_path):
    scores = ScoreSet(
        dataset.dataset_id, import_vectors(store, dataset, "mine", match_vectors(store, dataset, as_vectors(vectors())))
    )
    curation = parse("all | budget 5 highest percentile[knn]")
    precompute_all(store, scores, curation)
    report = export(store, scores, curation, tmp_path / "list.csv")
    rows = list(csv.DictReader((tmp_path / "list.csv").open()))
    assert (len(rows), {row["score"] for row in rows}, {row["verdict"] for row in rows}) == (5, {""}, {"keep"})
    provenance = json.loads(report.provenance_path.read_text())
    assert (provenance["trust"], provenance["score"]) == ([], "none: the backbone was run for embeddings only")
    assert provenance["backbone"]["name"] == "own:mine"
