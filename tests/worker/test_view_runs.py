"""Runs over views, from the request to columns, exports and titles; runs of earlier releases keep their ids."""

import json
from functools import partial

import pyarrow.parquet as pq
import pytest

from jepascore_core.curation import Curation, evaluate, parse, summarize
from jepascore_core.errors import RuleError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import request_probe, request_run, resume_run
from jepascore_core.records.augmentation import CropViews
from jepascore_core.records.measurements import MeasurementSpec
from jepascore_core.records.requests import MeasurementRequest, ResolvedRequest
from jepascore_core.records.runs import RunState
from jepascore_core.scores.score_set import ScoreSet, all_samples_sql, scored_sql
from jepascore_core.scores.tables import build_score_table, table_sql
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.catalogue import Catalogue
from jepascore_core.views.detail import sample_detail
from jepascore_core.views.distribution import HistogramOptions, histograms
from jepascore_core.worker import probe as probe_module
from tests.exporters.exporting import export
from tests.worker.sources import indexed, write_images

COUNT = 6


@pytest.fixture
def measured(store, worker, tmp_path, checkpoint):
    """A run over two views, and what it measured."""
    dataset = indexed(store, worker, write_images(tmp_path / "images", COUNT))
    run = request_run(store, MeasurementRequest("toy", checkpoint, precision="float32", views=2))
    worker.handle(JobKind.RUN, run.run_id)
    run = store.catalogue.run(run.run_id)
    assert (run.state, run.num_measured, run.num_failed) == (RunState.FINISHED, COUNT, 0), run.message
    return run, ScoreSet(dataset.dataset_id, run.key)


def test_a_run_over_views_has_its_own_scores_columns_and_title(store, worker, measured, checkpoint):
    run, scores = measured
    assert (run.spec.views, run.spec.augmentation) == (2, CropViews().text)
    assert store.spec(run.key) == run.spec
    plain = request_run(store, MeasurementRequest("toy", checkpoint, precision="float32"))
    worker.handle(JobKind.RUN, plain.run_id)
    plain = store.catalogue.run(plain.run_id)
    titles = measured_titles(store)
    assert titles[run.key] == f"{titles[plain.key]}, 2 views"
    for definition in ("rank", "paper", "tail", "top"):
        each = ScoreSet(scores.dataset_id, run.key, definition)
        spreads = store.query(f"SELECT view_spread FROM ({scored_sql(store, each)})")["view_spread"].to_pylist()
        assert len(spreads) == COUNT
        assert min(spreads) > 0
        of_plain = scored_sql(store, ScoreSet(scores.dataset_id, plain.key, definition))
        assert set(store.query(f"SELECT view_spread FROM ({of_plain})")["view_spread"].to_pylist()) == {None}


def test_score_tables_hold_the_spread(store, measured, monkeypatch):
    from jepascore_core.scores import tables

    _, scores = measured
    dataset = store.catalogue.dataset(scores.dataset_id)
    columns = "sample_key, score, view_spread"
    expected = store.query(f"SELECT {columns} FROM ({all_samples_sql(store, scores)}) ORDER BY sample_key")
    monkeypatch.setattr(tables, "MIN_SAMPLES", 1)
    table = build_score_table(store, dataset, scores.key)
    found = store.query(f"SELECT {columns} FROM ({table_sql(table, 'rank')}) ORDER BY sample_key")
    assert found.to_pylist() == expected.to_pylist()


def test_an_export_has_the_spread_where_views_were_measured(store, measured, tmp_path):
    _, scores = measured
    for suffix in ("parquet", "csv", "jsonl"):
        export(store, scores, Curation(), tmp_path / f"list.{suffix}")
    rows = pq.read_table(tmp_path / "list.parquet").to_pylist()
    assert len(rows) == COUNT
    assert all(row["view_spread"] > 0 for row in rows)
    assert [json.loads(line) for line in (tmp_path / "list.jsonl").read_text().splitlines()] == rows
    assert (tmp_path / "list.csv").read_text().splitlines()[0].endswith('"view_spread"')


