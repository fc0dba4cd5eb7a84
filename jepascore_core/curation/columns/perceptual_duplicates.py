"""Images that look alike, mirrored or not: groups by the Hamming distance of perceptual hashes, exact at any number."""

from __future__ import annotations

from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.near_duplicates import components
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store

Hashes = npt.NDArray[np.uint64]

#: Bits of 64 by which copies differ at most: rescaled and recompressed photographs were within 2 (docs/curating.md).
MAX_BITS = 3
#: Two hashes within `MAX_BITS` agree in one of as many parts and one more (Norouzi et al. 2012).
_PART_BITS = 64 // (MAX_BITS + 1)


def perceptual_groups(store: Store, dataset: DatasetRecord) -> str:
    """Return the column of groups of images that look alike: the row of the first, NULL for single images.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    cache = columns(store)
    key = ["perceptual", dataset.dataset_id, dataset.version, MAX_BITS]
    sql = f"""SELECT DISTINCT content_id, phash, coalesce(phash_mirrored, phash) AS mirrored
        FROM ({store.manifest_sql(dataset)}) WHERE phash IS NOT NULL ORDER BY 1"""

    def find() -> pa.Table:
        rows = store.query(sql)
        labels = group_hashes(rows["phash"].to_numpy(), rows["mirrored"].to_numpy())
        grouped = pa.table({"content_id": rows["content_id"], "group_id": pa.array(labels, pa.int64())})
        return grouped.filter(pa.array(labels >= 0))

    name = cache.cache_computed(key, find)
    return cache.groups(dataset, store.query(f"SELECT * FROM {name}"), key)


def count_unhashed(store: Store, dataset: DatasetRecord) -> int:
    """Return the number of samples without a hash, which an earlier version indexed.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    sql = f"SELECT count(*) FILTER (phash IS NULL) AS n FROM ({store.manifest_sql(dataset)})"
    return int(store.query(sql)["n"][0].as_py())


def group_hashes(hashes: Hashes, mirrored: Hashes | None = None) -> npt.NDArray[np.int64]:
    """Group of each hash [N] -> [N], of those connected by distances up to `MAX_BITS`; -1 where it is alone.

    With the hashes of the mirror images [N] an image is connected with what is near to either of its two.
    """
    sides = [hashes] if mirrored is None else [hashes, mirrored]
    distinct, node = np.unique(np.concatenate(sides), return_inverse=True)
    own = node[: len(hashes)]
    links = np.concatenate([near_pairs(distinct), np.stack([own, node[-len(hashes) :]], axis=1)])
    groups = components(len(distinct), links)[own] if len(hashes) else own
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    labels: npt.NDArray[np.int64] = np.where(sizes[group] > 1, first[group], -1)
    return labels


def near_pairs(hashes: Hashes) -> npt.NDArray[np.int64]:
    """Pairs (i, j), i < j, of different hashes within `MAX_BITS`, each once, [P, 2]."""
    found = [np.zeros((0, 2), np.int64)]
    for part in range(MAX_BITS + 1):
        parts = (hashes >> np.uint64(part * _PART_BITS)) & np.uint64(2**_PART_BITS - 1)
        order = np.argsort(parts, kind="stable")
        parts, ordered = parts[order], hashes[order]
        first = np.arange(len(hashes))
        for step in count(1):
            first = first[first + step < len(hashes)]
            first = first[parts[first] == parts[first + step]]
            if not len(first):
                break
            near = first[np.bitwise_count(ordered[first] ^ ordered[first + step]) <= MAX_BITS]
            found.append(np.sort(np.stack([order[near], order[near + step]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)
