"""The demo that the app opens ends with a verdict, without a click."""

from __future__ import annotations

import pytest

from jepascore_core.jobs.requests import request_demo
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.trust.evidence import stored_evidence, trust_verdict
from tests.trust.planted.conftest import work

#: What the mean AUROC over all kinds of the recommended score must reach.
GATE = 0.8


@pytest.mark.slow
def test_the_demo_ends_with_a_verdict(store: Store) -> None:
    runs = request_demo(store)
    for _ in range(2):  # the demo, then the defects that the worker asked for
        work(store)
    for run in runs:
        key = store.catalogue.run(run.run_id).key
        assert key is not None
        scores = ScoreSet(run.dataset_id, key)
        verdict, planted = trust_verdict(store, scores), stored_evidence(store, scores).planted
        assert planted is not None and planted.is_current
        assert verdict.recommended is not None and verdict.rule is not None
        assert planted.result.mean(verdict.recommended).mean >= GATE
        assert verdict.colour != "green", "k-NN is the better score here, and the demo says so"
    assert len(store.catalogue.hidden_datasets(runs[0].dataset_id, "planted")) == 1
