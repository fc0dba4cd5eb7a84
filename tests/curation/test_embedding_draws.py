"""Clusters and diverse choices of a dataset: the same by the worker, in the page, at once or from disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation import evaluate, parse, summarize
from jepascore_core.curation.columns import embedding_draws as draws_module
from jepascore_core.curation.columns.embedding_draws import Candidates, diverse_rows
from jepascore_core.curation.precompute import requests as requests_module
from jepascore_core.curation.precompute.requests import precompute_request_of, request_precompute
from jepascore_core.curation.precompute.steps import pending_work, precompute, precompute_all
from jepascore_core.embeddings.index import unit
from jepascore_core.errors import RuleError
from jepascore_core.jobs.process import start_worker, worker_is_alive, worker_pid
from jepascore_core.jobs.queue import JobKind
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.audit import audit
from jepascore_core.storage.store import Store
from jepascore_core.worker.loop import Worker
from tests.conftest import SPEC, add_backbone, add_dataset, make_measurement, make_sample, wait_until
from tests.curation.test_laws import SLOWLY
from tests.curation.test_precompute import cancelled_at

DRAWN = ["all | budget 7 clusters 5 seed 2", 'label = "a" and score >= 8 | one per exact | budget 7 diverse']


def put(home, count=60, dimension=8, name="d", num_measured=None):
    """A dataset of two classes, of which each tenth image is there twice."""
    store = Store(home)
    samples = [
        make_sample(f"{n:05d}.png", "ab"[n % 2 if n % 10 else 0], content=f"{name} {n - (n % 10 == 9)}")
        for n in range(count)
    ]
    dataset, backbone = add_dataset(store, name, samples), add_backbone(store)
    vectors = unit(np.random.default_rng(0).standard_normal((count, dimension)))
    rows = {
        sample.content_id: replace(
            make_measurement(sample.content_id, float(n % 100)), embedding=vectors[n].astype(np.float16)
        )
        for n, sample in enumerate(samples[:num_measured])
    }
    store.write_measurements(backbone.backbone_id, SPEC, list(rows.values()))
    return store, ScoreSet(dataset.dataset_id, SPEC.key(backbone.backbone_id))


def kept(store, scores, text, decisions=None):
    found = evaluate(store, scores, parse(text), decisions)
    sql = f"SELECT sample_key FROM {found.relation} WHERE verdict = 'keep' ORDER BY row_id"
    return store.query(sql)["sample_key"].to_pylist()


def files(store, scores):
    return sorted(store.dataset_folder(scores.dataset_id).glob("[cd]*/*/*.parquet"))


@pytest.fixture(autouse=True)
def no_process(monkeypatch, request):
    """Requests start no process, but where one is to be killed."""
    if "kill" not in request.node.name:
        monkeypatch.setattr(requests_module, "start_worker", lambda *_: False)


def do(store, scores, text, decisions=None):
    """Let a worker do what a page asks for."""
    works = pending_work(store, scores, parse(text), decisions)
    for work in works:
        worker = Worker(Store(store.home))
        worker.handle(JobKind.PRECOMPUTE, request_precompute(store, scores, work).identifier)
    return works


@pytest.mark.parametrize("text", DRAWN)
def test_worker_page_and_disk_say_the_same(tmp_path, text):
    store, scores = put(tmp_path / "page")
    at_once = kept(store, scores, text)
    assert len(at_once) == 7
    assert pending_work(store, scores, parse(text)) == ()
    other, there = put(tmp_path / "worker")
    (work,) = do(other, there, text)
    assert (work.kind, work.number) in {("clusters", 5), ("diverse", 7)}
    assert pending_work(other, there, parse(text)) == ()
    assert [path.read_bytes() for path in files(other, there)] == [
        path.read_bytes() for path in files(store, scores)
    ]  # fmt: skip
    assert kept(other, there, text) == kept(Store(other.home), there, text) == at_once


@SLOWLY
@given(st.integers(1, 40), st.integers(2, 12), st.integers(0, 40), st.integers(1, 40), st.data())
def test_what_a_budget_drops_alone_is_known_without_drawing(count, num_clusters, num_measured, n, data):
    with tempfile.TemporaryDirectory() as folder:
        store, scores = put(Path(folder), count, num_measured=num_measured)
        draw = data.draw(
            st.sampled_from(["", "balanced", "per class", "per split", "diverse", f"clusters {num_clusters}"])
        )
        (chip,) = summarize(store, evaluate(store, scores, parse(f"all | budget {n} {draw}"))).clauses
        assert chip.alone == chip.only == count - len(kept(store, scores, f"all | budget {n} {draw}"))


def test_nothing_is_searched_for_what_a_budget_drops_alone(tmp_path, monkeypatch):
    store, scores = put(tmp_path)
    precompute_all(store, scores, parse(DRAWN[1]))
    monkeypatch.setattr(draws_module, "k_center", None)
    *_, budget = summarize(store, evaluate(store, scores, parse(DRAWN[1]))).clauses
    assert budget.alone == 60 - 7


def test_what_a_diverse_choice_depends_on(tmp_path):
    store, scores = put(tmp_path)
    text = "score >= 5 | budget 9 diverse"
    listed = store.manifest_sql(store.catalogue.dataset(scores.dataset_id))
    rows = store.query(f"SELECT sample_key, content_id FROM ({listed})").to_pylist()
    ids = {row["sample_key"]: row["content_id"] for row in rows}
    do(store, scores, text)
    # Rules that leave the same; the same backbone by name; a decision about what is dropped anyway.
    for same in ("score >= 4.5 | budget 9 diverse", f'score >= 5 | budget 9 diverse of "{scores.backbone_id}"'):
        assert pending_work(store, scores, parse(same)) == ()
    assert pending_work(store, scores, parse(text), {("00001.png", ids["00001.png"]): "drop"}) == ()
    for other in ("score >= 6 | budget 9 diverse", "score >= 5 | budget 10 diverse"):
        assert len(pending_work(store, scores, parse(other))) == 1
    forced = {(key, ids[key]): "keep" for key in ("00001.png", "00030.png")}
    (work,) = do(store, scores, text, forced)
    assert work.size == 56
    assert {"00001.png", "00030.png"} < set(kept(store, scores, text, forced))
    assert len(kept(store, scores, text, forced)) == 9
    # Everything there is needs no search.
    assert pending_work(store, scores, parse("score >= 5 | budget 55 diverse")) == ()
    store.write_measurements(scores.backbone_id, SPEC, [make_measurement("f" * 32, 1.0)])
    assert len(pending_work(store, scores, parse(text))) == 1


def test_names_of_tables_are_the_same_in_every_process(tmp_path):
    store, scores = put(tmp_path)
    code = f"""
