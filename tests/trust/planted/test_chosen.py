"""Which planted defects a verdict rests on."""

from __future__ import annotations

from dataclasses import replace

from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import stored_evidence
from jepascore_core.trust.planted.requests import request_planted
from tests.trust.planted.conftest import FEW, put_digits, work


def test_of_several_sets_of_defects_the_one_with_most_kinds_counts(store: Store, scores: ScoreSet) -> None:
    request_planted(store, scores, FEW)
    assert stored_evidence(store, scores).is_planting
    work(store)
    request_planted(store, scores, replace(FEW, kinds=("foreign",)))
    work(store)
    found = stored_evidence(store, scores)
    assert found.planted is not None and found.planted.is_current and not found.is_planting
    assert [kind.name for kind in found.planted.result.kinds] == list(FEW.kinds)
    command = dict(found.commands)["planted"]
    assert "--kinds foreign,inverted,near_duplicate,swapped_label --per-kind 6 --clean 24 --seed 0" in command
    # Another dataset under the same backbone changes nothing.
    put_digits(store, store.home.parent / "others", name="others", count=30)
    assert stored_evidence(store, scores) == found
