"""The draw of a budget against one written down plainly, with hashlib and sorted lists."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jepascore_core.curation import Budget, Curation, evaluate
from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.random_draws import sample_rows, shuffled_groups
from jepascore_core.storage.store import Store
from tests.conftest import add_backbone, add_dataset, add_measurements, make_samples
from tests.curation.test_laws import SLOWLY

LABELS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30)
WAYS = st.sampled_from([("random", None), ("random", "class"), ("balanced", None)])


def reference(samples, decisions, n, way, seed):
    """Keys of the samples that a budget leaves."""
    draw, per = way
    verdicts = [decisions.get((sample.sample_key, sample.content_id)) for sample in samples]

    def lot(row):
        return hashlib.md5(f"{samples[row].sample_key}:{seed}".encode()).hexdigest()

    by_lot = sorted(
        (row for row, v in enumerate(verdicts) if v != "drop"), key=lambda r: (verdicts[r] != "keep", lot(r))
    )
    groups = {}
    for row in by_lot:
        group = samples[row].label if draw == "balanced" or per == "class" else None
        groups.setdefault(group, []).append(row)
    if draw == "balanced":
        turns = [(verdicts[r] != "keep", turn, lot(r), r) for rows in groups.values() for turn, r in enumerate(rows)]
        left = [row for *_, row in sorted(turns)[:n]]
    else:
        left = [row for rows in groups.values() for row in rows[:n]]
    # Whom a person keeps stays, whatever the budget says.
    left += [row for row, verdict in enumerate(verdicts) if verdict == "keep"]
    return {samples[row].sample_key for row in left}


@SLOWLY
@given(LABELS, WAYS, st.integers(1, 12), st.integers(0, 3), st.data())
def test_a_budget_is_drawn_as_written_down(labels, way, n, seed, data):
    samples = make_samples(labels)
    chosen = data.draw(st.lists(st.sampled_from(["keep", "drop", None]), min_size=len(labels), max_size=len(labels)))
    decisions = {(s.sample_key, s.content_id): v for s, v in zip(samples, chosen, strict=True) if v}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        dataset = add_dataset(store, "d", samples)
        scores = add_measurements(
            store, dataset, add_backbone(store), {s.sample_key: 1.0 for s in samples}, samples=samples
        )
        found = evaluate(store, scores, Curation((), (Budget(n, *way, seed=seed),)), decisions)
        rows = store.query(f"SELECT sample_key FROM {found.relation} WHERE verdict = 'keep'")["sample_key"].to_pylist()
    assert set(rows) == reference(samples, decisions, n, way, seed)


def test_shuffled_groups_name_every_sample_once(store):
    samples = make_samples(["a", "b", "a", None, "b", None])
    dataset = add_dataset(store, "d", samples)
    held = columns(store)
    table = store.query(f"SELECT * FROM {shuffled_groups(store, held, dataset, 0, 'label')}")
    assert sorted(table["row_id"].to_pylist()) == list(range(6))
    codes, position = table["code"].to_numpy(), table["position"].to_numpy()
    assert (np.diff(codes) >= 0).all() and len(set(codes)) == 3
    assert all((np.diff(position[codes == code]) > 0).all() for code in set(codes))


def test_nothing_is_drawn_from_nothing(store):
    dataset = add_dataset(store, "d", make_samples(["a", "b"]))
    held = columns(store)
    table = store.query(f"SELECT * FROM {shuffled_groups(store, held, dataset, 0, None)}")
    none = np.zeros(0, np.int64)
    assert (
        len(sample_rows(table, none, none, 3, in_turn=True))
        == len(sample_rows(table, none, none, 3, in_turn=False))
        == 0
    )
