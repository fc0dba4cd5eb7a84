"""Baseline scores beside the score, on embeddings for which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from jepascore_core.curation import evaluate, parse, summarize
from jepascore_core.curation.precompute.steps import precompute
from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.agreement import baseline_view
from jepascore_core.trust.gaussianity import dataset_gaussianity
from tests.conftest import add_backbone, add_dataset, add_estimates, make_samples
from tests.trust.conftest import put_embeddings


def length(embedding: np.ndarray) -> float:
    return float(np.linalg.norm(embedding.astype(np.float64)))


def test_a_score_that_is_the_norm_agrees_with_the_norm_and_opposes_the_distance_to_the_centre(store: Store):
    scores, _ = put_embeddings(store, ["a", "b"] * 60, length)
    view = baseline_view(store, scores)
    by_title = {row.title: row for row in view.agreements}
    assert by_title["norm"].spearman == pytest.approx(1)
    assert by_title["norm"].shared_least == 1
    assert by_title["Mahalanobis"].spearman < -0.8
    assert (view.num_images, view.missing, view.defects) == (120, (), ())


def test_defects_that_score_lowest_are_found_by_the_score_alone(store: Store):
    labels = ["a"] * 100
    _, embeddings = put_embeddings(store, labels, length, name="first")
    cut = np.quantile([length(embedding) for embedding in embeddings], 0.1)
    defects = ["torn" if length(embedding) < cut else "" for embedding in embeddings]
    scores, _ = put_embeddings(store, labels, length, defects, name="second")
    (row,) = baseline_view(store, scores).defects
    assert (row.defect, row.num_samples) == ("torn", 10)
    assert row.by_title["JEPA-SCORE"] == 1
    assert row.by_title["norm"] == 1
    assert row.by_title["Mahalanobis"] < 0.2


def test_baselines_that_need_more_images_are_missing_and_slow_ones_pending(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    scores, _ = put_embeddings(store, ["a"] * 10)
    assert (baseline_view(store, scores).missing, baseline_view(store, scores).pending) == (("Mahalanobis",), ())
    monkeypatch.setattr("jepascore_core.curation.precompute.step.QUICK_IMAGES", 5)
    # The k-NN was worked out and kept just now.
    assert (baseline_view(store, scores).missing, baseline_view(store, scores).pending) == (("Mahalanobis",), ())
    more, _ = put_embeddings(store, ["a", "b"] * 15, name="more")
    view = baseline_view(store, more)
    assert ([row.title for row in view.agreements], view.missing) == (["norm"], ())
    assert [work.baseline for work in view.pending] == ["knn", "mahalanobis"]
    for work in view.pending:
        precompute(store, more, work)
    view = baseline_view(store, more)
    assert ([row.title for row in view.agreements], view.pending) == (["k-NN", "Mahalanobis", "norm"], ())


def test_scores_without_embeddings_have_no_baselines(store: Store):
    samples = make_samples(["a"] * 30)
    values = {sample.sample_key: float(number) for number, sample in enumerate(samples)}
    dataset, backbone = add_dataset(store, "estimated", samples), add_backbone(store)
    view = baseline_view(store, add_estimates(store, dataset, backbone, values, 1.0, samples=samples))
    assert (view.num_images, view.agreements, view.pending) == (0, (), ())
    assert view.missing == ("k-NN", "Mahalanobis", "norm")


def test_ties_count_half_and_a_constant_score_agrees_with_nothing(store: Store):
    defects = ["torn", ""] * 15
    scores, _ = put_embeddings(store, ["a"] * 30, lambda _: 1.0, defects)
    view = baseline_view(store, scores)
    assert view.defects[0].by_title["JEPA-SCORE"] == 0.5
    assert [row.spearman for row in view.agreements] == [0, 0, 0]


def test_what_is_laid_out_says_the_same_as_shards(store: Store, monkeypatch: pytest.MonkeyPatch):
    defects = ["torn" if number % 9 == 0 else "" for number in range(120)]
    scores, _ = put_embeddings(store, ["b", "a"] * 60, length, defects)
    before = baseline_view(store, scores), dataset_gaussianity(store, scores), kept(store, scores)

    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    dataset = store.catalogue.dataset(scores.dataset_id)
    score_tables.build_score_table(store, dataset, scores.key)
    again = Store(store.home)
    assert score_tables.current_vectors(again, dataset, scores.key) is not None
    assert baseline_view(again, scores) == before[0]
    assert kept(again, scores) == before[2]
    found = dataset_gaussianity(again, scores)
    # Laid out embeddings are rounded once more, to half precision.
    assert (found.num_images, found.num_directions) == (before[1].num_images, before[1].num_directions)
    assert found.distance == pytest.approx(before[1].distance, abs=2e-3)
    assert found.spread == pytest.approx(before[1].spread, abs=2e-3)


def kept(store: Store, scores: ScoreSet) -> int:
    return summarize(store, evaluate(store, scores, parse("score[norm] >= 2.5"))).counts.kept
