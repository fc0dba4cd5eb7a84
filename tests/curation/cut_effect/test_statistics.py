"""Intervals of paired differences against simulation and arithmetic."""

import numpy as np
import pytest

from jepascore_core.curation.cut_effect.statistics import difference, difference_to_random, spread_of_random


def test_the_values_are_differences_of_accuracies():
    kept, random = np.array([True, True, False, True]), np.array([[True, False] * 2, [True, True, False, False]])
    assert difference_to_random(kept, random).value == pytest.approx(0.75 - 0.5)
    assert difference(kept, random[0]).value == pytest.approx(0.25)
    assert spread_of_random(random).value == pytest.approx(0.5)


def test_random_draws_leave_the_interval_one_time_of_twenty_at_most():
    rng = np.random.default_rng(0)
    outside = 0
    for _ in range(400):
        # Subsets differ in how good they are, and images in how hard: what pairing takes away.
        hard, good = rng.normal(0, 1, 500), rng.normal(0.5, 0.1, (11, 1))
        right = rng.random((11, 500)) < 1 / (1 + np.exp(-(good - hard)))
        found = difference_to_random(right[0], right[1:])
        outside += found.is_above_zero or found.is_below_zero
    assert outside <= 0.08 * 400


def test_pairs_that_agree_have_a_narrow_interval():
    rng = np.random.default_rng(1)
    first = rng.random(2000) < 0.7
    second = first.copy()
    second[:20] = ~second[:20]
    paired, shuffled = difference(first, second), difference(first, rng.permutation(second))
    assert paired.upper - paired.lower < (shuffled.upper - shuffled.lower) / 4


def test_few_images_never_give_certainty():
    kept, random = np.array([True] * 3), np.zeros((10, 3), bool)
    assert not difference_to_random(kept, random, num_comparisons=10).lower > 0.99
    equal = difference(kept, kept)
    assert equal.lower < 0 < equal.upper


def test_more_comparisons_ask_for_more():
    rng = np.random.default_rng(2)
    kept, random = rng.random(300) < 0.8, rng.random((10, 300)) < 0.7
    one, many = difference_to_random(kept, random), difference_to_random(kept, random, 50)
    assert many.lower < one.lower
    assert many.upper > one.upper
