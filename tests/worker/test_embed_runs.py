"""Runs of embeddings alone: the same embeddings as an exact run's, copied where they are, and no scores anywhere."""

import numpy as np
import pytest

from jepascore_core.curation import Curation, Deduplicate, evaluate, parse, summarize
from jepascore_core.curation.groups import duplicate_groups
from jepascore_core.curation.precompute.steps import precompute_all
from jepascore_core.errors import JepaScoreError, RuleError, UnknownNameError
from jepascore_core.jobs.queue import JobKind
from jepascore_core.jobs.requests import request_probe, request_run
from jepascore_core.measuring.specs import resolve_plan, resolve_spec
from jepascore_core.records.approximation import ApproximationPlan
from jepascore_core.records.requests import MeasurementRequest
from jepascore_core.records.runs import RunState
from jepascore_core.scores.coverage import partial_scores
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.naming import find_measured
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.scores.tables import build_score_table
from jepascore_core.trust.evidence import trust_verdict
from jepascore_core.views.detail import sample_detail
from jepascore_core.views.neighbours import nearest_samples
from jepascore_core.views.progress import run_progress
from jepascore_core.views.search import SampleSearch, search_samples
from tests.worker.sources import indexed, write_images

COUNT = 30


def finished(store, worker, request):
    run = request_run(store, request)
    worker.handle(JobKind.RUN, run.run_id)
    run = store.catalogue.run(run.run_id)
    assert run.state is RunState.FINISHED, run.message
    return run


def embeddings(store, key):
    rows = store.query(f"SELECT content_id, embedding FROM ({store.shards_sql(key)}) ORDER BY content_id")
    return rows["content_id"].to_pylist(), np.array(rows["embedding"].to_pylist())


@pytest.fixture
def embedded(store, worker, tmp_path, checkpoint):
    """A dataset, and its run of embeddings alone."""
    dataset = indexed(store, worker, write_images(tmp_path / "images", COUNT))
    run = finished(store, worker, MeasurementRequest("toy", checkpoint, "embed"))
    return run, ScoreSet(dataset.dataset_id, run.key)


def test_it_stores_what_an_exact_run_embeds_and_no_score(store, worker, embedded, checkpoint):
    run, scores = embedded
    assert (run.spec.estimator, run.num_measured, run.num_failed, run.is_precision_open) == ("embed", COUNT, 0, False)
    assert run.key.spec_id.startswith("embed-float32-")
    assert "embedded" in run.message
    assert "No scores" in run.message
    exact = finished(store, worker, MeasurementRequest("toy", checkpoint, precision="float32"))
    ids, found = embeddings(store, run.key)
    other_ids, expected = embeddings(store, exact.key)
    assert ids == other_ids
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)
    sql = f"SELECT count(rank) + count(score) + count(log_singular_values) AS n FROM ({store.shards_sql(run.key)})"
    assert store.query(sql)["n"][0].as_py() == 0
    # A name stands for the scores; the other one has to be named in full.
    dataset = store.catalogue.dataset(scores.dataset_id)
    assert [choice.key for choice in measured_choices(store, dataset.dataset_id)] == [exact.key, run.key]
    assert find_measured(store, dataset, None).key == exact.key
    assert find_measured(store, dataset, run.key.text).key == run.key


