"""Per class: least likely, random, most likely; and how classes compare."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.storage.store import Store
from jepascore_core.views.extremes import (
    ScoreSpan,
    class_extremes,
    class_page,
    class_summaries,
    score_span,
    sorted_row,
)
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample, make_samples


@pytest.fixture
def scored(store):
    samples = make_samples("aaaaabbbbbccccc" + "d")
    dataset = add_dataset(store, "d", samples)
    values = [5, 4, 3, 2, 1, 30, 10, 10, 10, 20, 0, 0, 100, 100, 7]
    scores = {sample.sample_key: float(value) for sample, value in zip(samples, values, strict=False)}
    return store, add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


def keys(items):
    return [item.sample_key for item in items]


def test_least_and_most_with_ties_by_key(scored):
    store, scores = scored
    found = class_extremes(store, scores, ["b", "a"], n=2)
    assert [item.label for item in found] == ["b", "a"]
    assert keys(found[0].least) == ["b/0006.png", "b/0007.png"]
    assert keys(found[0].most) == ["b/0005.png", "b/0009.png"]
    assert keys(found[1].least) == ["a/0004.png", "a/0003.png"]
    assert [item.score for item in found[1].most] == [5.0, 4.0]
    assert [item.class_percentile for item in found[1].most] == [90.0, 70.0]
    assert found[1].least[0].percentile == pytest.approx(100 * 2.5 / 15)


@pytest.mark.parametrize("n, expected", [(1, None), (2, None), (3, "a"), (8, "a")])
def test_a_small_class_is_one_row_without_repetition(scored, n, expected):
    store, scores = scored
    (found,) = class_extremes(store, scores, ["a"], n=n)
    row = sorted_row(found, 5)
    if expected is None:
        assert row is None
    else:
        assert keys(row) == [f"a/000{number}.png" for number in (4, 3, 2, 1, 0)]
    assert sorted_row(class_extremes(store, scores, ["d"], n=n)[0], 0) is None


def test_random_depends_on_the_seed_only(scored):
    store, scores = scored
    draws = {seed: tuple(keys(class_extremes(store, scores, ["a"], n=3, seed=seed)[0].random)) for seed in range(8)}
    assert draws[0] == tuple(keys(class_extremes(store, scores, ["b", "a"], n=3, seed=0)[1].random))
    assert all(len(set(draw)) == 3 for draw in draws.values())
    assert len(set(draws.values())) > 3


def test_classes_without_scores_are_there_but_empty(scored):
    store, scores = scored
    found = class_extremes(store, scores, ["d", "nonsense"])
    assert [(item.label, item.least, item.most) for item in found] == [("d", (), ()), ("nonsense", (), ())]
    summary = class_summaries(store, scores)[-1]
    assert (summary.label, summary.num_samples, summary.num_scored, summary.median, summary.spread) == (
        "d", 1, 0, None, None,
    )  # fmt: skip


def test_class_orders(scored):
    store, scores = scored
    orders = {order: [s.label for s in class_summaries(store, scores, order)] for order in ("name", "median", "spread")}
    assert orders == {
        "name": ["a", "b", "c", "d"],
        "median": ["a", "c", "b", "d"],
        "spread": ["c", "b", "a", "d"],
    }
    assert [s.label for s in class_summaries(store, scores, "worst")] == ["c", "a", "b", "d"]
    summary = class_summaries(store, scores)[1]
    assert (summary.minimum, summary.lower_quartile, summary.median, summary.upper_quartile, summary.maximum) == (
        10, 10, 10, 20, 30,
    )  # fmt: skip


def test_paging(scored):
    store, scores = scored
    summaries = class_summaries(store, scores)
    assert [s.label for s in class_page(summaries, 1, 3).classes] == ["d"]
    assert class_page(summaries, 99, 3) == class_page(summaries, 1, 3)
    assert class_page(summaries, -1, 3).number == 0
    assert class_page([], 5, 3).num_pages == 1


def test_the_unlabelled_samples_are_one_class(store):
    samples = make_samples([None] * 5)
    dataset = add_dataset(store, "flat", samples)
    values = {sample.sample_key: float(i) for i, sample in enumerate(samples)}
    scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
    assert [(s.label, s.title, s.num_scored) for s in class_summaries(store, scores)] == [(None, "(all)", 5)]
    (only,) = class_extremes(store, scores, [None], n=2)
    assert keys(only.least) == ["none/0000.png", "none/0001.png"]


def test_nothing_measured_yet(store):
    samples = make_samples("ab")
    dataset = add_dataset(store, "d", samples)
    scores = add_measurements(store, dataset, add_backbone(store), {}, samples=samples)
    assert [s.num_scored for s in class_summaries(store, scores)] == [0, 0]
    assert class_extremes(store, scores, ["a"])[0].random == ()


HOSTILE = st.text(min_size=1, max_size=12).filter(lambda text: "\0" not in text)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(HOSTILE, st.one_of(st.none(), HOSTILE), st.integers(-5, 5)), min_size=1, max_size=30,
        unique_by=lambda row: row[0],
    ),
    st.integers(1, 6),
)  # fmt: skip
def test_extremes_are_the_ends_of_the_sorted_class(rows, n):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        samples = [make_sample(key, label) for key, label, _ in rows]
        dataset = add_dataset(store, "d", samples)
        values = {key: float(score) for key, _, score in rows}
        scores = add_measurements(store, dataset, add_backbone(store), values, samples=samples)
        labels = list({label for _, label, _ in rows})
        medians = {summary.label: summary.median for summary in class_summaries(store, scores)}
        for extremes in class_extremes(store, scores, labels, n):
            own = [(score, key.encode(), key) for key, label, score in rows if label == extremes.label]
            assert keys(extremes.least) == [key for _, _, key in sorted(own)][:n]
            assert keys(extremes.most) == [key for _, _, key in sorted((-s, b, k) for s, b, k in own)][:n]
            assert len(extremes.random) == min(n, len(own))
            assert set(keys(extremes.random)) <= {key for _, _, key in own}
            assert medians[extremes.label] == np.median([score for score, _, _ in own])


def test_the_axis_that_boxes_share(scored):
    store, scores = scored
    span = score_span(class_summaries(store, scores))
    assert span == ScoreSpan(0.0, 100.0)
    assert [span.percent(score) for score in (0, 25, 100)] == [0, 25, 100]
    assert score_span(()).percent(3) == 50


def test_scores_that_differ_by_rounding_alone_stand_by_key(store):
    samples = make_samples("aaaa")
    dataset = add_dataset(store, "d", samples)
    scores = {sample.sample_key: 316.04 - 6e-6 * place for place, sample in enumerate(samples)}
    found = class_extremes(
        store, add_measurements(store, dataset, add_backbone(store), scores, samples=samples), ["a"], n=4
    )[0]
    in_order = sorted(scores)
    assert keys(found.least) == keys(found.most) == in_order
    assert {item.percentile for item in found.least} == {50.0}
