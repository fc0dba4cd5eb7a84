"""All samples that match rules, as a list to tag, relabel or decide about."""

from __future__ import annotations

import pyarrow as pa

from jepascore_core.curation.evaluation.evaluate import evaluate
from jepascore_core.curation.rules.model import Curation
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.sample_lists import SAMPLE_LIST_SCHEMA
from jepascore_core.storage.store import Store


def matching_samples(store: Store, scores: ScoreSet, curation: Curation) -> pa.Table:
    """Return the samples that rules and steps leave, whatever was decided about them; ordered by key.

    Raises:
        UnknownNameError, DatasetNotReadyError, RuleError: as `evaluate`.
    """
    found = evaluate(store, scores, curation)
    sql = f"""SELECT sample_key, content_id FROM {found.base} POSITIONAL JOIN {found.table}
        WHERE verdict = 'keep' ORDER BY row_id"""
    return store.query(sql).cast(SAMPLE_LIST_SCHEMA)
