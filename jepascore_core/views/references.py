"""The datasets that others can be compared with, and the default one."""

from __future__ import annotations

import shlex

from jepascore_core.datasets.demo import DEMO_NAME
from jepascore_core.datasets.rendered_demo import RENDERED_NAME
from jepascore_core.scores.measured import BackboneChoice, DatasetChoice, backbone_choices, dataset_choices
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import coverage

#: Training data of the bundled encoders, by prefix of their names.
_OWN_DOMAINS = {"bundled:digits-": DEMO_NAME, "bundled:rendered-": RENDERED_NAME}


def default_reference(store: Store, choice: BackboneChoice) -> str | None:
    """Return the id of the default reference; None if nothing was measured.

    It is the dataset that the encoder was trained on, if known and measured; otherwise the one with the most scores,
    ties by name; fully measured ones first.
    """
    among = [item for item in choice.datasets if item.dataset_id in choice.complete] or choice.datasets
    info = store.catalogue.backbones().get(choice.key.backbone_id)
    own = next((name for start, name in _OWN_DOMAINS.items() if info and info.name.startswith(start)), None)
    for dataset in among:
        if dataset.name == own:
            return dataset.dataset_id

    def num_scored(dataset_id: str) -> int:
        return coverage(store, ScoreSet(dataset_id, choice.key))[0]

    ids = [dataset.dataset_id for dataset in among]
    return max(ids, key=num_scored) if ids else None


def comparable_datasets(store: Store, scores: ScoreSet) -> tuple[DatasetChoice, ...]:
    """Return the other datasets that were measured in the same way: only these can be the reference.

    Those that were measured completely come first: others may only share some images with a measured one.
    """
    found = []
    for choice in backbone_choices(store):
        if choice.key == scores.key:
            found += [(item.dataset_id not in choice.complete, item) for item in choice.datasets]
    ordered = sorted(found, key=lambda pair: pair[0])
    return tuple(item for _, item in ordered if item.dataset_id != scores.dataset_id)


def other_datasets(store: Store, scores: ScoreSet) -> tuple[DatasetChoice, ...]:
    """Return the other datasets with an index, measured or not, those with the most samples first."""
    found = (item for item in dataset_choices(store) if item.has_index and item.dataset_id != scores.dataset_id)
    return tuple(sorted(found, key=lambda item: -item.num_samples))


def measuring_command(store: Store, scores: ScoreSet, dataset: str) -> str:
    """Return the command that measures a dataset with the backbone of these scores."""
    info = store.catalogue.backbones().get(scores.backbone_id)
    return shlex.join(["jepascore", "score", dataset, "-b", info.name if info is not None else scores.backbone_id])
