"""Any rules, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from jepascore_core.curation.rules.column import (
    COUNTS,
    PROPERTIES,
    REFERENCE_DISTANCE,
    REFERENCE_PERCENTILE,
    Column,
)
from jepascore_core.curation.rules.model import (
    And,
    AtLeast,
    Between,
    Budget,
    Curation,
    Deduplicate,
    Flag,
    IsIn,
    Like,
    Not,
    Or,
)
from jepascore_core.embeddings.baselines import NUM_NEIGHBOURS

LABELS = st.sampled_from(["a", "b", "it's", 'quo"te\\', None])
NOWHERE = st.none()
HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def between(column, values):
    """A range of a column; one side may be open."""
    pairs = st.tuples(values, values).map(sorted)
    return st.builds(
        lambda pair, ends: Between(column, pair[0] if ends != 1 else None, pair[1] if ends != 0 else None),
        pairs,
        st.integers(0, 2),
    )


def conditions(backbones=NOWHERE, *more):
    """Single conditions; the backbones that may be named in them, and more conditions to choose from."""
    percentiles = st.builds(
        Column,
        st.sampled_from(["percentile", "class_percentile", "split_percentile"]),
        backbones,
        st.sampled_from([None, "rank", "paper"]),
    )
    scores = st.builds(Column, st.just("score"), backbones, st.sampled_from([None, "rank", "paper"]))
    properties = st.sampled_from((*PROPERTIES, *COUNTS)).map(Column)
    flags = st.sampled_from(["exact_duplicate", "perceptual_duplicate", "leak", "label_conflict", "measured"]).map(Flag)
    texts = st.sampled_from([Column("label"), Column("split"), Column("key")])
    return st.one_of(
        percentiles.flatmap(lambda column: between(column, st.floats(0, 100))),
        scores.flatmap(lambda column: between(column, st.integers(-20, 120))),
        properties.flatmap(lambda column: between(column, st.floats(0, 5000))),
        st.builds(IsIn, st.just(Column("label")), st.lists(LABELS, min_size=1, max_size=3).map(tuple)),
        st.builds(Like, texts, st.sampled_from(["*", "a*", "?", "*1*", "[a", 'x"y'])),
        flags,
        *more,
    )


def rules(leaves=None, max_leaves=6):
    """Rules of any depth."""
    return st.recursive(
        conditions() if leaves is None else leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda items: And(tuple(items))),
            st.lists(inner, min_size=2, max_size=3).map(lambda items: Or(tuple(items))),
            st.lists(inner, min_size=1, max_size=3).flatmap(
                lambda items: st.integers(1, len(items)).map(lambda m: AtLeast(m, tuple(items)))
            ),
        ),
        max_leaves=max_leaves,
    )


ONE_PER = st.builds(
    Deduplicate, st.none(), st.sampled_from(["most_likely", "largest", "first"]), st.none(), st.booleans()
)
BUDGETS = st.one_of(
    st.builds(Budget, st.integers(1, 20), st.sampled_from(["random", "balanced"]), seed=st.integers(0, 3)),
    st.builds(Budget, st.integers(1, 5), per=st.sampled_from(["class", "split"]), seed=st.integers(0, 3)),
)


def curations(leaves=None):
    """Rules with steps."""
    return st.builds(
        lambda found, one_per, budget: Curation(tuple(found), (*one_per, *budget)),
        st.lists(rules(leaves, 4), max_size=3),
        st.lists(ONE_PER, max_size=2),
        st.lists(BUDGETS, max_size=1),
    )


def reference_conditions(references, backbones=NOWHERE):
    """Single conditions that compare with one of the reference datasets."""
    distances = st.builds(
        Column,
        st.just(REFERENCE_DISTANCE),
        backbones,
        reference=references,
        k=st.one_of(st.none(), st.integers(1, NUM_NEIGHBOURS)),
    )
    percentiles = st.builds(
        Column,
        st.just(REFERENCE_PERCENTILE),
        backbones,
        st.sampled_from([None, "rank", "paper"]),
        reference=references,
    )
    return st.one_of(
        distances.flatmap(lambda column: between(column, st.floats(0, 2))),
        percentiles.flatmap(lambda column: between(column, st.floats(0, 100))),
    )


def reference_budgets(references, backbones=NOWHERE):
    """Budgets far from one of the reference datasets."""
    return st.builds(
        Budget,
        st.integers(1, 20),
        st.sampled_from(["farthest", "diverse"]),
        seed=st.integers(0, 3),
        backbone=backbones,
        reference=references,
    )
