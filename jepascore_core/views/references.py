"""Which dataset the others are judged against, where nobody has chosen one."""

from __future__ import annotations

from jepascore_core.datasets.demo import DEMO_NAME
from jepascore_core.datasets.rendered_demo import RENDERED_NAME
from jepascore_core.scores.measured import BackboneChoice
from jepascore_core.scores.score_set import ScoreSet
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import coverage

#: What bundled encoders were trained on, by how their names begin.
_OWN_DOMAINS = {"bundled:digits-": DEMO_NAME, "bundled:rendered-": RENDERED_NAME}


def default_reference(store: Store, choice: BackboneChoice) -> str | None:
    """Id of the dataset that an encoder was trained on, where that is known and measured; else of the one with the most
    scores, the first of those by name; one that is measured in full, if there is any. None if none was measured."""
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
