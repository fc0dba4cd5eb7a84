"""Laws of the algebra of rules, for any rules about any samples."""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jepascore_core.curation import Between, Column, Curation, Not, evaluate, summarize
from jepascore_core.curation.rules.model import And, AtLeast, Budget, Deduplicate, Flag, IsIn, Or
from jepascore_core.storage.store import Store
from tests.curation.strategies import LABELS, curations, rules
from tests.curation.test_evaluation import rows_of, scored, verdicts

ROWS = st.lists(st.tuples(LABELS, st.one_of(st.none(), st.integers(0, 100))), min_size=1, max_size=30)
SLOWLY = settings(max_examples=6, deadline=None)


@SLOWLY
@given(ROWS, curations(), rules(max_leaves=4), st.randoms())
def test_laws_of_curation(rows, curation, rule, random):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, rows)
        found = verdicts(store, scores, curation)

        # Counts add up.
        result = summarize(store, evaluate(store, scores, curation))
        counts = result.counts
        assert counts.total == len(rows) == sum(item.total for item in result.balance)
        assert Counter(found.values()) == +Counter(keep=counts.kept, drop=counts.dropped, unscored=counts.unscored)

        # Order independence.
        shuffled, steps = list(curation.rules), list(curation.steps)
        random.shuffle(shuffled)
        random.shuffle(steps)
        assert verdicts(store, scores, Curation(tuple(shuffled), tuple(steps))) == found

        # Idempotence.
        assert verdicts(store, scores, Curation((*curation.rules, *curation.rules), curation.steps)) == found
        alone = verdicts(store, scores, Curation((rule,)))
        for twice in (And((rule, rule)), Or((rule, rule)), Not(Not(rule)), AtLeast(2, (rule, rule))):
            assert verdicts(store, scores, Curation((twice,))) == alone

        # Complement.
        swapped = {"keep": "drop", "drop": "keep", "unscored": "unscored"}
        opposite = verdicts(store, scores, Curation((Not(rule),)))
        assert opposite == {key: swapped[verdict] for key, verdict in alone.items()}


@SLOWLY
@given(ROWS, rules(max_leaves=3), rules(max_leaves=3))
def test_laws_of_and_and_or(rows, one, two):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, rows)

        def found(rule):
            return verdicts(store, scores, Curation((rule,)))

        assert found(Not(And((one, two)))) == found(Or((Not(one), Not(two))))
        assert found(And((one, two))) == found(And((two, one))) == found(AtLeast(2, (one, two)))
        assert found(Or((one, two))) == found(Or((two, one))) == found(AtLeast(1, (two, one)))
        assert found(And((one, two))) == verdicts(store, scores, Curation((one, two)))


@SLOWLY
@given(ROWS, rules(max_leaves=5))
def test_margins_have_the_sign_of_the_verdict(rows, rule):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for row in rows_of(store, scored(store, rows), Curation((rule,))):
            if row["verdict"] == "drop":
                assert row["margin"] <= 1e-6
            elif row["verdict"] == "keep":
                assert row["margin"] >= -1e-6


@SLOWLY
@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.floats(0, 100))
def test_a_percentile_cut_keeps_its_share_but_for_ties(values, cut):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, [("a", value) for value in values])
        above = summarize(store, evaluate(store, scores, Curation((Between(Column("percentile"), cut),)))).counts
        below = summarize(store, evaluate(store, scores, Curation((Between(Column("percentile"), None, cut),)))).counts
        n, most_tied = len(values), max(Counter(values).values())
        assert abs(above.dropped - cut / 100 * n) <= most_tied / 2 + 1e-6
        # What lies at the cut itself is kept by both, everything else by exactly one of them.
        assert 0 <= above.kept + below.kept - n <= most_tied


@SLOWLY
@given(ROWS, st.integers(1, 40), st.sampled_from(["random", "balanced"]))
def test_a_budget_is_kept_to(rows, n, draw):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scores = scored(store, rows)
        curation = Curation((Not(IsIn(Column("label"), ("a",))), Flag("measured")), (Deduplicate(), Budget(n, draw)))
        there = sum(label != "a" and score is not None for label, score in rows)
        assert summarize(store, evaluate(store, scores, curation)).counts.kept == min(n, there)
