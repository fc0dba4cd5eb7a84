"""Results cached beside materialized embeddings: read by the next server, never for other embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepascore_core.scores import tables as score_tables
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust import agreement, gaussianity
from jepascore_core.trust.agreement import baseline_view
from jepascore_core.trust.cache import cached_json
from jepascore_core.trust.gaussianity import dataset_gaussianity
from jepascore_core.trust.precompute import precompute_trust
from tests.trust.conftest import put_embeddings


def refuse(*_: Any) -> Any:
    raise AssertionError("worked out anew")


def test_it_is_made_once_and_anew_about_something_else(tmp_path: Path):
    assert cached_json(tmp_path, "sum", ["a", (1, 2)], lambda: {"values": (1, 2)}) == {"values": [1, 2]}
    assert cached_json(tmp_path, "sum", ["a", (1, 2)], refuse) == {"values": [1, 2]}
    assert cached_json(tmp_path, "sum", ["a", (1, 3)], lambda: {"values": [3]}) == {"values": [3]}
    with pytest.raises(AssertionError):
        cached_json(tmp_path, "other", ["a", (1, 3)], refuse)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"about": ["a"]}'])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage: str):
    (tmp_path / "sum.json").write_text(damage)
    assert cached_json(tmp_path, "sum", ["a"], lambda: {"value": 1}) == {"value": 1}
    assert cached_json(tmp_path, "sum", ["a"], refuse) == {"value": 1}


def test_where_nothing_can_be_written_it_is_worked_out(tmp_path: Path):
    for folder in (None, tmp_path / "missing"):
        assert cached_json(folder, "sum", ["a"], lambda: {"value": 1}) == {"value": 1}


def test_after_a_run_trust_of_a_large_dataset_is_read(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    defects = ["torn" if number % 9 == 0 else "" for number in range(120)]
    scores, _ = put_embeddings(store, ["a"] * 120, lambda embedding: float(np.linalg.norm(embedding)), defects)
    prepare(store, scores)
    known = dataset_gaussianity(store, scores), baseline_view(store, scores)
    assert known[1].defects[0].num_samples == 14

    monkeypatch.setattr(gaussianity, "gaussianity", refuse)
    monkeypatch.setattr(agreement, "_compare", refuse)
    again = Store(store.home)
    assert (dataset_gaussianity(again, scores), baseline_view(again, scores)) == known
    # Neither depends on the definition of the score but the baselines' view.
    other = ScoreSet(scores.dataset_id, scores.key, "paper")
    assert dataset_gaussianity(again, other) == known[0]
    with pytest.raises(AssertionError):
        baseline_view(again, other)


def test_a_baseline_that_is_worked_out_later_joins_the_others(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(score_tables, "MIN_SAMPLES", 1)
    scores, _ = put_embeddings(store, ["a"] * 120)
    with monkeypatch.context() as slow:
        slow.setattr("jepascore_core.curation.precompute.step.QUICK_IMAGES", 5)
        prepare(store, scores)
        view = baseline_view(Store(store.home), scores)
        assert ([row.title for row in view.agreements], len(view.pending)) == (["norm"], 2)
    titles = [row.title for row in baseline_view(Store(store.home), scores).agreements]
    assert titles == ["k-NN", "Mahalanobis", "norm"]


def prepare(store: Store, scores: ScoreSet) -> None:
    dataset = store.catalogue.dataset(scores.dataset_id)
    assert score_tables.build_score_table(store, dataset, scores.key) is not None
    precompute_trust(store, scores)


def test_a_dataset_of_few_images_has_nothing_to_prepare(store: Store):
    scores, _ = put_embeddings(store, ["a"] * 10)
    precompute_trust(store, scores)
