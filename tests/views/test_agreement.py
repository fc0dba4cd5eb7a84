"""How far backbones agree."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata, spearmanr

from jepascore_core.errors import TooFewImagesError, UnknownNameError
from jepascore_core.scores.coverage import MIN_COMMON
from jepascore_core.scores.score_set import scored_sql
from jepascore_core.storage.store import Store
from jepascore_core.views.agreement import (
    agreement,
    disagreements,
    extreme_overlaps,
    kendall_tau_b,
    percentile_scatter,
)
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples


def measured(store, values, labels=None):
    """One dataset with a score set for each row of `values`; None = not measured."""
    samples = make_samples(labels or ["a"] * len(values[0]))
    dataset = add_dataset(store, "d", samples)
    sets = []
    for number, row in enumerate(values):
        scores = {s.sample_key: float(v) for s, v in zip(samples, row, strict=True) if v is not None}
        sets.append(add_measurements(store, dataset, add_backbone(store, f"timm:net{number}"), scores, samples=samples))
    return sets


def test_only_common_samples_count(store):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=60), rng.normal(size=60)
    mixed = first + second
    sets = measured(store, [[*first[:50], *[None] * 10], second, mixed])
    found = agreement(store, sets, least=0)
    assert found.num_common == found.num_kendall == 50
    assert found.titles == ("net0 (timm)", "net1 (timm)", "net2 (timm)")
    columns = [first[:50], second[:50], mixed[:50]]
    for i, one in enumerate(columns):
        for j, other in enumerate(columns):
            assert found.spearman[i][j] == pytest.approx(spearmanr(one, other).statistic)
            assert found.kendall[i][j] == pytest.approx(kendalltau(one, other).statistic)


def test_two_definitions_of_one_backbone(store):
    (rank,) = measured(store, [[1, 2, 3]])
    found = agreement(store, [rank, replace(rank, definition="paper")], least=0)
    assert found.titles == ("net0 (timm), Rank (our default)", "net0 (timm), Paper's listing")
    assert found.spearman[0][1] == pytest.approx(1)


def test_constant_scores_have_no_correlation(store):
    found = agreement(store, measured(store, [[1, 2, 3], [5, 5, 5]]), least=0)
    assert found.spearman == ((1.0, None), (None, 1.0))
    assert found.kendall == ((1.0, None), (None, 1.0))


def test_nothing_in_common(store):
    sets = measured(store, [[1, None], [None, 1]])
    found = agreement(store, sets, least=0)
    assert (found.num_common, found.spearman[0][1], found.kendall[0][1]) == (0, None, None)
    assert extreme_overlaps(store, sets) == ()
    assert percentile_scatter(store, *sets).points == ()
    assert disagreements(store, *sets) == ()


def test_within_a_class(store):
    sets = measured(store, [[1, 2, 3, 1, 2, 3], [1, 2, 3, 3, 2, 1]], ["a"] * 3 + ["b"] * 3)
    assert agreement(store, sets, labels=["a"], least=0).spearman[0][1] == pytest.approx(1)
    assert agreement(store, sets, labels=["b"], least=0).spearman[0][1] == pytest.approx(-1)


def test_score_sets_of_two_datasets_are_refused(store):
    (one,) = measured(store, [[1, 2]])
    other = add_dataset(store, "other", make_samples("xy"))
    with pytest.raises(UnknownNameError, match="same dataset"):
        agreement(store, [one, one.__class__(other.dataset_id, one.key)])


def test_overlap_of_the_extremes(store):
    first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1]
    second = [1, 0, 5, 6, 7, 2, 3, 9, 8, 4, 1]
    sets = measured(store, [first, second], ["a"] * 10 + ["b"])
    in_a, in_b = extreme_overlaps(store, sets, n=3)
    assert (in_a.label, in_a.n, in_a.least, in_a.most) == ("a", 3, 2 / 3, 2 / 3)
    assert in_a.by_chance == pytest.approx(0.3)
    assert (in_b.n, in_b.least, in_b.by_chance) == (1, 1.0, 1.0)
    assert extreme_overlaps(store, sets, n=3, labels=["b"]) == (in_b,)
    back = extreme_overlaps(store, sets[::-1], n=3)
    assert [(o.least, o.most) for o in back] == [(o.least, o.most) for o in (in_a, in_b)]


def test_scatter_and_disagreements(store):
    sets = measured(store, [[1, 2, 3, 4], [1, 4, 3, 2]], ["a", "a", "b", "b"])
    scatter = percentile_scatter(store, *sets)
    assert {(p.sample_key, p.first, p.second) for p in scatter.points} == {
        ("a/0000.png", 12.5, 12.5), ("a/0001.png", 37.5, 87.5), ("b/0002.png", 62.5, 62.5), ("b/0003.png", 87.5, 37.5),
    }  # fmt: skip
    assert (scatter.first_title, scatter.second_title, scatter.num_common) == ("net0 (timm)", "net1 (timm)", 4)
    found = disagreements(store, *sets, limit=2)
    assert [(p.sample_key, p.difference) for p in found] == [("a/0001.png", 50), ("b/0003.png", -50)]
    in_class = disagreements(store, *sets, within_class=True, limit=2)
    assert [(p.sample_key, p.difference) for p in in_class] == [("b/0002.png", 50), ("b/0003.png", -50)]
    part = percentile_scatter(store, *sets, limit=2)
    assert part.num_common == 4
    assert part.points == scatter.points[:2]


def test_percentiles_are_those_of_the_store(store):
    first = [3, 1, 1, 2, 3, 3]
    sets = measured(store, [first, first[::-1]], ["a", "b", "a", "b", None, None])
    for within_class, column in ((False, "percentile"), (True, "class_percentile")):
        points = percentile_scatter(store, *sets, within_class=within_class).points
        rows = store.query(f"SELECT sample_key, {column} AS p FROM ({scored_sql(store, sets[0])})").to_pylist()
        assert {p.sample_key: p.first for p in points} == pytest.approx({row["sample_key"]: row["p"] for row in rows})


PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.floats(-10, 10)), min_size=2, max_size=40)


@given(PAIRS)
def test_kendall_is_scipys(pairs):
    first, second = np.array(pairs, dtype=float).T
    found, truth = kendall_tau_b(first, second), kendalltau(first, second).statistic
    assert (found is None and np.isnan(truth)) or found == pytest.approx(truth)


@settings(max_examples=10, deadline=None)
@given(PAIRS)
def test_spearman_is_scipys(pairs):
    # Of scores that are told apart (ties.py).
    first, second = np.array(pairs, dtype=float).T.round(3)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        found = agreement(store, measured(store, [first, second]), least=0).spearman[0][1]
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(rankdata(first), rankdata(second))[0, 1], abs=1e-9)


@pytest.mark.parametrize("common", [MIN_COMMON - 1, MIN_COMMON])
def test_fewer_than_thirty_common_samples_are_not_correlated(store: Store, common: int) -> None:
    samples = make_samples("a" * 40)
    dataset, keys = add_dataset(store, "d", samples), [sample.sample_key for sample in samples]
    sets = []
    for name, number in (("timm:resnet18.a1", 40), ("timm:resnet34.a1", common)):
        values = {key: float(place) for place, key in enumerate(keys[:number])}
        sets.append(add_measurements(store, dataset, add_backbone(store, name), values, samples=samples))
    if common == MIN_COMMON:
        assert agreement(store, sets).spearman[0][1] == pytest.approx(1)
        return
    with pytest.raises(TooFewImagesError, match=r"at least 30 images .*29 so far"):
        agreement(store, sets)
