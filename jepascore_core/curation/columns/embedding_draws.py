"""Clusters of a dataset, and diverse choices from it: computed once, then cached with the dataset."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import count_measured, stored_embeddings
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.selection import Integers, clusters, k_center
from jepascore_core.errors import RuleError
from jepascore_core.formatting import duration_text
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.store import Store

#: Part of the names of cached files: increased when the results change.
VERSION = 1
#: Results of each kind that are cached per backbone.
MAX_KEPT = 12

#: Products that k-center adds up per second on two busy cores, with this many beside those of each pair, and if most
#: embeddings have to be compared with most centres, as random ones do: 1,000 of a million (K = 384) took 26 to 57 s of
#: the estimated 97 s, 3,000 of 120,000 (K = 8, 64 and 384) 6, 7 and 15 s of 8, 12 and 35.
PRODUCTS_PER_SECOND, PRODUCTS_BESIDE = 5e9, 100
MAX_SECONDS = 24 * 3600.0

_CLUSTERS = pa.schema([("content_id", pa.string()), ("cluster", pa.int64())])


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Samples that a diverse budget chooses from: [number of samples] flags, ordered by key, of a dataset's version.

    0 = unavailable: dropped or without an embedding; 1 = may be chosen; 2 = chosen first: a person decided to keep it.
    """

    version: str
    flags: npt.NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Number of samples that may be chosen."""
        return int(np.count_nonzero(self.flags))

    def rows(self) -> tuple[Integers, int]:
        """Return the rows of samples that may be chosen, and how many of them, which come first, a person keeps."""
        forced = np.flatnonzero(self.flags == 2)
        return np.concatenate([forced, np.flatnonzero(self.flags == 1)]), len(forced)

    def pack(self) -> str:
        """Return the flags as text, an eighth as long as the dataset."""
        return f"{self.version}:{base64.b64encode(zlib.compress(self.flags.tobytes())).decode()}"

    @classmethod
    def unpack(cls, text: str) -> Candidates:
        """Invert `pack`."""
        version, _, packed = text.rpartition(":")
        return cls(version, np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8))


def cluster_column(store: Store, scores: ScoreSet, num_clusters: int, seed: int) -> str:
    """Return the name of the column of k-means clusters, one row per sample ordered by key; NULL if unmeasured."""
    cache = columns(store)
    base = cache.base(store.catalogue.dataset(scores.dataset_id))
    key = _clusters_key(store, scores, num_clusters, seed)
    table = cache.cache_computed(key, lambda: cluster_values(store, scores, num_clusters, seed))
    sql = f'SELECT cluster AS "{{name}}" FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id'
    return cache.cache_query(["clusters of samples", base, table], sql)


def cluster_values(
    store: Store, scores: ScoreSet, num_clusters: int, seed: int, progress: Progress = no_progress
) -> pa.Table:
    """Return rows (content_id, cluster) of the measured images, from disk if cached."""
    path = _clusters_path(store, scores, num_clusters, seed)
    if path.is_file():
        return pq.read_table(path)
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    found = clusters(embeddings, num_clusters, seed, progress)
    table = pa.table([pa.array(content_ids.tolist()), pa.array(found)], schema=_CLUSTERS)
    _keep(path, table)
    return table


def are_clusters_known(store: Store, scores: ScoreSet, num_clusters: int, seed: int) -> bool:
    """Return whether these clusters are cached for the current measurements."""
    return _clusters_path(store, scores, num_clusters, seed).is_file()


def diverse_rows(
    store: Store,
    scores: ScoreSet,
    candidates: Candidates,
    n: int,
    progress: Progress = no_progress,
    reference: ScoreSet | None = None,
) -> Integers:
    """Return the rows of the n candidates that k-center chooses, from disk if cached.

    With a `reference` they are far from its images, too: these are the first centres, after what a person keeps.

    Raises:
        RuleError: if it would take days, or if the dataset has changed since the candidates were found.
    """
    rows, num_forced = candidates.rows()
    if n >= len(rows):
        return rows
    path = _diverse_path(store, scores, candidates, n, reference)
    if path.is_file():
        chosen: Integers = pq.read_table(path)["row_id"].to_numpy()
        return chosen
    diverse_seconds(store, scores, len(rows), n, reference)
    dataset = store.catalogue.dataset(scores.dataset_id)
    if dataset.version != candidates.version:
        raise RuleError("The dataset has changed since this was requested. Request it again.")
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    base = columns(store).base(dataset)
    names = store.query(f"SELECT content_id FROM {base} ORDER BY row_id")["content_id"].to_numpy(zero_copy_only=False)
    place = np.searchsorted(content_ids, names[rows].astype(np.str_))
    given = embeddings[:0] if reference is None else stored_embeddings(store, reference, progress)[1]
    points = np.concatenate([given, embeddings[place]])
    first = np.arange(len(given) + min(num_forced, n))
    chosen = k_center(points, len(given) + n, first, progress)[len(given) :] - len(given)
    _keep(path, pa.table({"row_id": rows[chosen]}))
    return rows[chosen]


def is_diverse_known(
    store: Store, scores: ScoreSet, candidates: Candidates, n: int, reference: ScoreSet | None = None
) -> bool:
    """Return whether the choice of n candidates is cached."""
    return n >= candidates.size or _diverse_path(store, scores, candidates, n, reference).is_file()


def diverse_seconds(store: Store, scores: ScoreSet, size: int, n: int, reference: ScoreSet | None = None) -> float:
    """Estimate how long choosing n of `size` images may take on two cores; usually it is faster.

    Raises:
        RuleError: if it is more than a day.
    """
    backbone = store.catalogue.backbones()[scores.backbone_id]
    num_centres = n + (0 if reference is None else count_measured(store, reference))
    seconds = size * num_centres * (backbone.dimension + PRODUCTS_BESIDE) / PRODUCTS_PER_SECOND
    if seconds > MAX_SECONDS:
        raise RuleError(
            f"Choosing {n:,} of {size:,} images far from each other may take {duration_text(seconds)}. Choose "
            f'fewer, add rules that leave fewer to choose from, or draw from clusters: "budget {n} clusters 1000".'
        )
    return seconds


def _clusters_key(store: Store, scores: ScoreSet, num_clusters: int, seed: int) -> list[Any]:
    return ["clusters", *_cache_key(store, scores), num_clusters, seed]


def _clusters_path(store: Store, scores: ScoreSet, num_clusters: int, seed: int) -> Path:
    name = short_hash(_clusters_key(store, scores, num_clusters, seed), 20)
    return cache_folder(store, scores, "clusters") / f"clusters-{name}.parquet"


def _diverse_path(store: Store, scores: ScoreSet, candidates: Candidates, n: int, reference: ScoreSet | None) -> Path:
    digest = hashlib.sha256(candidates.flags.tobytes()).hexdigest()
    given = [] if reference is None else _cache_key(store, reference)
    name = short_hash(["diverse", *_cache_key(store, scores), candidates.version, digest, n, *given], 20)
    return cache_folder(store, scores, "diverse") / f"diverse-{name}.parquet"


def _cache_key(store: Store, scores: ScoreSet) -> list[Any]:
    return [VERSION, version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id]


def _keep(path: Path, table: pa.Table) -> None:
    keep_table(path, table, f"{path.stem.partition('-')[0]}-*.parquet", MAX_KEPT)
