"""Distances to a reference: points on a line and on a circle, any order, any kind of index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.embeddings.baselines import baseline_scores_against
from jepascore_core.embeddings.reference import (
    choose_reference_index,
    reference_neighbours,
    reference_seconds,
)
from jepascore_core.errors import TooFewImagesError


def on_a_circle(degrees):
    """Unit vectors [N, 2] at these angles, of any length: only angles count."""
    angles = np.radians(np.asarray(degrees, float))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * (1 + np.arange(len(angles)))[:, None]


def test_distances_of_points_on_a_circle():
    found = reference_neighbours(on_a_circle([10, 90]), on_a_circle([0, 30, 60, 170]), 3)
    assert found.rows.tolist() == [[0, 1, 2], [2, 1, 3]]
    between = np.cos(np.radians([[10, 20, 50], [30, 60, 80]]))
    np.testing.assert_allclose(found.distances, 1 - between, atol=1e-9)


def test_points_on_a_line_through_the_origin_are_near_or_opposite():
    line = np.array([[1.0, 2.0]]) * np.array([[0.5], [3.0], [-1.0]])
    found = reference_neighbours(line, np.array([[2.0, 4.0]]), 10)
    assert found.distances.tolist() == [[0.0], [0.0], [2.0]]
    assert found.rows.tolist() == [[0], [0], [0]]


CLOUDS = st.integers(0, 10**6).map(np.random.default_rng)


@given(CLOUDS, st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(1, 12))
def test_against_all_pairs_in_any_order(random, n, m, dimension, k):
    images, reference = random.standard_normal((n, dimension)), random.standard_normal((m, dimension))
    found = reference_neighbours(images, reference, k)
    cosines = images @ reference.T / np.outer(np.linalg.norm(images, axis=1), np.linalg.norm(reference, axis=1))
    np.testing.assert_allclose(found.distances, np.sort(1 - cosines, axis=1)[:, :k], atol=2e-9)
    np.testing.assert_allclose(np.take_along_axis(1 - cosines, found.rows, axis=1), found.distances, atol=2e-9)
    order, other = random.permutation(n), random.permutation(m)
    again = reference_neighbours(images[order], reference[other], k)
    assert again.distances.tolist() == found.distances[order].tolist()


@given(CLOUDS, st.integers(1, 40))
def test_a_dataset_is_at_distance_0_of_itself(random, n):
    images = random.standard_normal((n, 5)).astype(np.float16)
    found = reference_neighbours(images, images, 1)
    assert found.distances.tolist() == [[0.0]] * n
    assert found.rows.tolist() == [[row] for row in range(n)]


def test_it_is_the_baseline_score_of_images_that_others_judge():
    random = np.random.default_rng(0)
    images, reference = random.standard_normal((50, 8)), random.standard_normal((80, 8))
    tenth = reference_neighbours(images, reference).distances[:, -1]
    np.testing.assert_allclose(-baseline_scores_against("knn", images, reference), tenth, atol=1e-6)


def test_equal_ones_are_told_in_order_of_the_reference():
    found = reference_neighbours(np.ones((1, 4)), np.ones((8, 4)), 3)
    assert found.rows.tolist() == [[0, 1, 2]]


def test_what_is_not_finite_is_left_out_on_either_side():
    images, reference = np.eye(3), np.eye(3)
    images[1, 1], reference[0, 0] = np.nan, np.inf
    found = reference_neighbours(images, reference, 2)
    assert np.isnan(found.distances[1]).all() and found.rows[1].tolist() == [-1, -1]
    assert found.rows[2].tolist() == [2, 1] and found.distances[2].tolist() == [0.0, 1.0]
    with pytest.raises(TooFewImagesError, match="no embeddings"):
        reference_neighbours(images, np.full((2, 3), np.nan))


def test_no_images_at_all():
    assert reference_neighbours(np.zeros((0, 3)), np.eye(3), 2).distances.shape == (0, 2)


def test_inverted_lists_never_come_out_nearer_and_mostly_agree():
    random = np.random.default_rng(1)
    reference = random.standard_normal((4000, 6))
    images = reference[:500] + 0.2 * random.standard_normal((500, 6))
    flat, ivf = (reference_neighbours(images, reference, index=kind) for kind in ("flat", "ivf"))
    assert (ivf.distances >= flat.distances - 1e-9).all()
    assert np.mean(ivf.rows[:, 0] == flat.rows[:, 0]) > 0.9
    assert np.isfinite(ivf.distances).all()


def test_progress_rises_to_1():
    shares = []
    random = np.random.default_rng(2)
    reference_neighbours(random.standard_normal((3000, 4)), random.standard_normal((900, 4)), progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_the_index_and_its_time_follow_from_both_numbers():
    assert choose_reference_index(50_000, 50_000) == "flat"
    assert choose_reference_index(1_000, 1_000_000) == "flat"
    assert choose_reference_index(100_000, 100_000) == "ivf"
    small, large = reference_seconds(10_000, 10_000, 384), reference_seconds(100_000, 100_000, 384)
    assert 0 < small < large
