"""Near duplicates: images whose embeddings are within a cosine distance, found with faiss and joined into groups.

The index is chosen by the number of images. Candidates of any index are checked against the exact distance, so reported
pairs are correct; what an approximate index may miss is estimated on a sample of the images and reported.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import stored_embeddings
from jepascore_core.embeddings.index import (
    BUILD_SHARE,
    Floats,
    IndexKind,
    Progress,
    build_index,
    no_progress,
    subrange,
    unit,
)
from jepascore_core.formatting import percent_text
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.store import Store

#: Up to the first number of images all pairs are compared exactly; up to the second a graph is searched; above,
#: inverted lists. 40,000 images (K = 384) took 14 s flat, 33 s hnsw and 8 s ivf on two busy cores
#: (benchmarks/near_duplicates.py).
FLAT_LIMIT = 50_000
HNSW_LIMIT = 200_000
#: Neighbours requested from an approximate index; larger groups are joined through common members.
NUM_NEIGHBOURS = 32
RECALL_QUERIES = 500
#: Candidates are taken from a slightly larger radius: the index computes in float32, the check in float64.
SLACK = 1e-4
BLOCK = 1024

#: Searches cached per backbone: different radii, and previous versions of the dataset.
MAX_KEPT = 12


@dataclass(frozen=True, slots=True)
class NearGroups:
    """Groups of near duplicates among the measured images of a dataset.

    `groups` has rows (content_id, group_id) for images that have a near duplicate. `recall` is the share of true near
    neighbours that the index found, measured on `num_queries` images; 1 by construction for a flat index.
    """

    key: str
    radius: float
    index: IndexKind
    num_images: int
    num_pairs: int
    num_groups: int
    recall: float
    num_queries: int
    seconds: float
    groups: pa.Table = dataclasses.field(compare=False, repr=False)


def describe_search(found: NearGroups) -> str:
    """Return how near duplicates were found, and how reliable that is, in a sentence or two."""
    measured = (
        "all pairs were compared"
        if found.index == "flat"
        else f"it found {percent_text(found.recall)} of the true neighbours of {found.num_queries:,} images"
    )
    article = "A" if found.index == "flat" else "An"
    return (
        f"{article} {found.index} index over {found.num_images:,} images, cosine distance up to {found.radius:g}: "
        f"{measured}. Chains of near duplicates form one group."
    )


def choose_index(num_images: int) -> IndexKind:
    """Return flat up to 50,000 images, hnsw up to 200,000, ivf above."""
    return "flat" if num_images <= FLAT_LIMIT else "hnsw" if num_images <= HNSW_LIMIT else "ivf"


def known_near_groups(store: Store, scores: ScoreSet, radius: float) -> NearGroups | None:
    """Return cached groups that are still valid, or None."""
    path = _path(store, scores, radius)
    if not path.is_file():
        return None
    table = pq.read_table(path)
    return NearGroups(**json.loads(table.schema.metadata[b"near"]), groups=table.replace_schema_metadata(None))


def near_groups(store: Store, scores: ScoreSet, radius: float, progress: Progress = no_progress) -> NearGroups:
    """Return groups of images within a cosine distance, from disk if cached.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    known = known_near_groups(store, scores, radius)
    if known is not None:
        return known
    # Named before anything is read: during a run, the result belongs to what was measured by now, or earlier.
    path = _path(store, scores, radius)
    content_ids, embeddings = dataset_embeddings(store, scores, progress)
    found = find_groups(content_ids, embeddings, radius, progress=progress)
    found = dataclasses.replace(found, key=path.stem)
    _write(path, found)
    return found


def dataset_embeddings(
    store: Store, scores: ScoreSet, progress: Progress = no_progress
) -> tuple[npt.NDArray[np.str_], Floats]:
    """Return content ids [N] in order, and unit embeddings [N, K], of the measured images of a dataset."""
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    return content_ids, unit(embeddings)


def find_groups(
    content_ids: npt.NDArray[np.str_],
    embeddings: Floats,
    radius: float,
    *,
    index: IndexKind | None = None,
    progress: Progress = no_progress,
    seed: int = 0,
) -> NearGroups:
    """Find groups among unit embeddings [N, K]; `index` None chooses one by their number."""
    start, n = time.perf_counter(), len(embeddings)
    kind = index or choose_index(n)
    pairs = _NO_PAIRS
    if n:
        built = BUILD_SHARE[kind]
        searched = build_index(embeddings, kind, seed, subrange(progress, 0.0, built))
        pairs = _pairs(searched, embeddings, kind, radius, subrange(progress, built, 1.0))
    recall, num_queries = (1.0, n) if kind == "flat" else _recall(embeddings, pairs, radius, seed)
    labels = components(n, pairs)
    groups = pa.table({"content_id": content_ids.tolist(), "group_id": labels}, _SCHEMA).filter(pa.array(labels >= 0))
    return NearGroups(
        key="",
        radius=radius,
        index=kind,
        num_images=n,
        num_pairs=len(pairs),
        num_groups=len(set(labels.tolist()) - {-1}),
        recall=recall,
        num_queries=num_queries,
        seconds=time.perf_counter() - start,
        groups=groups,
    )


