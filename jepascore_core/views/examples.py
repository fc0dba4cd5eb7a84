"""A few images of a dataset, to recognise it by."""

from __future__ import annotations

from dataclasses import dataclass

from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import manifest_sql
from jepascore_core.storage.store import Store


@dataclass(frozen=True, slots=True)
class Example:
    """An image of a dataset."""

    sample_key: str
    content_id: str
    label: str | None


def examples(store: Store, dataset_id: str, n: int = 4) -> tuple[Example, ...]:
    """Return n images of different classes as far as there are, always the same ones of a version.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    # Content ids are hashes: their order picks from all over a class, and the same images wherever the dataset lies.
    sql = f"""
        WITH ranked AS (
            SELECT sample_key, content_id, label, row_number() OVER (
                PARTITION BY label ORDER BY content_id, sample_key
            ) AS place FROM ({manifest_sql(store, dataset_id)})
        )
        SELECT sample_key, content_id, label FROM ranked ORDER BY place, content_id, sample_key LIMIT {int(n)}
    """
    key = ("examples", dataset_id, store.catalogue.dataset(dataset_id).version, n)
    return memoized(store, key, lambda: tuple(Example(**row) for row in store.query(sql).to_pylist()))
