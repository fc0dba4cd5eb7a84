"""Samples of a dataset whose image a reference dataset has, too: the same bytes, or the same look."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.perceptual_duplicates import Hashes, near_pairs
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store


def shared_images(store: Store, dataset: DatasetRecord, reference: DatasetRecord) -> str:
    """Return the name of a table of the samples whose image is in the reference, too, in order of their keys.

    Its columns are sample_key, content_id, reference_key, reference_content_id (of the reference's first such sample)
    and bits: by how many bits of 64 the perceptual hashes differ, NULL where the bytes are the same.

    Raises:
        DatasetNotReadyError: if one of them has no index yet.
    """
    cache = columns(store)
    own, other = cache.base(dataset), cache.base(reference)

    def make() -> pa.Table:
        alike = _alike(_hashes(store, dataset), _hashes(store, reference))
        pairs = pa.table(alike, names=["phash", "found", "bits"])
        with_own, with_other = store.manifest_sql(dataset), store.manifest_sql(reference)
        name = cache.cache_table(["alike", own, other], pairs)
        return store.query(f"""
            WITH firsts AS (
                SELECT content_id, arg_min(sample_key, row_id) AS reference_key FROM {other} GROUP BY content_id
            ), looks AS (
                SELECT phash AS found, min_by(sample_key, (sample_key, uri)) AS reference_key,
                    min_by(content_id, (sample_key, uri)) AS reference_content_id
                FROM ({with_other}) WHERE phash IS NOT NULL GROUP BY phash
            ), same AS (
                SELECT row_id, sample_key, content_id, reference_key, content_id AS reference_content_id,
                    NULL::INTEGER AS bits
                FROM {own} JOIN firsts USING (content_id)
            ), hashed AS (
                SELECT content_id, any_value(phash) AS phash FROM ({with_own}) GROUP BY content_id
            ), look_alikes AS (
                SELECT row_id, sample_key, content_id, reference_key, reference_content_id, bits
                FROM {own} JOIN hashed USING (content_id) JOIN {name} USING (phash) JOIN looks USING (found)
                WHERE content_id NOT IN (SELECT content_id FROM firsts)
            )
            SELECT * EXCLUDE (row_id) FROM (SELECT * FROM same UNION ALL SELECT * FROM look_alikes) ORDER BY row_id
        """)

    return cache.cache_computed(["shared images", own, other], make)


def are_hashed(store: Store, dataset: DatasetRecord) -> bool:
    """Return whether the index of a dataset has perceptual hashes; those of earlier releases have none."""
    return len(_hashes(store, dataset)) > 0


def _hashes(store: Store, dataset: DatasetRecord) -> Hashes:
    """Return the distinct perceptual hashes of a dataset, in ascending order."""
    sql = f"SELECT DISTINCT phash FROM ({store.manifest_sql(dataset)}) WHERE phash IS NOT NULL"
    cache = columns(store)
    name = cache.cache_computed(["hashes", dataset.dataset_id, dataset.version], lambda: store.query(sql))
    found: Hashes = np.sort(store.query(f"SELECT phash FROM {name}")["phash"].to_numpy().astype(np.uint64))
    return found


def _alike(own: Hashes, other: Hashes) -> tuple[Hashes, Hashes, npt.NDArray[np.int32]]:
    """Hashes [n] of `own` that are near one of `other`, the nearest of those [n], and the bits that differ [n].

    Both are sorted and distinct; of equally near ones it is the smallest.
    """
    both = np.union1d(own, other)
    pairs = near_pairs(both)
    pairs = np.concatenate([pairs, pairs[:, ::-1], np.repeat(np.arange(len(both))[:, None], 2, axis=1)])
    first, second = both[pairs[:, 0]], both[pairs[:, 1]]
    crosses = np.isin(first, own) & np.isin(second, other)
    first, second = first[crosses], second[crosses]
    bits = np.bitwise_count(first ^ second).astype(np.int32)
    order = np.lexsort((second, bits, first))
    first, second, bits = first[order], second[order], bits[order]
    nearest = np.flatnonzero(np.diff(first, prepend=first[:1] ^ np.uint64(1)) != 0) if len(first) else order
    return first[nearest], second[nearest], bits[nearest]
