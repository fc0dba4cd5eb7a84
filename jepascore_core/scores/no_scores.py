"""Keys that have embeddings and no scores: the one sentence that says so, and the error where scores are needed."""

from __future__ import annotations

import shlex

from jepascore_core.errors import JepaScoreError
from jepascore_core.records.backbones import OWN
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.scores.titles import measured_titles
from jepascore_core.storage.store import Store


def no_scores_text(store: Store, dataset_id: str, key: MeasurementKey) -> str:
    """Say that a dataset has embeddings only under a key, and how to get scores."""
    title = measured_titles(store).get(key, key.backbone_id)
    info = store.catalogue.backbones().get(key.backbone_id)
    dataset = store.catalogue.dataset(dataset_id).name
    if info is None or info.library == OWN:
        return (
            f"{title}: there is no score, only imported embeddings. A JEPA-SCORE needs the encoder itself: "
            f"measure {dataset} with a backbone on the Runs page or with `jepascore score`."
        )
    command = shlex.join(["jepascore", "score", dataset, "-b", info.name])
    return f"{title}: there is no score yet. Start an exact run or a sketch on the Runs page, or run `{command}`."


def require_scores(store: Store, dataset_id: str, key: MeasurementKey) -> None:
    """Refuse a key that has embeddings only.

    Raises:
        JepaScoreError: saying how to get scores.
    """
    if not key.has_scores:
        raise JepaScoreError(no_scores_text(store, dataset_id, key))
