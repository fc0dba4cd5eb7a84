"""Finding samples by class, words, percentile and keys; page by page."""

from dataclasses import replace
from typing import get_args

import pytest

from jepascore_core.curation import parse
from jepascore_core.curation.precompute.steps import pending_work
from jepascore_core.records.quality import ImageQuality
from jepascore_core.views.search import SORTED_BY, SampleSearch, SearchOrder, search_samples
from tests.conftest import add_backbone, add_dataset, add_measurements, make_sample


@pytest.fixture
def scored(store):
    labels = {"Cats/one.png": "cat", "Cats/two.png": "cat", "x/owl's.png": "bird of prey", "x/50%_a.png": None}
    samples = [make_sample(key, label) for key, label in labels.items()] + [make_sample("not measured.png", "cat")]
    dataset = add_dataset(store, "d", samples)
    scores = {key: float(place) for place, key in enumerate(labels)}
    return store, add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


def found(scored, **wanted):
    result = search_samples(*scored, SampleSearch(**wanted), 1, 10)
    keys = [item.sample_key for item in result.samples]
    assert len(keys) == result.num_found
    return keys


EVERYTHING = ["Cats/one.png", "Cats/two.png", "x/owl's.png", "x/50%_a.png"]


def test_everything_that_is_measured(scored):
    assert found(scored) == EVERYTHING
    assert found(scored, order="most") == EVERYTHING[::-1]
    assert found(scored, order="key") == sorted(EVERYTHING)


def test_random_order_depends_on_the_seed_only(scored):
    orders = {seed: tuple(found(scored, order="random", seed=seed)) for seed in range(8)}
    assert orders[3] == tuple(found(scored, order="random", seed=3))
    assert len(set(orders.values())) > 3
    assert all(sorted(order) == sorted(EVERYTHING) for order in orders.values())


@pytest.mark.parametrize(
    "text, keys",
    [
        ("cat", ["Cats/one.png", "Cats/two.png"]),
        (" ONE ", ["Cats/one.png"]),
        ("Prey", ["x/owl's.png"]),
        ("owl's", ["x/owl's.png"]),
        ("50%_a", ["x/50%_a.png"]),
        ("%", ["x/50%_a.png"]),
        ("nothing like it", []),
    ],
)
def test_words_of_key_or_label(scored, text, keys):
    assert found(scored, text=text) == keys


def test_classes_and_percentiles(scored):
    assert found(scored, labels=("cat",)) == EVERYTHING[:2]
    assert found(scored, labels=(None, "bird of prey")) == EVERYTHING[2:]
    assert found(scored, labels=("cat",), low=50) == ["Cats/two.png"]
    assert found(scored, labels=("cat",), high=50, text="png") == ["Cats/one.png"]


def test_keys_that_people_decided_about(scored):
    assert found(scored, only=["x/owl's.png", "gone.png"]) == ["x/owl's.png"]
    assert found(scored, only=[]) == []
    assert found(scored, without=EVERYTHING[1:], labels=("cat",)) == ["Cats/one.png"]


@pytest.mark.parametrize("order", get_args(SearchOrder))
def test_pages_hold_everything_once(scored, order):
    pages = [search_samples(*scored, SampleSearch(order=order), number, 3) for number in (1, 2)]
    assert sorted(item.sample_key for page in pages for item in page.samples) == sorted(EVERYTHING)
    assert [(page.page, page.num_pages, page.num_found) for page in pages] == [(1, 2, 4), (2, 2, 4)]
    assert search_samples(*scored, SampleSearch(order=order), 99, 3) == pages[1]
    assert search_samples(*scored, SampleSearch(text="none"), 0, 3).num_pages == 1


def test_what_is_not_scored_is_counted_beside_what_is_found(store):
    samples = [make_sample(f"{label}/{number}.png", label) for label in "ab" for number in range(4)]
    dataset, backbone = add_dataset(store, "part", samples), add_backbone(store)
    some = {"a/0.png": 1.0, "a/1.png": 2.0, "b/0.png": 3.0}
    scores = add_measurements(store, dataset, backbone, some, samples=samples)
    counts = {}
    for name, wanted in {
        "all": SampleSearch(), "a": SampleSearch(labels=("a",)), "low": SampleSearch(labels=("a",), high=50),
        "text": SampleSearch(text="b/3"),
    }.items():  # fmt: skip
        page = search_samples(store, scores, wanted, 1, 10)
        counts[name] = page.num_found, page.num_samples, page.num_unscored
    assert counts == {"all": (3, 8, 5), "a": (2, 8, 2), "low": (1, 8, 2), "text": (0, 8, 1)}


@pytest.fixture
def pictures(store):
    """Sharpness falls and width grows with the score; one image has no quality, one no score."""
    quality = ImageQuality(0.5, 0.1, 0.9, 0.2, 7.0, 40.0, 500.0, 0.1, 0.0, 1)
    samples = [
        replace(
            make_sample(f"{number}.png", "cat" if number % 2 else "dog"),
            width=100 + number,
            quality=None if number == 3 else replace(quality, sharpness=90.0 - number, phash=number),
        )
        for number in range(7)
    ]
    dataset = add_dataset(store, "d", samples)
    scores = {f"{number}.png": float(number) for number in range(6)}
    return store, add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


def test_rules_and_quality_choose_and_sort(pictures):
    assert found(pictures, by="sharpness") == ["5.png", "4.png", "2.png", "1.png", "0.png", "3.png"]
    assert found(pictures, by="pixels", descending=True) == [f"{number}.png" for number in (5, 4, 3, 2, 1, 0)]
    assert found(pictures, rules=parse("sharpness >= 88")) == ["0.png", "1.png", "2.png"]
    assert found(pictures, rules=parse("aspect >= 0 and percentile >= 50"), labels=("cat",)) == ["3.png", "5.png"]
    result = search_samples(*pictures, SampleSearch(by="sharpness", rules=parse("width <= 103")), 1, 10)
    assert result.numbers == (88.0, 89.0, 90.0, None)
    assert search_samples(*pictures, SampleSearch(rules=parse("width >= 105")), 1, 10).num_unscored == 1


def test_only_label_issues_and_fitted_baselines_need_work(pictures):
    needed = {"label_issue": ["labels"], "knn": ["baseline"], "mahalanobis": ["baseline"]}
    for by in SORTED_BY:
        kinds = [work.kind for work in pending_work(*pictures, SampleSearch(by=by).needs)]
        assert kinds == needed.get(by, [])
    assert pending_work(*pictures, SampleSearch(rules=parse("near_duplicate(0.1)")).needs)[0].kind == "near"
