"""What a page says while a large dataset has no score table yet."""

import json
import os
import threading
import time

import duckdb
import pytest

from jepascore_core.formatting import PERCENT
from jepascore_core.scores import tables as score_tables
from jepascore_core.views.table_status import pending_table_build
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

make_aside = score_tables._build_in_background


@pytest.fixture
def scores(store, monkeypatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 10)
    # No thread: the work is done here when the test wants it.
    monkeypatch.setattr(score_tables, "_build_in_background", lambda *_: None)
    samples = make_samples("ab" * 6)
    dataset = add_dataset(store, "large", samples)
    return add_measurements(store, dataset, add_backbone(store), {s.sample_key: 1.0 for s in samples}, samples=samples)


def test_a_small_dataset_needs_nothing(store, scores, monkeypatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 13)
    assert pending_table_build(store, scores) is None


def test_what_has_not_begun_is_said(store, scores):
    found = pending_table_build(store, scores)
    assert (found.num_samples, found.seconds, found.fraction, found.seconds_left) == (12, None, None, None)
    assert found.text.startswith("Preparing the score table for large under ViT-Ti/16 (timm) (12 samples); ")


def put_report(store, scores, began, fraction):
    dataset = store.catalogue.dataset(scores.dataset_id)
    name = scores.key.text
    folder = store.dataset_folder(dataset.dataset_id) / "scores" / dataset.version / name / ".sorting-abc"
    folder.mkdir(parents=True)
    report = folder / "progress.json"
    report.write_text(json.dumps({"began": began, "fraction": fraction}))
    return report


def test_what_is_being_made_says_how_far_it_is(store, scores):
    put_report(store, scores, 1000.0, 0.25)
    found = pending_table_build(store, scores, 1012.0)
    assert (found.seconds, found.fraction, found.seconds_left) == (12.0, 0.25, pytest.approx(36.0))
    assert found.text.endswith(f": 25{PERCENT}, 12 s so far, about 36 s left")


@pytest.mark.parametrize(("seconds", "fraction"), [(1.0, 0.5), (60.0, 0.04), (60.0, 0.0)])
def test_no_time_is_promised_too_early(store, scores, seconds, fraction):
    put_report(store, scores, 1000.0, fraction)
    found = pending_table_build(store, scores, 1000.0 + seconds)
    assert found.seconds_left is None
    assert found.text.endswith("so far")


def test_what_a_killed_process_left_is_not_being_made_and_goes(store, scores):
    report = put_report(store, scores, 1000.0, 0.25)
    os.utime(report, (time.time() - 61, time.time() - 61))
    assert pending_table_build(store, scores).fraction is None
    dataset = store.catalogue.dataset(scores.dataset_id)
    score_tables.build_score_table(store, dataset, scores.key)
    assert not report.parent.exists()


def test_while_a_table_is_made_it_says_how_far_that_is(store, scores, tmp_path, monkeypatch):
    monkeypatch.setattr(score_tables, "REPORT_SECONDS", 0.01)
    rows = tmp_path / "rows.parquet"
    duckdb.sql(f"COPY (SELECT hash(range) AS x FROM range(4000000)) TO '{rows}' (ROW_GROUP_SIZE 50000)")
    slow = f"SELECT x FROM read_parquet('{rows}') ORDER BY x"  # of a file, as DuckDB 1 knows no other's progress
    monkeypatch.setattr(score_tables, "_table_sql", lambda *_: slow)
    dataset, measured = store.catalogue.dataset(scores.dataset_id), scores.key
    work = threading.Thread(target=score_tables.build_score_table, args=(store, dataset, measured))
    began = time.time()
    work.start()
    seen = []
    while work.is_alive():
        seen += [score_tables.build_status(store, dataset, measured)]
        time.sleep(0.005)
    shares = [making.fraction for making in seen if making is not None]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    assert all(began <= making.began <= time.time() for making in seen if making is not None)
    assert score_tables.build_status(store, dataset, measured) is None


def test_a_failure_is_said(store, scores, monkeypatch):
    monkeypatch.setattr(score_tables, "_build_in_background", make_aside)
    monkeypatch.setattr(score_tables, "_table_sql", lambda *_: "SELECT * FROM nowhere")
    assert pending_table_build(store, scores).failure is None
    for thread in threading.enumerate():
        if thread.name == "score table large":
            thread.join()
    found = pending_table_build(store, scores)
    assert "nowhere does not exist" in found.failure
    assert " failed: " in found.text


def test_a_table_ends_it(store, scores):
    dataset = store.catalogue.dataset(scores.dataset_id)
    score_tables.build_score_table(store, dataset, scores.key)
    assert pending_table_build(store, scores) is None
