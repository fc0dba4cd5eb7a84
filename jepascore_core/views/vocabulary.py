"""The names that rules about a dataset may use, for what completes them."""

from __future__ import annotations

from jepascore_core.curation.columns.names import metadata_names, split_names
from jepascore_core.curation.columns.regions import region_list
from jepascore_core.curation.rules.completion import Vocabulary
from jepascore_core.curation.tags import tag_names
from jepascore_core.scores.measured import dataset_choices, measured_choices
from jepascore_core.scores.memo import memoized
from jepascore_core.storage.store import Store
from jepascore_core.views.choices import class_choices


def vocabulary(store: Store, dataset_id: str) -> Vocabulary:
    """Return the classes, splits, tags, regions and columns of a dataset, what measured it, and the other datasets.

    Raises:
        UnknownNameError: if there is no such dataset.
    """
    dataset = store.catalogue.dataset(dataset_id)
    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    if dataset.version is not None:
        classes = class_choices(store, dataset_id)
        labels = tuple(choice.label for choice in classes if choice.label is not None)
        measured = tuple(choice.title for choice in measured_choices(store, dataset_id))
        key = ("vocabulary", dataset_id, dataset.version)
        splits, own = memoized(store, key, lambda: (split_names(store, dataset_id), metadata_names(store, dataset_id)))
    return Vocabulary(
        labels, splits, tag_names(store, dataset_id), own,
        measured,
        tuple(choice.name for choice in dataset_choices(store) if choice.dataset_id != dataset_id),
        tuple(region.name for region in region_list(store, dataset_id)),
    )  # fmt: skip
