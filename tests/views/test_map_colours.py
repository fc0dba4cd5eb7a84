"""Colours of a map: groups by size with the rest as other, numbers in steps, verdicts, tags, two backbones."""

import numpy as np
import pytest

from jepascore_core.curation import Curation, parse
from jepascore_core.curation.decisions import decide
from jepascore_core.curation.tags import add_tag
from jepascore_core.errors import RuleError
from jepascore_core.storage.sample_lists import sample_table
from jepascore_core.views.map_colours import (
    DISAGREEMENT,
    MISSING,
    NAMED_GROUPS,
    NUM_STEPS,
    colouring,
    colouring_state,
    grouped,
    offered_properties,
    scaled,
)
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples

NO_RULES = Curation()


@pytest.fixture
def samples():
    return make_samples("aaaabbbccd")


@pytest.fixture
def scores(store, samples):
    dataset = add_dataset(store, "letters", samples)
    known = {sample.sample_key: float(number) for number, sample in enumerate(samples[:9])}
    return add_measurements(store, dataset, add_backbone(store), known, samples=samples)


def test_the_largest_groups_have_colours_and_the_rest_shares_one():
    sizes = [5, 9, 1, 1, 2, 8, 7, 6, 4, 3]
    codes = np.concatenate([np.repeat(np.arange(10), sizes), [-1, -1]]).astype(np.int32)
    found = grouped(codes, [f"class {number}" for number in range(10)])
    *named, other, missing = found.entries
    assert [entry.title for entry in named] == [f"class {number}" for number in (1, 5, 6, 7, 0, 8, 9)]
    assert [entry.count for entry in named] == [9, 8, 7, 6, 5, 4, 3]
    assert (other.title, other.count, other.colour) == ("other (3 more)", 4, NAMED_GROUPS)
    assert (missing.code, missing.count) == (MISSING, 2)
    for entry in found.entries:
        assert np.count_nonzero(found.codes == entry.code) == entry.count


def test_no_single_group_is_called_other():
    found = grouped(np.arange(NAMED_GROUPS + 1, dtype=np.int32), [str(number) for number in range(NAMED_GROUPS + 1)])
    assert [entry.title for entry in found.entries] == [str(number) for number in range(NAMED_GROUPS + 1)]


def test_numbers_are_steps_of_a_scale():
    found = scaled(np.array([0.0, 50.0, 100.0, -3.0, np.nan]), 0.0, 100.0)
    assert found.codes.tolist() == [0, NUM_STEPS // 2, NUM_STEPS - 1, 0, MISSING]
    assert [(entry.title, entry.count) for entry in found.entries] == [("no value", 1)]
    assert (found.low, found.high) == (0.0, 100.0)


def test_classes_and_percentiles_of_a_dataset(store, scores):
    assert offered_properties(store, scores)[:4] == ("label", "percentile", "class_percentile", "verdict")
    by_class = colouring(store, scores, "label", NO_RULES)
    assert by_class.codes.tolist() == [0] * 4 + [1] * 3 + [2] * 2 + [3]
    percentiles = colouring(store, scores, "percentile", NO_RULES).codes
    assert (np.diff(percentiles[:9].astype(int)) > 0).all()
    assert percentiles[9] == MISSING
    assert colouring(store, scores, "nothing", NO_RULES).codes.tolist() == [0] * 10


def test_verdicts_follow_rules_and_decisions(store, scores, samples):
    rules = parse('label != "a"')
    before = colouring_state(store, scores, "verdict", rules)
    assert colouring(store, scores, "verdict", rules).codes.tolist() == [1] * 4 + [0] * 6
    decide(store, scores.dataset_id, [(samples[0].sample_key, samples[0].content_id)], "keep", "ada")
    assert colouring_state(store, scores, "verdict", rules) != before
    found = colouring(store, scores, "verdict", rules)
    assert found.codes.tolist() == [0] + [1] * 3 + [0] * 6
    assert [(entry.title, entry.count) for entry in found.entries] == [("keep", 7), ("drop", 3)]


def test_the_first_tag_colours(store, scores, samples):
    assert "tag" not in offered_properties(store, scores)
    pairs = [(sample.sample_key, sample.content_id) for sample in samples]
    add_tag(store, scores.dataset_id, sample_table(pairs[:3]), "first", "ada")
    add_tag(store, scores.dataset_id, sample_table(pairs[2:5]), "second", "ada")
    assert "tag" in offered_properties(store, scores)
    found = colouring(store, scores, "tag", NO_RULES)
    assert found.codes.tolist() == [0, 0, 0, 1, 1] + [MISSING] * 5
    assert [(entry.title, entry.count) for entry in found.entries] == [("first", 3), ("second", 2), ("no tag", 5)]


def test_disagreement_is_the_difference_of_percentiles(store, scores, samples):
    dataset = store.catalogue.dataset(scores.dataset_id)
    opposite = {sample.sample_key: -float(number) for number, sample in enumerate(samples[:9])}
    other = add_measurements(
        store, dataset, add_backbone(store, "timm:vit_tiny_patch16_224.other"), opposite, samples=samples
    )
    found = colouring(store, scores, f"{DISAGREEMENT}{other.key.text}", NO_RULES)
    assert found.diverging
    assert found.codes[0] > NUM_STEPS // 2 > found.codes[8]
    assert found.codes[4] == NUM_STEPS // 2, "both have it in the middle"


@pytest.mark.parametrize("by", ["nonsense", f"{DISAGREEMENT}nothing"])
def test_what_there_is_not_is_refused(store, scores, by):
    with pytest.raises(RuleError):
        colouring(store, scores, by, NO_RULES)
