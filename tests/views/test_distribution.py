"""Histograms on common bins, and from a bin back to its samples."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.formatting import PERCENT
from jepascore_core.storage.store import Store
from jepascore_core.storage.ties import TIE_DECIMALS
from jepascore_core.views.distribution import (
    MAX_BINS,
    MIN_BINS,
    HistogramOptions,
    bin_range,
    common_edges,
    histograms,
    num_bins,
    percentile_range,
    samples_between,
    widened,
)
from jepascore_core.views.ranks import rank_check
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

#: As scores are compared: an edge between two that are tied would say nothing about their percentile.
SCORES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6).map(lambda score: round(score, TIE_DECIMALS)))


def scored_set(store, name, values, labels=None, ranks=None, backbone=None):
    rows = make_samples(labels or ["a"] * len(values))
    samples = [replace(row, content_id=f"{name}-{row.content_id}") for row in rows]
    dataset = add_dataset(store, name, samples)
    keys = [sample.sample_key for sample in samples]
    return add_measurements(
        store,
        dataset,
        backbone or add_backbone(store),
        dict(zip(keys, map(float, values), strict=True)),
        samples=samples,
        ranks=dict(zip(keys, ranks, strict=True)) if ranks else None,
    )


def test_two_datasets_share_their_bins(store):
    rng = np.random.default_rng(0)
    first, second = rng.normal(10, 2, 300), rng.normal(20, 3, 200)
    sets = [scored_set(store, "near", first), scored_set(store, "far", second)]
    view = histograms(store, sets, HistogramOptions(bins=30))
    assert len(view.edges) == 31
    for series, values in zip(view.series, (first, second), strict=True):
        inside = [
            np.sum((values > low) & (values <= high)) for low, high in zip(view.edges, view.edges[1:], strict=False)
        ]
        inside[0] += np.sum(values <= view.edges[0])
        assert series.counts == tuple(inside)
        assert series.num_scored == len(values) == sum(series.counts)
        quartiles = [series.minimum, series.lower_quartile, series.median, series.upper_quartile, series.maximum]
        np.testing.assert_allclose(quartiles, np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    assert [series.title for series in view.series] == ["near", "far"]
    assert view.unit == "nats"


def test_one_outlier_does_not_squash_the_rest(store):
    values = [*np.linspace(0, 1, 50), -1e9, 1e9]
    (series,) = (view := histograms(store, [scored_set(store, "d", values)])).series
    assert -5 < view.edges[0] < view.edges[-1] < 6
    assert (series.num_below, series.num_above) == (1, 1)
    assert sum(series.counts) == 52
    assert series.minimum == -1e9


def test_different_backbones_are_named(store):
    one = scored_set(store, "d", [1, 2])
    other = scored_set(store, "e", [1, 2], backbone=add_backbone(store, "timm:resnet18.a1"))
    view = histograms(store, [one, other])
    assert [series.title for series in view.series] == ["d, ViT-Ti/16 (timm)", "e, ResNet-18 (timm)"]
    definitions = histograms(store, [one, replace(one, definition="paper")])
    assert [series.title for series in definitions.series] == ["d, Rank (our default)", "d, Paper's listing"]
    assert definitions.series[1].median < definitions.series[0].median


def test_by_class_and_split(store):
    scores = scored_set(store, "d", range(10), ["10"] * 3 + ["9"] * 5 + [None, "z"])
    by_class = histograms(store, [scores], HistogramOptions(group_by="label", max_groups=3))
    assert [(s.group, s.title, s.num_scored) for s in by_class.series] == [
        ("9", "9", 5), ("10", "10", 3), ("z", "z", 1),
    ]  # fmt: skip
    assert by_class.num_hidden == 1
    by_split = histograms(store, [scores], HistogramOptions(group_by="split"))
    assert [(s.title, s.num_scored) for s in by_split.series] == [("test", 3), ("train", 7)]
    filtered = histograms(store, [scores], HistogramOptions(labels=("9", None)))
    assert filtered.series[0].num_scored == 6
    both = histograms(store, [scores, replace(scores, definition="paper")], HistogramOptions(group_by="split"))
    assert both.series[0].title == "d, Rank (our default): test"
    unlabelled = scored_set(store, "flat", [1, 2], [None, None])
    assert histograms(store, [unlabelled], HistogramOptions(group_by="label")).series[0].title == "(all)"


def test_per_dimension_divides_by_what_was_summed(store):
    scores = scored_set(store, "d", [12.0, 12.0], ranks=[6, 4])
    view = histograms(store, [scores], HistogramOptions(per_dimension=True))
    assert (view.series[0].minimum, view.series[0].maximum, view.unit) == (2.0, 3.0, "nats per dimension")
    paper = histograms(store, [replace(scores, definition="paper")], HistogramOptions(per_dimension=True))
    assert paper.series[0].maximum == pytest.approx((12 + 2 * np.log(1e-6)) / 8)


def test_sets_without_scores_are_left_out(store):
    empty = scored_set(store, "empty", [])
    assert histograms(store, [empty]).series == ()
    assert histograms(store, [empty]).edges == ()
    both = histograms(store, [empty, scored_set(store, "one", [3.0])])
    assert [series.title for series in both.series] == ["one"]
    assert both.edges[0] == 2.5


def test_edges_when_quartiles_coincide():
    assert common_edges([(0.0, 5.0, 5.0, 5.0, 9.0)], [5], 3) == (0.0, 3.0, 6.0, 9.0)
    assert common_edges([(5.0, 5.0, 5.0, 5.0, 5.0)], [5], 2) == (4.5, 5.0, 5.5)
    assert len(common_edges([(0.0, 5.0, 5.0, 5.0, 9.0)], [5])) == MIN_BINS + 1, "no width to go by"


@pytest.mark.parametrize("count", [100, 1_000, 3_000, 200_000])
def test_bins_follow_the_number_of_samples(store, count):
    values = np.random.default_rng(1).normal(size=count)
    quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    found = len(common_edges([quantiles], [count])) - 1
    # numpy's rule of Freedman and Diaconis, within our limits
    assert found == np.clip(len(np.histogram_bin_edges(values, "fd")) - 1, MIN_BINS, MAX_BINS)


def test_bins_fit_the_series_in_the_middle():
    alone = num_bins([(1000, 1.0)], 10.0)
    assert alone == 50
    assert num_bins([(8, 1.0), (1000, 1.0), (10**9, 1.0)], 10.0) == alone
    assert num_bins([(1000, 1.0), (5, 0.0)], 10.0) == alone


def test_small_classes_get_wide_bins(store):
    values = np.random.default_rng(2).normal(size=200)
    scores = scored_set(store, "d", values, [f"class {place % 10}" for place in range(200)])
    options = HistogramOptions(group_by="label")
    view = histograms(store, [scores], options)
    assert {len(series.counts) for series in view.series} == {MIN_BINS}
    assert len(histograms(store, [scores], replace(options, bins=40)).edges) == 41


def test_widened_bins_count_the_same_samples(store):
    scores = scored_set(store, "d", np.random.default_rng(3).normal(size=500))
    fine, wanted = (histograms(store, [scores], HistogramOptions(bins=bins)) for bins in (MAX_BINS, None))
    (series,) = widened(fine).series
    # The most that divides 60 evenly.
    assert (len(wanted.edges) - 1, len(series.counts)) == (19, 15)
    assert widened(fine).edges == fine.edges[::4]
    assert series.counts == tuple(sum(fine.series[0].counts[place : place + 4]) for place in range(0, 60, 4))


def test_samples_between_limits_and_classes(store):
    scores = scored_set(store, "d", [3, 1, 2, 2, 5], ["a", "b", "a", "b", None])
    found = samples_between(store, scores, 1, 3)
    assert [(item.sample_key, item.score) for item in found] == [
        ("a/0002.png", 2), ("b/0003.png", 2), ("a/0000.png", 3),
    ]  # fmt: skip
    assert [item.score for item in samples_between(store, scores, limit=2)] == [1, 2]
    assert [item.score for item in samples_between(store, scores, 2, None, labels=[None, "b"])] == [5]
    assert [item.score for item in samples_between(store, scores, splits=["test"])] == [3, 5]
    assert [item.score for item in samples_between(store, scores, labels=["a"], splits=["train", None])] == [2]
    assert [item.score for item in samples_between(store, scores, 0.4, 0.6, per_dimension=True)] == [3]


def test_rank_check_warns_only_when_ranks_differ(store):
    same = scored_set(store, "same", [1, 2, 3])
    assert rank_check(store, same).counts == ((6, 3),)
    assert rank_check(store, same).warning is None
    other = scored_set(store, "d", [1, 2, 3, 4], ranks=[6, 6, 5, 3], backbone=add_backbone(store, "timm:other"))
    check = rank_check(store, other)
    assert check.counts == ((6, 2), (3, 1), (5, 1))
    assert f"6 for 50.0{PERCENT}, 3 to 5 for 2 samples" in check.warning
    assert rank_check(store, replace(other, definition="paper")).warning is None


@settings(max_examples=10, deadline=None)
@given(st.lists(SCORES, min_size=1, max_size=40), st.integers(2, 6))
def test_every_sample_is_in_exactly_the_bin_that_counts_it(values, bins):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored_set(store, "d", values)
        view = histograms(store, [scores], HistogramOptions(bins=bins))
        (series,) = view.series
        assert sum(series.counts) == len(values)
        for position, count in enumerate(series.counts):
            found = samples_between(store, scores, *bin_range(view, position))
            assert len(found) == count
            low, high = percentile_range(series, position)
            assert all(low <= item.percentile <= high for item in found)
        assert percentile_range(series, 0, bins - 1) == (0, 100)


def test_a_run_that_writes_meanwhile_does_not_split_a_histogram(store, monkeypatch):
    samples = make_samples("a" * 6)
    dataset = add_dataset(store, "d", samples)
    backbone = add_backbone(store)
    keys = [sample.sample_key for sample in samples]
    scores = add_measurements(store, dataset, backbone, dict.fromkeys(keys[:3], 1.0), samples=samples)
    query = store.query

    def query_then_write(sql, parameters=()):
        table = query(sql, parameters)
        if "quantile_cont" in sql:
            add_measurements(store, dataset, backbone, dict.fromkeys(keys[3:], 1.0), samples=samples)
        return table

    monkeypatch.setattr(store, "query", query_then_write)
    (series,) = histograms(store, [scores]).series
    assert sum(series.counts) == series.num_scored == 3
    monkeypatch.undo()
    assert histograms(store, [scores]).series[0].num_scored == 6
