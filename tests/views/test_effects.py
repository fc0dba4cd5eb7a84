"""What a rule drops by itself is what an evaluation of it alone says; starters are rules that fit the dataset."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from jepascore_core.curation import Curation, Deduplicate, curation_of, evaluate, parse, parse_clause, summarize
from jepascore_core.curation.precompute import step
from jepascore_core.storage.store import Store
from jepascore_core.views.effects import compute_effects, effect_of
from jepascore_core.views.starters import starters
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples
from tests.curation.strategies import BUDGETS, ONE_PER, rules
from tests.embeddings.clumps import flipped, put_clumps


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("home"))
    samples = make_samples("aaaaaabbbbcc")
    dataset = add_dataset(store, "letters", samples)
    values = {sample.sample_key: float(number) for number, sample in enumerate(samples[:10])}
    return store, add_measurements(store, dataset, add_backbone(store), values, samples=samples[:10])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clause=rules() | ONE_PER | BUDGETS)
def test_the_effect_of_a_rule_is_what_it_drops_alone(measured, clause):
    store, scores = measured
    curation = curation_of([clause])
    if len(curation.clauses) == 1:
        (count,) = summarize(store, evaluate(store, scores, curation)).clauses
        effect = effect_of(store, scores, clause)
        assert effect.dropped == count.alone
        assert summarize(store, evaluate(store, scores, curation)).counts.dropped == count.alone


def test_near_duplicates_of_any_radius_follow_from_one_computation(store):
    scores = put_clumps(store, flipped([7]))
    found = effect_of(store, scores, Deduplicate(0.05))
    assert (found.dropped, found.is_quick) == (None, True)
    compute_effects(store, scores, found.pending)
    for radius in (0.01, 0.05, 0.2, 0.5):
        wanted = summarize(store, evaluate(store, scores, Curation(steps=(Deduplicate(radius),)))).counts.dropped
        assert effect_of(store, scores, Deduplicate(radius)).dropped == wanted


def test_what_cannot_be_computed_says_why_and_is_not_tried_again(store, monkeypatch):
    scores = put_clumps(store, ["a", "a", "a"])
    rule = parse_clause("label_issue < 0.9")
    pending = effect_of(store, scores, rule).pending
    assert pending
    compute_effects(store, scores, pending)
    found = effect_of(store, scores, rule)
    assert (found.dropped, found.pending) == (None, ())
    assert "two classes" in found.why_not
    monkeypatch.setattr("jepascore_core.views.effects.precompute", None)
    compute_effects(store, scores, pending)


def test_what_takes_long_is_left_pending(store, monkeypatch):
    scores = put_clumps(store, flipped([7]))
    monkeypatch.setattr(step, "QUICK_IMAGES", 5)
    found = effect_of(store, scores, parse_clause("one per near 0.05"))
    assert found.pending
    assert not found.is_quick
    compute_effects(store, scores, found.pending)
    assert effect_of(store, scores, parse_clause("one per near 0.05")).pending


def test_a_rule_about_nothing_there_says_so(store):
    scores = put_clumps(store, flipped([7]))
    assert "Unknown column" in effect_of(store, scores, parse_clause('meta["none"] >= 5')).why_not


def named(store, scores, curation=None):
    return {item.name: item for item in starters(store, scores, curation)}


def test_starters_of_a_dataset_with_classes(store):
    scores = put_clumps(store, flipped([7, 12]))
    found = named(store, scores)
    assert found["unlikely"].per_class
    assert found["balance"].clause.n == 30
    assert found["balance"].effect.dropped == 0
    assert not found["near"].effect.dropped and found["near"].effect.is_quick
    compute_effects(store, scores, found["near"].effect.pending + found["labels"].effect.pending)
    found = named(store, scores)
    assert found["labels"].effect.dropped == 2
    radius = found["near"].clause.radius
    assert found["near"].effect.dropped == effect_of(store, scores, Deduplicate(radius)).dropped is not None


def test_starters_without_classes(store):
    found = named(store, put_clumps(store, [None] * 20))
    assert set(found) == {"unlikely", "exact", "near", "blurry", "dark", "odd size"}
    assert not found["unlikely"].per_class
    assert found["unlikely"].clause == parse_clause("percentile >= 5")


def test_a_rule_that_is_there_is_not_offered_again(store):
    scores = put_clumps(store, flipped([7]))
    assert "unlikely" not in named(store, scores, parse("class_percentile >= 5"))
