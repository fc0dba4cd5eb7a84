"""Rules, and what they come to."""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation.legacy import (
    CurationCounts,
    CurationRule,
    apply,
    preview,
    rules_from_dict,
    rules_to_dict,
    verdict_sql,
)
from jepascore_core.errors import DatasetNotReadyError, RuleError
from jepascore_core.records import SampleFailure
from jepascore_core.store import Store
from jepascore_core.views.score_set import ScoreSet
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples


def scored(store, rows, failures=()):
    """A dataset of (label, score) rows; the score None = not measured."""
    samples = make_samples([label for label, _ in rows])
    dataset = add_dataset(store, "d", samples, failures)
    scores = {s.sample_key: float(score) for s, (_, score) in zip(samples, rows, strict=True) if score is not None}
    return add_measurements(store, dataset, add_backbone(store), scores, samples=samples)


def verdicts(store, scores, rules):
    sql, parameters = verdict_sql(store, scores, rules)
    return {row["sample_key"]: row["verdict"] for row in store.query(sql, parameters).to_pylist()}


def numbers(items):
    return [item.score for item in items]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (CurationRule("class_percentile", low=10), [2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (CurationRule("class_percentile", high=75), [1, 2, 3, 4, 5, 6, 7, 8]),
        (CurationRule("percentile", low=20, high=80), [3, 4, 5, 6, 7, 8]),
        (CurationRule("score", low=3, high=8.5), [3, 4, 5, 6, 7, 8]),
        (CurationRule("score", low=11), []),
        (CurationRule(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ],
)
def test_limits_are_included(store, rule, kept):
    scores = scored(store, [("a", value) for value in range(1, 11)])
    found = verdicts(store, scores, [rule])
    assert [n for n in range(1, 11) if found[f"a/{n - 1:04d}.png"] == "keep"] == kept
    assert apply(store, scores, [rule]).counts.kept == len(kept)


def test_a_sample_exactly_at_a_percentile_limit_is_kept(store):
    # The second of 15 has the percentile 10, which no sum of binary fractions hits exactly.
    scores = scored(store, [("a", value) for value in range(15)])
    assert apply(store, scores, [CurationRule("percentile", low=10)]).counts.dropped == 1
    assert apply(store, scores, [CurationRule("percentile", high=90)]).counts.dropped == 1


def test_within_classes_or_within_the_dataset(store):
    scores = scored(store, [("a", n) for n in range(10)] + [("b", 100 + n) for n in range(10)])
    within = apply(store, scores, [CurationRule("class_percentile", low=20)])
    assert [(item.label, item.kept, item.dropped) for item in within.balance] == [("a", 8, 2), ("b", 8, 2)]
    assert [item.share_after for item in within.balance] == [0.5, 0.5]
    across = apply(store, scores, [CurationRule("percentile", low=20)])
    assert [(item.label, item.kept, item.dropped) for item in across.balance] == [("a", 6, 4), ("b", 10, 0)]
    assert across.balance[1].share_after == 10 / 16
    assert across.balance[1].share_before == 0.5


def test_a_rule_about_some_classes_leaves_the_others(store):
    scores = scored(store, [("a", 1), ("a", 9), ("b", 1), (None, 1), (None, 9)])

    def dropped(*labels):
        found = verdicts(store, scores, [CurationRule("score", low=5, labels=labels)])
        return sorted(key for key, verdict in found.items() if verdict == "drop")

    assert dropped("a") == ["a/0000.png"]
    assert dropped("b", None) == ["b/0002.png", "none/0003.png"]
    assert dropped(None) == ["none/0003.png"]
    assert dropped("nonsense") == dropped() == []


def test_rules_are_combined_by_and(store):
    scores = scored(store, [("a", value) for value in range(10)])
    rules = [CurationRule("score", low=2), CurationRule("score", high=6), CurationRule("percentile", high=50)]
    assert numbers(preview(store, scores, rules, 20).narrowly_kept) == [2, 4, 3]
    assert verdicts(store, scores, rules) == verdicts(store, scores, rules[::-1])


def test_unscored_samples_stay_visible(store):
    failure = SampleFailure("bad.png", "/bad.png", "decode", "OSError", "broken")
    scores = scored(store, [("a", 1), ("a", None), ("b", None), ("a", 3)], [failure])
    result = apply(store, scores, [CurationRule("score", low=2)])
    assert result.counts == CurationCounts(kept=1, dropped=1, unscored=2, num_unreadable=1)
    assert result.counts.total == 4
    assert [(item.label, item.total, item.unscored) for item in result.balance] == [("a", 3, 1), ("b", 1, 1)]
    assert verdicts(store, scores, [])["b/0002.png"] == "unscored"


def test_nothing_measured_and_nothing_there(store):
    scores = scored(store, [("a", None), ("b", None)])
    rules = [CurationRule("score", low=1), CurationRule("percentile", low=1)]
    assert apply(store, scores, rules).counts.unscored == 2
    assert preview(store, scores, rules).nearest == ()
    empty = add_dataset(store, "empty", [])
    nothing = ScoreSet(empty.dataset_id, scores.backbone_id, scores.spec_id)
    assert apply(store, nothing, rules).counts.total == 0
    assert apply(store, nothing, rules).balance == ()
    new = store.catalogue.add_dataset("new", "/new", "flat", {})
    with pytest.raises(DatasetNotReadyError, match="not indexed"):
        apply(store, ScoreSet(new.dataset_id, "b", "s"), rules)


def test_preview_of_one_rule(store):
    scores = scored(store, [("a", value) for value in range(20)])
    found = preview(store, scores, [CurationRule("score", low=5)], n=2)
    assert numbers(found.nearest) == [4, 3]
    assert numbers(found.extreme) == [0, 1]
    assert numbers(found.narrowly_kept) == [5, 6]
    assert set(numbers(found.random)) <= set(range(5))
    assert preview(store, scores, [CurationRule("score", low=5)], n=2) == found
    draws = {
        tuple(numbers(preview(store, scores, [CurationRule("score", low=5)], 2, seed).random)) for seed in range(9)
    }
    assert len(draws) > 2


def test_preview_of_both_tails_and_ties(store):
    scores = scored(store, [("a", value) for value in [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]])
    found = preview(store, scores, [CurationRule("percentile", low=25, high=90)], n=3)
    assert numbers(found.nearest) == [8, 0, 0]
    assert [item.sample_key for item in found.nearest[1:]] == ["a/0000.png", "a/0001.png"]
    assert numbers(found.extreme) == [0, 0, 8]
    assert numbers(found.narrowly_kept) == [1, 7, 2]


def test_preview_without_limits_is_empty(store):
    scores = scored(store, [("a", 1)])
    found = preview(store, scores, [])
    assert (found.nearest, found.extreme, found.random, found.narrowly_kept) == ((), (), (), ())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"measure": "rank; DROP TABLE x"}, "Choose one of"),
        ({"low": 5, "high": 4}, "Swap them"),
        ({"low": -1}, "between 0 and 100"),
        ({"measure": "percentile", "high": 101}, "between 0 and 100"),
        ({"measure": "score", "low": float("nan")}, "finite"),
        ({"measure": "score", "low": "5"}, "finite"),
        ({"low": True}, "finite"),
        ({"labels": (1,)}, "list of names"),
    ],
)
def test_rules_that_make_no_sense(arguments, message):
    with pytest.raises(RuleError, match=message):
        CurationRule(**arguments)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {"version": 1, "combine": "any", "rules": []},
        {"version": 2, "combine": "all", "rules": []},
        {"version": 1, "combine": "all", "rules": [{"sql": "1=1"}]},
        {"version": 1, "combine": "all", "rules": ["x"]},
        {"version": 1, "combine": "all", "rules": [{"labels": "abc"}]},
        {"version": 1, "combine": "all", "rules": [{"low": 200}]},
    ],
)
def test_saved_rules_that_are_none(values):
    with pytest.raises(RuleError):
        rules_from_dict(values)


