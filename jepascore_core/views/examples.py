"""A few images of a dataset, to recognise it by."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass

from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import manifest_sql
from jepascore_core.storage.json_results import read_json, write_json
from jepascore_core.storage.store import Store

#: Datasets of which they are kept in memory.
MAX_DATASETS = 1000


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
    record = store.catalogue.dataset(dataset_id)
    folder = store.index_folder(record)

    def look() -> tuple[Example, ...]:
        path = folder / f"examples-{n}.json"
        found = read_json(path)
        if found is None:
            found = {"examples": [asdict(item) for item in _choose(store, dataset_id, n)]}
            # A home that cannot be written to is still there to be looked at.
            with suppress(OSError):
                write_json(path, found)
        return tuple(Example(**item) for item in found["examples"])

    return memoized(store, ("examples", dataset_id, record.version, n), look, "examples", MAX_DATASETS)


def _choose(store: Store, dataset_id: str, n: int) -> tuple[Example, ...]:
    """Read them from the manifest, all of it: done once for a version, which never changes."""
    # Content ids are hashes: their order picks from all over a class, and the same images wherever the dataset lies.
    sql = f"""
        WITH ranked AS (
            SELECT sample_key, content_id, label, row_number() OVER (
                PARTITION BY label ORDER BY content_id, sample_key
            ) AS place FROM ({manifest_sql(store, dataset_id)})
        )
        SELECT sample_key, content_id, label FROM ranked ORDER BY place, content_id, sample_key LIMIT {int(n)}
    """
    return tuple(Example(**row) for row in store.query(sql).to_pylist())
