"""Pilots: some images first, at random or of each class; the rest by a later run, nothing twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jepascore_core.errors import UnknownNameError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import measure_rest, request_probe, request_run
from jepascore_core.records.pilots import Pilot
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.scores.coverage import partial_scores
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from tests.conftest import SPEC, add_dataset, make_samples
from tests.worker.sources import indexed, write_images


def do(store, worker, request):
    run = request_run(store, request)
    worker.handle(JobKind.RUN, run.run_id)
    return store.catalogue.run(run.run_id)


@pytest.mark.parametrize("estimator", ["exact", "embed"])
def test_a_pilot_and_the_rest(store, worker, tmp_path, checkpoint, estimator):
    dataset = indexed(store, worker, write_images(tmp_path / "images", 10))
    asked = MeasurementRequest("toy", checkpoint, estimator, pilot=Pilot(4))
    predicted = request_probe(store, asked)
    worker.handle(JobKind.PROBE, predicted.probe_id)
    result = store.catalogue.probe(predicted.probe_id).result
    assert (result.num_total, result.num_pending) == (4, 4)
    run = do(store, worker, asked)
    assert (run.state, run.num_total, run.num_measured, run.pilot) == (RunState.FINISHED, 4, 4, Pilot(4))
    (partial,) = partial_scores(store, [ScoreSet(dataset.dataset_id, run.key)])
    assert (partial.coverage.num_scored, partial.run.run_id) == (4, run.run_id)
    again = do(store, worker, asked)
    assert (again.run_id != run.run_id, again.num_reused) == (True, 4)
    rest = measure_rest(store, run.run_id)
    worker.handle(JobKind.RUN, rest.run_id)
    rest = store.catalogue.run(rest.run_id)
    assert (rest.pilot, rest.num_total, rest.num_measured, rest.num_reused) == (None, 10, 10, 4)
    assert rest.key == run.key
    assert partial_scores(store, [ScoreSet(dataset.dataset_id, rest.key)]) == ()


def test_a_pilot_of_each_class(store, worker, tmp_path, checkpoint):
    dataset = indexed(store, worker, write_images(tmp_path / "images", 10))
    run = do(store, worker, MeasurementRequest("toy", checkpoint, pilot=Pilot(2, per_class=True)))
    assert (run.num_total, run.num_measured) == (4, 4)
    labels = store.query(store.scored_sql(dataset, run.key)).to_pylist()
    assert Counter(row["label"] for row in labels if row["score"] is not None) == {"a": 2, "b": 2}


def test_requests_that_differ_in_their_pilot_are_two_runs(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", 4))
    asked = MeasurementRequest("toy", checkpoint, pilot=Pilot(2))
    first = request_run(store, asked)
    assert request_run(store, asked).run_id == first.run_id
    assert request_run(store, replace(asked, pilot=None)).run_id != first.run_id
    assert request_run(store, replace(asked, pilot=Pilot(2, per_class=True))).run_id != first.run_id


@pytest.mark.parametrize(
    ("estimator", "pilot", "sentence"),
    [("exact", Pilot(0), "at least 1 image"), ("calibrated", Pilot(5), "cannot be calibrated")],
)
def test_pilots_that_make_no_sense(store, worker, tmp_path, checkpoint, estimator, pilot, sentence):
    indexed(store, worker, write_images(tmp_path / "images", 2))
    with pytest.raises(UnknownNameError, match=sentence):
        request_run(store, MeasurementRequest("toy", checkpoint, estimator, pilot=pilot))


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("home"))
    return store, add_dataset(store, "letters", make_samples("aaaaabbbc"))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(small=st.integers(1, 12), more=st.integers(0, 5), per_class=st.booleans())
def test_a_larger_pilot_contains_a_smaller_one(letters, small, more, per_class):
    store, dataset = letters
    key = SPEC.key("none")
    first, second = (
        set(store.pending_samples(dataset, key, Pilot(n, per_class))["content_id"].to_pylist())
        for n in (small, small + more)
    )
    assert first <= second
    assert len(first) == (sum(min(small, n) for n in (5, 3, 1)) if per_class else min(small, 9))
    assert store.count_images(dataset, Pilot(small, per_class)) == len(first)