from pathlib import Path
from jepascore_core.curation import evaluate, parse
from jepascore_core.storage.store import Store
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet
scores = ScoreSet({scores.dataset_id!r}, MeasurementKey({scores.backbone_id!r}, {scores.spec_id!r}))
for text in {DRAWN!r}:
    print(evaluate(Store(Path({str(store.home)!r})), scores, parse(text)).table)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert told == [evaluate(store, scores, parse(text)).table for text in DRAWN]


def test_candidates_travel_in_a_request():
    flags = np.random.default_rng(0).integers(0, 3, 1000).astype(np.uint8)
    found = Candidates.unpack(Candidates("v:1", flags).pack())
    assert (found.version, found.flags.tolist()) == ("v:1", flags.tolist())
    rows, num_forced = found.rows()
    assert (flags[rows[:num_forced]] == 2).all() and (flags[rows[num_forced:]] == 1).all()
    assert len(rows) == found.size == np.count_nonzero(flags)


@pytest.mark.parametrize("text", DRAWN)
def test_a_cancelled_one_leaves_nothing(tmp_path, monkeypatch, text):
    store, scores = put(tmp_path, 400)
    (work,) = pending_work(store, scores, parse(text))
    asked = request_precompute(store, scores, work)
    left = cancelled_at(monkeypatch, store, asked.identifier, 4)
    Worker(store).handle(JobKind.PRECOMPUTE, asked.identifier)
    assert left == [0]
    assert (files(store, scores), precompute_request_of(store, scores, work).state) == ([], "none")


def test_a_dataset_that_changed_meanwhile(tmp_path):
    store, scores = put(tmp_path)
    (work,) = pending_work(store, scores, parse("all | budget 9 diverse"))
    dataset = store.catalogue.dataset(scores.dataset_id)
    store.catalogue.update_dataset(dataset.dataset_id, version="another")
    with pytest.raises(RuleError, match="has changed since"):
        precompute(store, scores, work)
    assert files(store, scores) == []


def test_what_would_take_days_is_refused(tmp_path, monkeypatch):
    store, scores = put(tmp_path)
    monkeypatch.setattr(draws_module, "PRODUCTS_PER_SECOND", 1e-3)
    with pytest.raises(RuleError, match=r'may take 675 d\. .* "budget 9 clusters 1000"'):
        pending_work(store, scores, parse("all | budget 9 diverse"))
    candidates = Candidates(str(store.catalogue.dataset(scores.dataset_id).version), np.ones(60, np.uint8))
    with pytest.raises(RuleError, match="Choose fewer"):
        diverse_rows(store, scores, candidates, 9)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["all | budget 2000 diverse", "all | budget 2000 clusters 300"])
def test_kill_9_in_the_middle_of_it(tmp_path, text):
    store, scores = put(tmp_path / "home", 20_000, 64)
    (work,) = pending_work(store, scores, parse(text))
    try:
        asked = request_precompute(store, scores, work)
        wait_until(lambda: precompute_request_of(store, scores, work).state == "running")
        os.kill(worker_pid(store.home), signal.SIGKILL)
        wait_until(lambda: not worker_is_alive(store.home))
        assert (precompute_request_of(store, scores, work).state, files(store, scores)) == ("running", [])
        assert request_precompute(store, scores, work).identifier == asked.identifier
        assert start_worker(store.home)
        wait_until(lambda: precompute_request_of(store, scores, work).state == "none")
        assert pending_work(store, scores, parse(text)) == ()
        assert len(kept(store, scores, text)) == 2000
    finally:
        pid = worker_pid(store.home)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    assert audit(store) == []