LABELS = st.sampled_from(["a", "b", "it's", None])
RULES = st.builds(
    lambda measure, limits, ends, labels: CurationRule(
        measure, limits[0] if ends != 1 else None, limits[1] if ends != 0 else None, labels
    ),
    st.sampled_from(["class_percentile", "percentile", "score"]),
    st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted),
    st.integers(0, 2),
    st.one_of(st.none(), st.lists(LABELS, max_size=2).map(tuple)),
)
ROWS = st.lists(st.tuples(LABELS, st.one_of(st.none(), st.integers(0, 100))), min_size=1, max_size=30)


@given(st.lists(RULES, max_size=4))
def test_rules_survive_json(rules):
    assert rules_from_dict(json.loads(json.dumps(rules_to_dict(rules)))) == tuple(rules)


@settings(max_examples=15, deadline=None)
@given(ROWS, st.lists(RULES, max_size=3), st.randoms())
def test_laws_of_curation(rows, rules, random):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, rows)
        result = apply(store, scores, rules)
        counts = result.counts
        assert counts.total == len(rows)
        assert counts.unscored == sum(score is None for _, score in rows)
        found = verdicts(store, scores, rules)
        assert Counter(found.values()) == +Counter(keep=counts.kept, drop=counts.dropped, unscored=counts.unscored)
        assert sum(item.total for item in result.balance) == len(rows)
        if rows and any(score is not None for _, score in rows):
            assert sum(item.share_before for item in result.balance) == pytest.approx(1)

        shuffled = rules.copy()
        random.shuffle(shuffled)
        assert verdicts(store, scores, shuffled) == found
        alone = [verdicts(store, scores, [rule]) for rule in rules]
        assert all((found[key] == "keep") == all(one[key] == "keep" for one in alone)
                   for key in found if found[key] != "unscored")  # fmt: skip

        sql, parameters = verdict_sql(store, scores, rules)
        for row in store.query(sql, parameters).to_pylist():
            if row["verdict"] == "drop":
                assert row["margin"] <= 1e-6
            elif row["margin"] is not None:
                assert row["margin"] >= -1e-6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.floats(0, 100))
def test_a_percentile_cut_keeps_its_share_but_for_ties(values, cut):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, [("a", value) for value in values])
        above = apply(store, scores, [CurationRule("percentile", low=cut)]).counts
        below = apply(store, scores, [CurationRule("percentile", high=cut)]).counts
        n, most_tied = len(values), max(Counter(values).values())
        assert abs(above.dropped - cut / 100 * n) <= most_tied / 2 + 1e-6
        # Complement: what lies at the cut itself is kept by both, everything else by exactly one of them.
        assert 0 <= above.kept + below.kept - n <= most_tied
