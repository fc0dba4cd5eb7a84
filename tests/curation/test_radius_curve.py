"""The curve of radii against groups found at each of them, and the default radius."""

from __future__ import annotations

import numpy as np
import pytest

from jepascore_core.curation.columns.near_duplicates import find_groups
from jepascore_core.curation.columns.radius_curve import (
    DEFAULT_SHARE,
    LEAST_RADIUS,
    MOST_RADIUS,
    RadiusCurve,
    largest_groups,
    spanning_tree,
)
from jepascore_core.embeddings.index import unit


def curve_of(embeddings, weights=None) -> RadiusCurve:
    distances, pairs, median = spanning_tree(embeddings)
    weights = np.ones(len(embeddings), np.int64) if weights is None else weights
    names = [f"{place:04d}" for place in range(len(embeddings))]
    first, second = (tuple(names[place] for place in pairs[:, side]) for side in (0, 1))
    return RadiusCurve(distances, first, second, largest_groups(weights, pairs), 0, 0, len(embeddings), median)


def clumps():
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(30, 16))
    spreads = np.repeat(generator.uniform(0.0, 0.4, size=30), 4)[:, None]
    return unit(np.repeat(centres, 4, axis=0) + spreads * generator.normal(size=(120, 16)))


@pytest.mark.parametrize("radius", [0.0005, 0.003, 0.01, 0.03, 0.1])
def test_the_curve_is_that_of_the_groups_found_at_each_radius(radius):
    embeddings = clumps()
    curve = curve_of(embeddings)
    found = find_groups(np.array([f"{n:04d}" for n in range(120)]), embeddings, radius)
    groups = found.groups["group_id"].to_numpy()
    assert curve.num_dropped(radius) == len(groups) - found.num_groups
    assert curve.largest_group(radius) == (np.bincount(groups).max() if len(groups) else 0)


def test_pairs_at_the_border_are_the_longest_within_the_radius():
    curve = curve_of(clumps())
    pairs = curve.border(0.03, 4)
    assert [pair[0] for pair in pairs] == sorted((pair[0] for pair in pairs), reverse=True)
    assert all(distance <= 0.03 for distance, _, _ in pairs)
    assert pairs[0][0] == max(distance for distance in curve.distances if distance <= 0.03)
    assert curve.border(0.0, 4) == () or curve.border(0.0, 4)[0][0] == 0.0


def test_equal_embeddings_merge_at_no_distance():
    embeddings = unit(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    curve = curve_of(embeddings, np.array([5, 2, 1]))
    assert curve.num_dropped(0.001) == 1
    assert curve.largest_group(0.001) == 7
    assert curve.median == pytest.approx(0.0, abs=1e-6)
    assert curve.default_radius == LEAST_RADIUS


def test_the_default_follows_the_distances_of_neighbours():
    generator = np.random.default_rng(1)
    near = unit(1 + 0.2 * generator.normal(size=(200, 64)))
    curve = curve_of(near)
    assert curve.default_radius == pytest.approx(max(DEFAULT_SHARE * curve.median, LEAST_RADIUS), abs=0.0005)
    assert curve_of(unit(generator.normal(size=(50, 64)))).default_radius == MOST_RADIUS


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_have_no_neighbours(count):
    curve = curve_of(unit(np.ones((count, 3))))
    assert (curve.num_dropped(1.0), curve.largest_group(1.0), curve.median) == (0, 0, 0.0)