def test_rules_about_the_spread_need_views(store, worker, measured, checkpoint):
    _, scores = measured
    spreads = store.query(f"SELECT view_spread FROM ({scored_sql(store, scores)})")["view_spread"].to_pylist()
    limit = sorted(spreads)[COUNT // 2]
    kept = evaluate(store, scores, parse(f"view_spread >= {limit!r}"))
    assert summarize(store, kept).counts.kept == COUNT - COUNT // 2
    of_paper = evaluate(store, scores, parse("view_spread[paper] >= 0"))
    assert summarize(store, of_paper).counts.kept == COUNT
    plain = request_run(store, MeasurementRequest("toy", checkpoint, precision="float32"))
    worker.handle(JobKind.RUN, plain.run_id)
    of_images = ScoreSet(scores.dataset_id, store.catalogue.run(plain.run_id).key)
    with pytest.raises(RuleError, match="no view_spread"):
        evaluate(store, of_images, parse("view_spread >= 1"))
    with pytest.raises(RuleError, match="has no views"):
        parse("view_spread[knn] >= 1")


def test_pages_show_views_without_a_spectrum(store, measured):
    _, scores = measured
    sample = store.query(scored_sql(store, scores)).to_pylist()[0]
    detail = sample_detail(store, scores, sample["sample_key"])
    assert (detail.spectrum, detail.chosen.view_spread) == (None, sample["view_spread"])
    paper = ScoreSet(scores.dataset_id, scores.key, "paper")
    each = histograms(store, (paper,), HistogramOptions(per_dimension=True))
    values = store.query(f"SELECT avg(score) / 64 AS mean FROM ({scored_sql(store, paper)})")["mean"][0].as_py()
    assert each.edges[0] <= values <= each.edges[-1]


def test_a_run_that_goes_on_measures_no_finished_image_again(store, worker, measured):
    run, _ = measured
    shards = store.shard_names(run.key)
    resume_run(store, run.run_id)
    worker.handle(JobKind.RUN, run.run_id)
    assert store.catalogue.run(run.run_id).num_reused == COUNT
    assert store.shard_names(run.key) == shards


def test_views_are_predicted_to_cost_as_many_times_as_much(store, worker, tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr(probe_module, "_seconds_per_image", lambda *_: 2.0)
    indexed(store, worker, write_images(tmp_path / "images", 3))
    for views in (1, 8):
        probe = request_probe(store, MeasurementRequest("toy", checkpoint, precision="float32", views=views))
        worker.handle(JobKind.PROBE, probe.probe_id)
        assert store.catalogue.probe(probe.probe_id).result.seconds_per_image == 2.0 * views


def test_a_run_that_an_earlier_release_stored_is_the_same_one(store, checkpoint):
    """Its spec has no views; a request of today without any is written, and found again, in the same way."""
    dataset = store.catalogue.add_dataset("old", "/images", "flat", {})
    asked = ResolvedRequest(dataset.dataset_id, checkpoint, MeasurementSpec(engine_version=1), "cpu")
    today = store.catalogue.add_run(asked)
    with_views = partial(ResolvedRequest, dataset.dataset_id, checkpoint, device="cpu")
    other = store.catalogue.add_run(with_views(spec=MeasurementSpec(views=2, augmentation=CropViews().text)))
    assert other.run_id != today.run_id
    stored = '{"calibration":null,"engine_version":1,"estimator":"exact","precision":"float32","probes":null,"seed":0}'
    with Catalogue(store.home / "catalogue.sqlite")._connect() as connection:
        (text,) = connection.execute("SELECT spec FROM runs WHERE run_id = ?", (today.run_id,)).fetchone()
    assert text == stored
    assert store.catalogue.run(today.run_id).spec.spec_id == "exact-float32-88d2655f"
    assert store.catalogue.add_run(asked).run_id == today.run_id
