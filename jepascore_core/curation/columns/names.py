"""Names that forms offer for rules: classes and splits of a dataset, and its columns besides path and label."""

from __future__ import annotations

from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import manifest_sql
from jepascore_core.storage.store import Store


def class_labels(store: Store, dataset_id: str) -> tuple[str, ...]:
    """Return the labels of a dataset in alphabetical order; () without any.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    dataset = store.catalogue.dataset(dataset_id)
    sql = f"SELECT DISTINCT label FROM ({store.manifest_sql(dataset)}) WHERE label IS NOT NULL ORDER BY label"
    key = ("class labels", dataset_id, dataset.version)
    return memoized(store, key, lambda: tuple(store.query(sql)["label"].to_pylist()))


def split_names(store: Store, dataset_id: str) -> tuple[str, ...]:
    """Return the splits of a dataset by name; () without any.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    sql = f"SELECT DISTINCT split FROM ({manifest_sql(store, dataset_id)}) WHERE split IS NOT NULL ORDER BY split"
    return tuple(store.query(sql)["split"].to_pylist())


def metadata_names(store: Store, dataset_id: str) -> tuple[str, ...]:
    """Return the names of the user's own columns, as rules use them: `meta["name"]`.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    known = store.query(f"SELECT * FROM ({manifest_sql(store, dataset_id)}) LIMIT 0").column_names
    return tuple(name.removeprefix("meta.") for name in known if name.startswith("meta."))