_NO_PAIRS = np.zeros((0, 2), np.int64)
_SCHEMA = pa.schema([("content_id", pa.string()), ("group_id", pa.int64())])


def _pairs(index: Any, embeddings: Floats, kind: IndexKind, radius: float, progress: Progress) -> npt.NDArray[np.int64]:
    """Return pairs (i, j) with i < j within the radius, each once, [P, 2]."""
    n, found = len(embeddings), []
    for first in range(0, n, BLOCK):
        queries = embeddings[first : first + BLOCK]
        if kind == "flat":
            limits, _, near = index.range_search(queries, 1 - radius - SLACK)
            rows = np.repeat(np.arange(first, first + len(queries)), np.diff(limits.astype(np.int64)))
        else:
            _, nearest = index.search(queries, min(NUM_NEIGHBOURS, n))
            rows = np.repeat(np.arange(first, first + len(queries)), nearest.shape[1])
            near = nearest.ravel()
        found.append(_checked(embeddings, rows, near.astype(np.int64), radius))
        progress(min(1.0, (first + BLOCK) / n))
    return np.unique(np.concatenate(found), axis=0)


def _checked(
    embeddings: Floats, rows: npt.NDArray[np.int64], near: npt.NDArray[np.int64], radius: float
) -> npt.NDArray[np.int64]:
    """Return the candidates that are within the radius in float64, smaller index first."""
    is_pair = (near >= 0) & (rows != near)
    pairs = np.unique(np.sort(np.stack([rows[is_pair], near[is_pair]], axis=1), axis=1), axis=0)
    kept = []
    for first in range(0, len(pairs), 65_536):
        part = pairs[first : first + 65_536]
        cosine = np.einsum("nk,nk->n", embeddings[part[:, 0]], embeddings[part[:, 1]], dtype=np.float64)
        kept.append(part[1 - cosine <= radius])
    return np.concatenate(kept) if kept else _NO_PAIRS


def _recall(embeddings: Floats, pairs: npt.NDArray[np.int64], radius: float, seed: int) -> tuple[float, int]:
    """Return the share of true neighbours of some images among the pairs; half of the images have a known one."""
    generator = np.random.default_rng(seed)
    involved = np.unique(pairs)
    chosen = [generator.choice(len(embeddings), min(len(embeddings), RECALL_QUERIES // 2), replace=False)]
    if len(involved):
        chosen.append(generator.choice(involved, min(len(involved), RECALL_QUERIES // 2), replace=False))
    queries = np.unique(np.concatenate(chosen))
    found = []
    for first in range(0, len(queries), 100):
        part = queries[first : first + 100]
        rows, near = np.nonzero(embeddings[part] @ embeddings.T >= 1 - radius - SLACK)
        found.append(_checked(embeddings, part[rows], near, radius))
    true = np.unique(np.concatenate(found), axis=0)
    n = len(embeddings)
    hit = np.isin(true[:, 0] * n + true[:, 1], pairs[:, 0] * n + pairs[:, 1])
    return (float(hit.mean()) if len(true) else 1.0), len(queries)


def components(n: int, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the group of each image [n], named by its first member; -1 for an image without a near one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    labels = np.full(n, -1, np.int64)
    if not len(pairs):
        return labels
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    involved = np.unique(pairs)
    _, first = np.unique(component, return_index=True)
    labels[involved] = first[component[involved]]
    return labels


def _path(store: Store, scores: ScoreSet, radius: float) -> Path:
    key = [version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id, float(radius)]
    return cache_folder(store, scores, "neighbours") / f"near-{short_hash(key, 20)}.parquet"


def _write(path: Path, found: NearGroups) -> None:
    facts = {item.name: getattr(found, item.name) for item in dataclasses.fields(found) if item.name != "groups"}
    table = found.groups.replace_schema_metadata({b"near": json.dumps(facts).encode()})
    keep_table(path, table, "near-*.parquet", MAX_KEPT)
