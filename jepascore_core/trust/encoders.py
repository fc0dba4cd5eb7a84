"""Whether other encoders order the images of a dataset in the same way: rank correlations, kept with the dataset."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jepascore_core.measuring.approximate.calibration import spearman
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.coverage import MIN_COMMON, scores_state
from jepascore_core.scores.measured import measured_choices
from jepascore_core.scores.score_set import ScoreSet, scored_sql
from jepascore_core.storage.store import Store
from jepascore_core.trust.cache import cached_json, checks_folder, read_cached
from jepascore_core.trust.checks import AgreementEvidence

#: Increased when the computation changes, so that older results are not used.
METHOD = 1


def compare_encoders(store: Store, scores: ScoreSet) -> None:
    """Correlate the scores (rank definition) with those of every other backbone of the dataset, and keep the results.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `measured_choices`.
    """
    for _, other in _others(store, scores):
        first, second = _pair(scores, other)
        make = partial(_compare, store, first, second)
        cached_json(_folder(store, scores), _name(first, second), _about(store, first, second), make)


def stored_agreements(store: Store, scores: ScoreSet) -> tuple[AgreementEvidence, ...]:
    """Read what `compare_encoders` computed, for those backbones of which enough images are scored by both."""
    found = []
    for title, other in _others(store, scores):
        first, second = _pair(scores, other)
        known = read_cached(_folder(store, scores), _name(first, second))
        if known is not None and known.about[:1] == [METHOD] and known.result["spearman"] is not None:
            is_current = known.about == _about(store, first, second)
            values = known.result
            found.append(AgreementEvidence(title, values["spearman"], values["num_common"], is_current))
    return tuple(found)


def _others(store: Store, scores: ScoreSet) -> list[tuple[str, ScoreSet]]:
    """Return titles and scores of the other backbones, of each those that pages show first."""
    found: dict[str, tuple[str, ScoreSet]] = {}
    for choice in (found for found in measured_choices(store, scores.dataset_id) if found.key.has_scores):
        if choice.key.backbone_id != scores.backbone_id:
            found.setdefault(choice.key.backbone_id, (choice.title, choice.scores(scores.dataset_id)))
    return list(found.values())


def _pair(scores: ScoreSet, other: ScoreSet) -> tuple[ScoreSet, ScoreSet]:
    """Return both under the rank definition, in an order that does not depend on which is asked about."""
    first, second = sorted([ScoreSet(item.dataset_id, item.key) for item in (scores, other)], key=lambda item: item.key)
    return first, second


def _folder(store: Store, scores: ScoreSet) -> Path:
    return checks_folder(store, scores).parent


def _name(first: ScoreSet, second: ScoreSet) -> str:
    return f"agreement-{short_hash([first.key.text, second.key.text], 12)}"


def _about(store: Store, first: ScoreSet, second: ScoreSet) -> list[Any]:
    return [METHOD, scores_state(store, first), scores_state(store, second)]


def _compare(store: Store, first: ScoreSet, second: ScoreSet) -> dict[str, Any]:
    parts = (
        f"(SELECT content_id, any_value(score) AS score FROM ({scored_sql(store, item)}) GROUP BY content_id) AS {name}"
        for name, item in (("a", first), ("b", second))
    )
    sql = f"SELECT a.score AS one, b.score AS other FROM {' JOIN '.join(parts)} USING (content_id)"
    rows = store.query(f"SELECT * FROM ({sql}) WHERE isfinite(one) AND isfinite(other)")
    one, other = (rows[name].to_numpy().astype(np.float64) for name in ("one", "other"))
    is_enough = len(rows) >= MIN_COMMON and np.ptp(one) > 0 and np.ptp(other) > 0
    return {"spearman": spearman(one, other) if is_enough else None, "num_common": len(rows)}