def test_it_copies_what_an_exact_run_has_embedded(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", COUNT))
    exact = finished(store, worker, MeasurementRequest("toy", checkpoint, precision="float32"))
    run = finished(store, worker, MeasurementRequest("toy", checkpoint, "embed"))
    assert f"{COUNT} taken from other runs of this backbone" in run.message
    assert run.num_measured == COUNT
    for (ids, found), (other_ids, expected) in [(embeddings(store, run.key), embeddings(store, exact.key))]:
        assert ids == other_ids
        assert np.array_equal(found, expected)
    again = finished(store, worker, MeasurementRequest("toy", checkpoint, "embed"))
    assert (again.num_measured, again.num_reused) == (COUNT, COUNT)
    assert "taken from" not in again.message


def test_what_needs_no_score_works_on_it(store, embedded):
    _, scores = embedded
    (choice,) = measured_choices(store, scores.dataset_id)
    assert (choice.num_scored, choice.is_complete, choice.title.endswith(", embeddings only")) == (COUNT, True, True)
    assert partial_scores(store, [scores]) == ()
    for rules in ("percentile[knn] >= 20", "percentile[norm] >= 20", "all | one per near 0.000001 keep largest",
                  "measured", "all | budget 5 diverse", "all | budget 6 clusters 2"):  # fmt: skip
        curation = parse(rules)
        precompute_all(store, scores, curation)
        result = summarize(store, evaluate(store, scores, curation))
        assert (result.counts.total, result.counts.unscored, result.counts.unmeasured) == (COUNT, 0, 0), rules
        assert result.counts.kept > 0
    assert duplicate_groups(store, scores, Deduplicate(0.5, "first")).num_samples > 0
    by_norm = search_samples(store, scores, SampleSearch(by="norm", descending=True, order="key"), 1, COUNT)
    assert by_norm.num_found == COUNT
    assert list(by_norm.numbers) == sorted(by_norm.numbers, reverse=True)
    sample = by_norm.samples[0]
    detail = sample_detail(store, scores, sample.sample_key)
    assert (detail.chosen, detail.scores) == (None, ())
    assert len(nearest_samples(store, scores, sample.content_id, 3)) == 3


def test_what_needs_a_score_says_how_to_get_one(store, embedded):
    run, scores = embedded
    for rules in ("score >= 0", "class_percentile >= 5", "all | one per near 0.05"):
        with pytest.raises(RuleError, match=r"there is no score yet.*jepascore score toy -b"):
            precompute_all(store, scores, parse(rules))
            evaluate(store, scores, parse(rules))
    with pytest.raises(JepaScoreError, match="there is no score yet"):
        trust_verdict(store, scores)
    progress = run_progress(store, run)
    assert progress.backbone.endswith("embeddings only")
    assert progress.counts_text == f"{COUNT} of {COUNT} images embedded"


def test_a_score_table_counts_embeddings(store, embedded, monkeypatch):
    from jepascore_core.scores import tables

    monkeypatch.setattr(tables, "MIN_SAMPLES", 1)
    _, scores = embedded
    assert build_score_table(store, store.catalogue.dataset(scores.dataset_id), scores.key) is not None
    (choice,) = measured_choices(store, scores.dataset_id)
    assert choice.num_scored == COUNT
    assert search_samples(store, scores, SampleSearch(order="key"), 1, 5).num_found == COUNT
    curation = parse("percentile[knn] >= 20")
    precompute_all(store, scores, curation)
    assert summarize(store, evaluate(store, scores, curation)).counts.unscored == 0
    assert summarize(store, evaluate(store, scores, Curation())).counts.kept == COUNT


def test_its_cost_is_predicted_from_a_few_embedded_images(store, worker, tmp_path, checkpoint):
    indexed(store, worker, write_images(tmp_path / "images", COUNT))
    probe = request_probe(store, MeasurementRequest("toy", checkpoint, "embed"))
    worker.handle(JobKind.PROBE, probe.probe_id)
    found = store.catalogue.probe(probe.probe_id).result
    assert (found.num_total, found.num_pending, found.may_be_faster) == (COUNT, COUNT, False)
    assert found.seconds_per_image > 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"precision": "bfloat16"}, "leave the precision out"),
        ({"probes": 8}, "only a sketch has one"),
        ({"views": 2, "augmentation": "crops"}, "no views"),
    ],
)
def test_options_of_scores_are_refused(options, reason):
    with pytest.raises(UnknownNameError, match=reason):
        resolve_spec("embed", **options)
    with pytest.raises(UnknownNameError, match="not of embed"):
        resolve_plan("embed", ApproximationPlan(top=3))
