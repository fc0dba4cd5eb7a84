"""Samples of a dataset that show the same as one of them: copies of its bytes, and images that look like it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.perceptual_duplicates import MAX_BITS
from jepascore_core.records.datasets import DatasetRecord, Sample
from jepascore_core.scores.memo import memoized
from jepascore_core.scores.score_set import Label
from jepascore_core.storage.store import Store

#: Samples that are listed of each kind.
MAX_LISTED = 24

_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class AlikeSample:
    """Another sample. `bits` is the Hamming distance of the perceptual hashes, mirrored or not; 0 for equal bytes."""

    sample_key: str
    content_id: str
    label: Label
    bits: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Samples in order of their distance and their key, at most `MAX_LISTED` of `number`."""

    samples: tuple[AlikeSample, ...]
    number: int


def exact_copies(store: Store, sample: Sample, dataset: DatasetRecord) -> Alike:
    """Return the other samples with the same bytes.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    sql = f"""SELECT sample_key, content_id, label, 0 AS bits, count(*) OVER () AS n
        FROM {columns(store).base(dataset)} WHERE content_id = $1 AND sample_key <> $2 ORDER BY row_id LIMIT $3"""
    rows = store.query(sql, [sample.content_id, sample.sample_key, MAX_LISTED]).to_pylist()
    number = rows[0]["n"] if rows else 0
    return Alike(tuple(AlikeSample(*(row[name] for name in AlikeSample.__slots__)) for row in rows), number)


def look_alikes(store: Store, sample: Sample, dataset: DatasetRecord) -> Alike:
    """Return the samples with other bytes whose perceptual hash is within `MAX_BITS`; none where it has no hash.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    hashes, mirrored, is_hashed = perceptual_hashes(store, dataset)
    base = columns(store).base(dataset)
    found = store.query(f"SELECT row_id FROM {base} WHERE sample_key = $1 LIMIT 1", [sample.sample_key])["row_id"]
    row = found[0].as_py() if len(found) else None
    if row is None or not is_hashed[row]:
        return Alike((), 0)
    bits = hash_distances(hashes, mirrored, row)
    near = np.flatnonzero((bits <= MAX_BITS) & is_hashed)
    # A stable sort: equally distant ones stay in order of their keys.
    near = near[np.argsort(bits[near], kind="stable")]
    listed = ", ".join(map(str, near.tolist()[:1000])) or "-1"
    sql = f"""SELECT row_id, sample_key, content_id, label FROM {base}
        WHERE row_id IN ({listed}) AND content_id <> $1"""
    others = {item.pop("row_id"): item for item in store.query(sql, [sample.content_id]).to_pylist()}
    samples = [AlikeSample(**others[place], bits=int(bits[place])) for place in near.tolist() if place in others]
    return Alike(tuple(samples[:MAX_LISTED]), len(samples))


def perceptual_hashes(store: Store, dataset: DatasetRecord) -> tuple[_Hashes, _Hashes, npt.NDArray[np.bool_]]:
    """Return the hashes of all samples and of their mirror images, and which have one: [N] each, in order of keys.

    Raises:
        DatasetNotReadyError: if the dataset has no index yet.
    """
    about = ("perceptual hashes", dataset.dataset_id, dataset.version)
    return memoized(store, about, partial(_read_hashes, store, dataset), "perceptual hashes", 1)


def _read_hashes(store: Store, dataset: DatasetRecord) -> tuple[_Hashes, _Hashes, npt.NDArray[np.bool_]]:
    rows = store.query(
        f"""SELECT coalesce(phash, 0)::UBIGINT AS own, coalesce(phash_mirrored, phash, 0)::UBIGINT AS mirrored,
        phash IS NOT NULL AS is_hashed FROM ({store.manifest_sql(dataset)}) ORDER BY sample_key, uri"""
    )
    own, mirrored, is_hashed = (rows[name].to_numpy() for name in ("own", "mirrored", "is_hashed"))
    return own, mirrored, is_hashed.astype(bool)


def hash_distances(hashes: _Hashes, mirrored: _Hashes, row: int) -> npt.NDArray[np.uint8]:
    """Bits by which each hash [N] differs from that of a row, its mirror image or its own mirrored: the least, [N]."""
    distances = np.bitwise_count(hashes ^ hashes[row])
    for others, own in ((mirrored, hashes[row]), (hashes, mirrored[row])):
        distances = np.minimum(distances, np.bitwise_count(others ^ own))
    found: npt.NDArray[np.uint8] = distances
    return found
