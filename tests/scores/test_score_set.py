"""A score set on disk, in the requests for columns that take long."""

from __future__ import annotations

import json

from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.score_set import ScoreSet

#: As earlier versions have written it: home folders hold such requests.
KEPT = '{"dataset_id": "d1", "backbone_id": "b", "spec_id": "exact-float32-88d2655f", "definition": "paper"}'


def test_a_score_set_is_kept_as_it_always_was() -> None:
    scores = ScoreSet("d1", MeasurementKey("b", "exact-float32-88d2655f"), "paper")
    assert json.dumps(scores.to_dict()) == KEPT
    assert ScoreSet.from_dict(json.loads(KEPT)) == scores
