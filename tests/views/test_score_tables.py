"""Score tables say what the shards say, and nobody waits for them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jepascore_core.embeddings.files import find_vectors, vector_folder
from jepascore_core.records.datasets import DatasetState
from jepascore_core.records.runs import RunState
from jepascore_core.score import DEFINITIONS
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet, all_samples_sql, read_version, scored_sql, table_of, tables_of
from jepascore_core.scores.tables import build_score_table, score_table
from jepascore_core.views.agreement import agreement, disagreements, extreme_overlaps, percentile_scatter
from jepascore_core.views.detail import find_sample, scores_by_definition
from jepascore_core.views.distribution import HistogramOptions, histograms, samples_between
from jepascore_core.views.extremes import class_extremes, class_summaries
from tests.conftest import SPEC, add_backbone, add_dataset, add_measurements, add_run, make_sample


@pytest.fixture
def sets(store):
    """Two backbones, ties, an unlabelled class, a repeated image, and samples that only one of them measured."""
    samples = [make_sample(f"it's {n:02}.png", ("b", "a", None)[n % 3], "train") for n in range(30)]
    samples[4] = replace(samples[4], content_id=samples[3].content_id)
    dataset = add_dataset(store, "d", samples)
    rng = np.random.default_rng(0)
    found = []
    for name, count in (("timm:one", 30), ("timm:two", 27)):
        values = {s.sample_key: float(v) for s, v in zip(samples[:count], rng.integers(0, 9, count), strict=True)}
        found.append(add_measurements(store, dataset, add_backbone(store, name), values, samples=samples))
    return found


def prepare(store, monkeypatch, sets):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    return [build_score_table(store, dataset, scores.key) for scores in sets]


def everything(store, sets):
    """Every view of these score sets."""
    first, second = sets
    found = {}
    for definition in DEFINITIONS:
        one, two = (replace(scores, definition=definition) for scores in sets)
        rows = store.query(f"SELECT * EXCLUDE (modified_ns) FROM ({scored_sql(store, one)})").to_pylist()
        names = sorted(set(rows[0]) - {"row_id"})
        found[definition] = sorted((tuple((name, row[name]) for name in names) for row in rows), key=str)
        found[f"{definition} pairs"] = disagreements(store, one, two, within_class=definition == "tail", limit=50)
        found[f"{definition} summaries"] = class_summaries(store, one)
    found["agreement"] = agreement(store, sets, least=0)
    found["one class"] = agreement(store, sets, labels=["a"], least=0).spearman
    found["overlaps"] = extreme_overlaps(store, sets, n=4)
    found["scatter"] = percentile_scatter(store, first, second)
    found["extremes"] = class_extremes(store, second, ["a", None], 3)
    sample = find_sample(store, first.dataset_id, "it's 05.png")
    found["sample"], found["its scores"] = sample, scores_by_definition(store, first, sample)
    found["choices"] = measured_choices(store, first.dataset_id)
    found["histograms"] = histograms(store, sets, HistogramOptions(group_by="label"))
    found["between"] = samples_between(store, first, 2, 5, labels=["a", None], splits=["train"])
    return found


def test_every_view_is_the_same_with_and_without_tables(store, sets, monkeypatch):
    before = everything(store, sets)
    assert table_of(store, sets[0]) is None
    assert all(path is not None and path.is_file() for path in prepare(store, monkeypatch, sets))
    assert len(tables_of(store, sets)) == 2
    after = everything(store, sets)
    for name, expected in before.items():
        if name == "agreement":
            assert np.array(after[name].spearman) == pytest.approx(np.array(expected.spearman))
            assert after[name].kendall == expected.kendall
        elif name == "one class":
            assert np.array(after[name]) == pytest.approx(np.array(expected))
        else:
            assert after[name] == expected, name


def test_percentiles_of_the_same_samples_come_from_the_tables(store, sets, monkeypatch):
    both = [sets[0], replace(sets[0], definition="top")]
    before = percentile_scatter(store, *both), percentile_scatter(store, *both, within_class=True)
    prepare(store, monkeypatch, sets)
    assert (percentile_scatter(store, *both), percentile_scatter(store, *both, within_class=True)) == before


def test_what_was_not_measured_is_covered(store, sets, monkeypatch):
    prepare(store, monkeypatch, sets)
    rows = store.query(f"SELECT score, percentile FROM ({all_samples_sql(store, sets[1])})").to_pylist()
    assert len(rows) == 30
    assert [row["percentile"] for row in rows if row["score"] is None] == [None] * 3


def test_new_shards_are_seen_at_once(store, sets, monkeypatch):
    prepare(store, monkeypatch, sets)
    seen = read_version(store, sets[1])
    samples = [make_sample("it's 29.png")]
    backbone = store.catalogue.backbones()[sets[1].backbone_id]
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    monkeypatch.setattr(score_tables, "_build_in_background", lambda *_: None)
    add_measurements(store, dataset, backbone, {"it's 29.png": 3.0}, samples=samples)
    assert table_of(store, sets[1]) is None
    assert read_version(store, sets[1]) != seen
    assert len(store.query(scored_sql(store, sets[1]))) == 28


def test_while_a_dataset_is_read_again_its_tables_serve(store, sets, monkeypatch):
    tables = prepare(store, monkeypatch, sets)
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 30)
    store.catalogue.update_dataset(sets[0].dataset_id, state=DatasetState.INDEXING, num_total=9, num_indexed=2)
    assert [table_of(store, scores) for scores in sets] == tables


def test_while_a_run_goes_on_a_young_table_serves(store, sets, monkeypatch):
    _, table = prepare(store, monkeypatch, sets)
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    backbone = store.catalogue.backbones()[sets[1].backbone_id]
    asked = []
    monkeypatch.setattr(score_tables, "_build_in_background", lambda *arguments: asked.append(arguments[-1]))
    run = add_run(store, dataset, backbone, RunState.RUNNING)
    add_measurements(store, dataset, backbone, {"it's 29.png": 3.0}, samples=[make_sample("it's 29.png")])
    assert (table_of(store, sets[1]), asked) == (table, [])
    os.utime(table, (time.time() - 61, time.time() - 61))
    assert table_of(store, sets[1]) == table
    assert len(asked) == 1
    store.catalogue.update_run(run.run_id, state=RunState.FINISHED)
    assert table_of(store, sets[1]) is None, "when it has ended, nothing old is shown"


def test_a_missing_table_is_made_aside_once(store, sets, monkeypatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    assert [score_table(store, dataset, SPEC.key(sets[0].backbone_id)) for _ in range(2)] in ([None] * 2,)
    for thread in threading.enumerate():
        if thread.name == "score table d":
            thread.join()
    table = score_table(store, dataset, SPEC.key(sets[0].backbone_id))
    assert table is not None
    assert set(table.parent.iterdir()) == {table, vector_folder(table)}


def test_old_tables_go_when_a_new_one_is_made(store, sets, monkeypatch):
    table, _ = prepare(store, monkeypatch, sets)
    former, recent = table.with_name(f"x-{score_tables.LAYOUT}.parquet"), table.with_name("y-0.parquet")
    for path in (former, recent):
        path.write_bytes(b"")
    os.utime(former, (1, 1))
    table.unlink()
    prepare(store, monkeypatch, sets)
    assert (former.exists(), recent.exists(), table.exists()) == (False, True, True)


def test_embeddings_are_laid_out_beside_and_made_again_when_gone(store, sets, monkeypatch):
    table, other = prepare(store, monkeypatch, sets)
    assert find_vectors(table) == vector_folder(table)
    shutil.rmtree(vector_folder(table))
    written = table.stat().st_mtime_ns
    prepare(store, monkeypatch, sets)
    assert find_vectors(table) == vector_folder(table)
    assert table.stat().st_mtime_ns == written, "the table itself is not made again"
    assert find_vectors(other) == vector_folder(other)


def test_while_a_run_goes_on_embeddings_may_be_an_hour_old(store, sets, monkeypatch):
    _, table = prepare(store, monkeypatch, sets)
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    backbone = store.catalogue.backbones()[sets[1].backbone_id]
    run = add_run(store, dataset, backbone, RunState.RUNNING)
    add_measurements(store, dataset, backbone, {"it's 29.png": 3.0}, samples=[make_sample("it's 29.png")])
    _, newer = prepare(store, monkeypatch, sets)
    assert newer != table
    assert find_vectors(newer) == vector_folder(table), "the former ones serve"
    os.utime(vector_folder(table), (time.time() - 3601, time.time() - 3601))
    prepare(store, monkeypatch, sets)
    assert find_vectors(newer) == vector_folder(newer)
    assert not vector_folder(table).exists(), "nobody reads them any more"
    store.catalogue.update_run(run.run_id, state=RunState.FINISHED)


def test_small_and_unmeasured_datasets_have_no_table(store, sets, monkeypatch):
    dataset = store.catalogue.dataset(sets[0].dataset_id)
    assert build_score_table(store, dataset, SPEC.key(sets[0].backbone_id)) is None
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    assert build_score_table(store, dataset, SPEC.key("unknown")) is None
    assert table_of(store, ScoreSet(dataset.dataset_id, SPEC.key("unknown"))) is None
