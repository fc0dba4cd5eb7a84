"""Overlap of the extremes as it grows with their number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.errors import UnknownNameError
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.views.overlaps import overlap_curves
from tests.conftest import add_dataset, make_samples
from tests.views.test_agreement import measured


def test_means_over_the_classes_that_are_large_enough(store):
    # In "a" the two agree on everything, in "b" one is the reverse of the other.
    first = [*range(10), *range(4)]
    second = [*range(10), *range(3, -1, -1)]
    (curve,) = overlap_curves(store, measured(store, [first, second], ["a"] * 10 + ["b"] * 4), sizes=(1, 3, 5, 10))
    assert (curve.sizes, curve.num_classes) == ((1, 3, 5), (2, 2, 1))
    assert curve.least == curve.most == pytest.approx(((1 + 0) / 2, (1 + 2 / 3) / 2, 1))
    assert curve.by_chance == pytest.approx(((1 / 10 + 1 / 4) / 2, (3 / 10 + 3 / 4) / 2, 5 / 10))
    assert curve.title == "net0 (timm) and net1 (timm)"


def test_least_and_most_are_told_apart(store):
    (curve,) = overlap_curves(store, measured(store, [[0, 1, 2, 3, 4, 5], [0, 1, 5, 4, 3, 2]]), sizes=(2,))
    assert (curve.least, curve.most) == ((1.0,), (0.0,))


def test_every_pair_has_a_curve_and_nothing_in_common_has_no_points(store):
    sets = measured(store, [[1, 2, 3], [1, 2, 3], [3, 2, 1]])
    assert [(c.least[0], c.most[0]) for c in overlap_curves(store, sets, sizes=(1,))] == [(1, 1), (0, 0), (0, 0)]
    other = add_dataset(store, "other", make_samples("xy"))
    with pytest.raises(UnknownNameError, match="same dataset"):
        overlap_curves(store, [sets[0], sets[0].__class__(other.dataset_id, MeasurementKey("b", "s"))])


def test_without_common_samples_there_is_no_size(store):
    (curve,) = overlap_curves(store, measured(store, [[1, 2, None, None], [None, None, 1, 2]]))
    assert curve.sizes == curve.least == ()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_unrelated_scores_share_what_chance_says(tmp_path_factory, seed):
    from jepascore_core.storage.store import Store

    rng = np.random.default_rng(seed)
    store = Store(tmp_path_factory.mktemp("home"))
    labels = [f"c{n % 40}" for n in range(40 * 30)]
    sets = measured(store, [rng.normal(size=len(labels)), rng.normal(size=len(labels))], labels)
    (curve,) = overlap_curves(store, sets, sizes=(10,))
    # A mean over 40 classes of hypergeometric shares: standard deviation 0.018.
    assert curve.least[0] == pytest.approx(curve.by_chance[0], abs=0.1)
    assert curve.by_chance[0] == pytest.approx(1 / 3)
