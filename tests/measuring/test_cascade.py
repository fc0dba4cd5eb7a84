"""Cascades on bounds: the same lists as exact scores give, from the fewest exact scores that can tell."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.measuring.approximate.cascade import needed_for_cut, needed_for_lists, num_below


@st.composite
def bounded_scores(draw):
    """Exact scores (with ties), intervals that hold them, and which of them are known."""
    size = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exact = np.round(rng.standard_normal(size) * 10, draw(st.integers(0, 2)))
    width = draw(st.floats(0, 30))
    lower, upper = exact - width * rng.random(size), exact + width * rng.random(size)
    known = rng.random(size) < draw(st.floats(0, 0.5))
    groups = rng.integers(0, draw(st.integers(1, 4)), size)
    return exact, np.where(known, exact, lower), np.where(known, exact, upper), known, groups


def settle(exact, lower, upper, known, choose):
    """Measure what `choose` asks for until it asks for nothing; returns what was measured, round by round."""
    lower, upper, known, rounds = lower.copy(), upper.copy(), known.copy(), []
    while (chosen := choose(lower, upper, known)).any():
        assert not (chosen & known).any()
        lower[chosen] = upper[chosen] = exact[chosen]
        known |= chosen
        rounds.append(chosen)
    return rounds, known


def lists(values, groups, n, usable):
    """The n least of each group that holds more than n, equal ones in the order of rows."""
    found = {}
    for group in np.unique(groups):
        members = np.flatnonzero((groups == group) & usable)
        if (groups == group).sum() > n:
            found[int(group)] = members[np.argsort(values[members], kind="stable")][:n].tolist()
    return found


@settings(max_examples=200, deadline=None)
@given(bounded_scores(), st.integers(1, 8))
def test_lists_equal_the_exact_ones_and_nothing_needless_is_measured(world, n):
    exact, lower, upper, known, groups = world
    rounds, after = settle(exact, lower, upper, known, lambda *state: needed_for_lists(*state, groups, n))
    everything = np.ones(len(exact), dtype=bool)
    for sign in (1, -1):
        assert lists(sign * exact, groups, n, after) == lists(sign * exact, groups, n, everything)
    measured = after & ~known
    # No method could do with less: whatever it knows else, an image is open while its bound lies before the last place.
    must = np.zeros(len(exact), dtype=bool)
    for values, bound in ((exact, lower), (-exact, -upper)):
        for members in lists(values, groups, n, everything).values():
            last = members[-1]
            for row in np.flatnonzero((groups == groups[last]) & ~known):
                must[row] |= (bound[row], row) <= (values[last], last)
    assert (measured == must).all()
    assert len(rounds) <= measured.sum()


@settings(max_examples=200, deadline=None)
@given(bounded_scores(), st.floats(0, 100))
def test_a_cut_is_settled_and_only_open_images_are_measured(world, percentile):
    exact, lower, upper, known, _ = world
    below = num_below(percentile, len(exact))

    def choose(low, high, seen):
        chosen = needed_for_cut(low, high, seen, below)
        if chosen.any():
            ends, starts = np.sort(high)[below - 1], np.sort(low)[below]
            assert ((low <= ends) & (high >= starts))[chosen].all()
        return chosen

    _, after = settle(exact, lower, upper, known, choose)
    if 0 < below < len(exact):
        middle = np.where(after, exact, (lower + upper) / 2)
        ordered = np.sort(exact)
        inside = np.sort(middle)[below - 1]
        # Images that tie with the last one below may stand for each other; all others are on their own side.
        assert set(np.flatnonzero(exact < ordered[below - 1])) <= set(np.flatnonzero(middle <= inside))
        assert set(np.flatnonzero(exact > ordered[below])) <= set(np.flatnonzero(middle >= inside))


def test_scores_that_are_known_need_nothing():
    exact = np.arange(10.0)
    known = np.ones(10, dtype=bool)
    groups = np.zeros(10, dtype=np.int64)
    assert not needed_for_lists(exact, exact, known, groups, 3).any()
    assert not needed_for_cut(exact, exact, known, 5).any()


def test_a_class_that_fits_on_its_list_has_nothing_to_settle():
    lower, upper, known = np.zeros(6), np.ones(6), np.zeros(6, dtype=bool)
    groups = np.array([0, 0, 0, 1, 1, 1])
    assert not needed_for_lists(lower, upper, known, groups, 3).any()
    assert needed_for_lists(lower, upper, known, groups, 2).any()


def test_narrow_intervals_take_few_measurements():
    rng = np.random.default_rng(0)
    exact = rng.standard_normal(5000) * 50
    known = np.zeros(5000, dtype=bool)
    groups = np.zeros(5000, dtype=np.int64)
    bounds = exact + rng.uniform(-5, 5, 5000)
    rounds, after = settle(exact, bounds - 5, bounds + 5, known, lambda *state: needed_for_lists(*state, groups, 20))
    assert 40 <= after.sum() < 100
    again, _ = settle(exact, bounds - 5, bounds + 5, known, lambda *state: needed_for_lists(*state, groups, 20))
    assert [chosen.tolist() for chosen in rounds] == [chosen.tolist() for chosen in again]


def test_infinite_bounds_measure_everything_that_they_leave_open():
    exact = np.arange(30.0)
    known = np.zeros(30, dtype=bool)
    infinite = np.full(30, np.inf)
    groups = np.zeros(30, dtype=np.int64)
    _, after = settle(exact, -infinite, infinite, known, lambda *state: needed_for_lists(*state, groups, 2))
    assert after.all()
    _, after = settle(exact, -infinite, infinite, known, lambda *state: needed_for_cut(*state, 7))
    assert after.all()


def test_the_side_of_a_cut_is_that_of_mid_rank_percentiles():
    assert num_below(0, 10) == 0
    assert num_below(100, 10) == 10
    assert num_below(50, 10) == 5
    assert num_below(15, 10) == 1
    assert num_below(15.1, 10) == 2
