"""Baseline scores against closed forms, an obvious implementation, and by laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.embeddings import baselines
from jepascore_core.embeddings.baselines import BASELINES, baseline_scores, choose_knn_index, knn, mahalanobis, norm
from jepascore_core.errors import TooFewImagesError

FITTED = ("knn", "mahalanobis")


def ids(n):
    return np.array([f"{i * 2654435761 % 2**32:032x}" for i in range(n)])


def cloud(n=200, k=6, seed=0):
    return 3 + np.random.default_rng(seed).standard_normal((n, k))


def rotation(k, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


def brute_force_knn(vectors, k):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for i in range(len(unit)):
        distances = sorted(1 - unit[i] @ unit[j] for j in range(len(unit)) if j != i)
        found.append(-distances[min(k, len(distances)) - 1])
    return np.array(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 9))
def test_knn_is_the_distance_to_the_kth_other_one(n, k, seed):
    vectors = cloud(n, 3, seed)
    assert knn(vectors, k) == pytest.approx(brute_force_knn(vectors, k), abs=2e-9)


def test_knn_closed_form():
    angles = np.deg2rad([0, 10, 30])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [5], [0.1]]
    assert knn(vectors, 1) == pytest.approx(-(1 - np.cos(np.deg2rad([10, 10, 20]))), abs=2e-9)
    # Fewer others than k: the farthest one.
    assert knn(vectors, 10) == pytest.approx(-(1 - np.cos(np.deg2rad([30, 20, 30]))), abs=2e-9)


def test_mahalanobis_of_a_gaussian_follows_chi_square():
    n, k, scales = 4000, 5, np.array([1, 1.5, 2, 2.5, 3])
    vectors = np.random.default_rng(0).standard_normal((n, k)) * scales
    vectors[17] = 6 * scales
    found = mahalanobis(ids(n), vectors @ rotation(k))
    assert found.mean() == pytest.approx(-k, abs=0.15)
    assert np.delete(found, 17).var() == pytest.approx(2 * k, rel=0.15)
    assert found[17] == pytest.approx(-36 * k, rel=0.1)


def test_mahalanobis_is_held_out():
    """In-sample distances cannot exceed (n - 1)^2 / n, however far an image is; held-out ones can."""
    n = 40
    vectors = cloud(n, 2)
    vectors[7] = 1e3
    found = mahalanobis(ids(n), vectors)
    assert found.argmin() == 7
    assert -found[7] > 100 * n


@pytest.mark.parametrize("baseline", FITTED)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_planted_outlier_is_the_least_typical(baseline, dtype):
    vectors = cloud()
    vectors[13] = [9, -9, 9, -9, 9, -9]
    assert baseline_scores(baseline, ids(200), vectors.astype(dtype)).argmin() == 13


@pytest.mark.parametrize("baseline", BASELINES)
def test_half_precision_changes_little(baseline):
    exact, half = (baseline_scores(baseline, ids(200), cloud().astype(dtype)) for dtype in (np.float64, np.float16))
    assert half == pytest.approx(exact, rel=0.05, abs=1e-3)
    assert np.corrcoef(exact, half)[0, 1] > 0.999


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_duplicate_of_the_same_content_changes_nothing(baseline):
    names, vectors = ids(60), cloud(60)
    vectors[7] = [9, -9, 9, -9, 9, -9]
    once = baseline_scores(baseline, names, vectors)
    rows = [*range(60), *[7] * 15]
    again = baseline_scores(baseline, names[rows], vectors[rows])
    assert again.tolist() == once[rows].tolist()


def test_an_image_under_another_content_id_is_a_neighbour():
    vectors = cloud(40)
    vectors[30:] = vectors[7]
    assert knn(vectors, 10)[7] == 0
    assert knn(vectors[:30], 10)[7] < 0


@pytest.mark.parametrize("baseline", BASELINES)
def test_rotations_change_nothing(baseline):
    before = baseline_scores(baseline, ids(120), cloud(120))
    after = baseline_scores(baseline, ids(120), cloud(120) @ rotation(6))
    assert after == pytest.approx(before, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("baseline", BASELINES)
def test_scaling_changes_only_the_norm(baseline):
    before = baseline_scores(baseline, ids(120), cloud(120))
    after = baseline_scores(baseline, ids(120), 8 * cloud(120))
    assert after == pytest.approx(8 * before if baseline == "norm" else before, rel=1e-5, abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(40)), st.sampled_from(BASELINES))
def test_the_order_of_the_rows_does_not_matter(order, baseline):
    names, vectors = ids(40), cloud(40)
    found = baseline_scores(baseline, names[order], vectors[order])
    assert found.tolist() == baseline_scores(baseline, names, vectors)[order].tolist()


@pytest.mark.parametrize("value", [0.0, 1.0, 60000.0])
def test_constant_embeddings_are_all_as_typical(value):
    for baseline in FITTED:
        found = baseline_scores(baseline, ids(30), np.full((30, 8), value, np.float16))
        assert len(set(found.tolist())) == 1
        assert np.isfinite(found).all()


def test_one_that_differs_among_constant_embeddings():
    vectors = np.ones((30, 8), np.float16)
    vectors[4, :4] = -1
    for baseline in FITTED:
        found = baseline_scores(baseline, ids(30), vectors)
        assert np.isfinite(found).all()
        assert found.argmin() == 4


def test_more_dimensions_than_images():
    vectors = cloud(24, 300)
    vectors[3] += 30 * np.eye(300)[0]
    found = mahalanobis(ids(24), vectors)
    assert np.isfinite(found).all()
    assert found.argmin() == 3


@pytest.mark.parametrize(("baseline", "enough"), [("knn", 2), ("mahalanobis", 20), ("norm", 0)])
def test_tiny_sets_are_refused_with_the_number_that_is_needed(baseline, enough):
    assert np.isfinite(baseline_scores(baseline, ids(enough), cloud(enough))).all()
    if enough:
        few = [0, *range(enough - 1), 0]
        with pytest.raises(TooFewImagesError, match=f"{baseline} needs at least {enough} different"):
            baseline_scores(baseline, ids(enough)[few], cloud(enough)[few])


def test_all_images_in_one_fold_are_refused():
    with pytest.raises(TooFewImagesError):
        mahalanobis(np.array(["same"] * 30), cloud(30))


def test_what_is_not_finite_is_left_out():
    vectors = cloud(50).astype(np.float16)
    vectors[[3, 9], 0] = np.inf, np.nan
    good = np.setdiff1d(np.arange(50), [3, 9])
    for baseline in BASELINES:
        found = baseline_scores(baseline, ids(50), vectors)
        assert np.isnan(found[[3, 9]]).all()
        assert found[good].tolist() == baseline_scores(baseline, ids(50)[good], vectors[good]).tolist()


def test_inverted_lists_miss_little_and_never_flatter(monkeypatch):
    monkeypatch.setattr(baselines, "MIN_PROBES", 4)
    generator = np.random.default_rng(0)
    vectors = np.repeat(generator.standard_normal((60, 16)), 50, axis=0) + 0.3 * generator.standard_normal((3000, 16))
    exact, near = knn(vectors, index="flat"), knn(vectors, index="ivf")
    assert (near <= exact).all()
    assert np.mean(near == exact) > 0.5
    assert np.corrcoef(near, exact)[0, 1] > 0.95


def test_lists_with_too_few_neighbours_are_searched_again(monkeypatch):
    """Forty clumps of 8: the lists that are searched hold fewer than 100 others."""
    vectors = np.repeat(np.eye(40, 64), 8, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal((320, 64))
    monkeypatch.setattr(baselines, "MIN_PROBES", 1)
    found = knn(vectors, 200, index="ivf")
    assert np.isfinite(found).all()
    assert np.corrcoef(found, knn(vectors, 200))[0, 1] > 0.5


def test_the_index_depends_on_the_number_of_images():
    assert [choose_knn_index(n) for n in (2, 50_000, 50_001)] == ["flat", "flat", "ivf"]


def test_blocks_and_samples_do_not_show(monkeypatch):
    before = {name: baseline_scores(name, ids(120), cloud(120)) for name in BASELINES}
    shares = []
    monkeypatch.setattr(baselines, "BLOCK", 7)
    for name in BASELINES:
        assert baseline_scores(name, ids(120), cloud(120), shares.append) == pytest.approx(before[name], rel=1e-6)
    assert shares[-1] == 1.0
    monkeypatch.setattr(baselines, "MAX_FITTED", 60)
    assert np.corrcoef(baseline_scores("mahalanobis", ids(120), cloud(120)), before["mahalanobis"])[0, 1] > 0.9


def test_norm_is_the_length():
    assert norm(np.array([[3, 4], [0, 0]], np.float16)).tolist() == [5, 0]
    # In half precision the square would overflow.
    assert norm(np.array([[300, 400]], np.float16)).tolist() == [500]
