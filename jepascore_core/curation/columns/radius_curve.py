"""What each radius would call near duplicates: samples dropped, the largest group, and the pairs at the border.

Groups of near duplicates are single linkage: at any radius they follow from the edges of a minimum spanning tree that
are no longer than it. One tree, over each image's nearest neighbours, hence answers for every radius.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.near_duplicates import (
    BLOCK,
    NUM_NEIGHBOURS,
    choose_index,
    dataset_embeddings,
)
from jepascore_core.embeddings.index import BUILD_SHARE, Floats, Progress, build_index, no_progress, subrange
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, version_key
from jepascore_core.storage.store import Store

Distances = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: The default radius is this share of the median distance of an image to its nearest other one: copies are far nearer
#: than neighbours that only resemble each other. Of 720 photographs of flowers under a ViT-Ti/16 (median 0.099) 35 of
#: the 36 pairs with the same perceptual hash are within it, and no other pair is.
DEFAULT_SHARE = 0.1
#: Limits of the default: nearer than the first, half precision of stored embeddings tells nothing apart.
LEAST_RADIUS, MOST_RADIUS = 0.001, 0.05
#: What a radius of more than this connects is of no interest.
LONGEST = 0.5
MAX_KEPT = 3
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class RadiusCurve:
    """Groups at every radius, as the merges that a growing radius makes.

    Attributes:
        distances: cosine distances at which two groups merge, ascending, [M].
        first: content id of one image of the pair that connects them, [M].
        second: that of the other, [M].
        largest: samples in the largest group from that distance on, [M].
        num_copies: samples dropped at any radius, since another has the same bytes.
        largest_exact: samples with the same bytes, at most.
        num_samples: samples of the dataset.
        median: median distance of an image to its nearest other one.
    """

    distances: Distances
    first: tuple[str, ...]
    second: tuple[str, ...]
    largest: Integers
    num_copies: int
    largest_exact: int
    num_samples: int
    median: float

    @property
    def default_radius(self) -> float:
        """The radius to begin with, from the encoder's own nearest-neighbour distances, see `DEFAULT_SHARE`."""
        return round(min(max(DEFAULT_SHARE * self.median, LEAST_RADIUS), MOST_RADIUS), 3)

    def num_dropped(self, radius: float) -> int:
        """Return the samples that are dropped, keeping one per group."""
        return self.num_copies + self._num_merges(radius)

    def largest_group(self, radius: float) -> int:
        """Return the samples of the largest group; 0 if there is none."""
        number = self._num_merges(radius)
        return int(self.largest[number - 1]) if number else self.largest_exact

    def border(self, radius: float, number: int) -> tuple[tuple[float, str, str], ...]:
        """Return the `number` longest connections within a radius, longest first, as (distance, content ids)."""
        last = self._num_merges(radius)
        places = range(last - 1, max(-1, last - 1 - number), -1)
        return tuple((float(self.distances[place]), self.first[place], self.second[place]) for place in places)

    def _num_merges(self, radius: float) -> int:
        return int(np.searchsorted(self.distances, radius, side="right"))


def known_radius_curve(store: Store, scores: ScoreSet) -> RadiusCurve | None:
    """Return a cached curve that is still valid, or None."""
    path = _path(store, scores)
    if not path.is_file():
        return None
    return _curve_of(pq.read_table(path))


def _curve_of(table: pa.Table) -> RadiusCurve:
    facts = json.loads(table.schema.metadata[b"radii"])
    return RadiusCurve(
        table["distance"].to_numpy(),
        tuple(table["first"].to_pylist()),
        tuple(table["second"].to_pylist()),
        table["largest"].to_numpy(),
        **facts,
    )


def radius_curve(store: Store, scores: ScoreSet, progress: Progress = no_progress) -> RadiusCurve:
    """Return the curve of a dataset under a backbone, from disk if cached.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    known = known_radius_curve(store, scores)
    if known is not None:
        return known
    path = _path(store, scores)
    content_ids, embeddings = dataset_embeddings(store, scores, progress)
    dataset = store.catalogue.dataset(scores.dataset_id)
    rows = store.query(f"SELECT content_id, count(*) AS n FROM ({store.manifest_sql(dataset)}) GROUP BY content_id")
    sizes = dict(zip(rows["content_id"].to_pylist(), rows["n"].to_pylist(), strict=True))
    weights = np.array([sizes.get(name, 1) for name in content_ids.tolist()], np.int64)
    distances, pairs, median = spanning_tree(embeddings, progress)
    facts = {
        "num_copies": sum(sizes.values()) - len(sizes),
        "largest_exact": max((size for size in sizes.values() if size > 1), default=0),
        "num_samples": sum(sizes.values()),
        "median": median,
    }
    largest = np.maximum(largest_groups(weights, pairs), facts["largest_exact"]).astype(np.int64)
    names = content_ids.tolist()
    table = pa.table(
        {
            "distance": distances,
            "first": pa.array([names[place] for place in pairs[:, 0]], pa.string()),
            "second": pa.array([names[place] for place in pairs[:, 1]], pa.string()),
            "largest": largest,
        }
    ).replace_schema_metadata({b"radii": json.dumps(facts).encode()})
    keep_table(path, table, "radii-*.parquet", MAX_KEPT)
    return _curve_of(table)


def spanning_tree(embeddings: Floats, progress: Progress = no_progress) -> tuple[Distances, Integers, float]:
    """Return a minimum spanning forest of unit embeddings [N, K] over the nearest neighbours of each.

    That are the lengths of its edges up to `LONGEST`, ascending [M], their ends [M, 2], and the median distance of an
    image to its nearest other one (0 for fewer than two images).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = len(embeddings)
    if n < 2:
        return np.zeros(0), np.zeros((0, 2), np.int64), 0.0
    kind = choose_index(n)
    index = build_index(embeddings, kind, 0, subrange(progress, 0.0, BUILD_SHARE[kind]))
    parts, nearest = [], np.full(n, np.inf)
    for begin in range(0, n, BLOCK):
        queries = embeddings[begin : begin + BLOCK]
        _, near = index.search(queries, min(NUM_NEIGHBOURS + 1, n))
        rows = np.repeat(np.arange(begin, begin + len(queries)), near.shape[1])
        columns = near.ravel().astype(np.int64)
        is_pair = (columns >= 0) & (columns != rows)
        rows, columns = rows[is_pair], columns[is_pair]
        cosine = np.einsum("nk,nk->n", embeddings[rows], embeddings[columns], dtype=np.float64)
        distances = np.maximum(1 - cosine, 0.0)
        np.minimum.at(nearest, rows, distances)
        parts.append((np.minimum(rows, columns), np.maximum(rows, columns), distances))
        progress(min(1.0, BUILD_SHARE[kind] + (1 - BUILD_SHARE[kind]) * (begin + BLOCK) / n))
    low, high, length = (np.concatenate(items) for items in zip(*parts, strict=True))
    _, once = np.unique(low * n + high, return_index=True)
    # An edge of length 0 would be none to scipy.
    graph = coo_array((length[once] + _TINY, (low[once], high[once])), shape=(n, n))
    tree = minimum_spanning_tree(graph).tocoo()
    lengths, ends = tree.data - _TINY, np.sort(np.stack([tree.row, tree.col], axis=1).astype(np.int64), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0], lengths))
    order = order[lengths[order] <= LONGEST]
    known = nearest[np.isfinite(nearest)]
    return lengths[order], ends[order], float(np.median(known)) if len(known) else 0.0


def largest_groups(weights: Integers, pairs: Integers) -> Integers:
    """Return the weight of the heaviest group after each merge [M]; `weights` are those of the single images [N]."""
    parents, sizes = list(range(len(weights))), weights.tolist()

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    found, most = [], 0
    for one, other in pairs.tolist():
        into, from_ = root(one), root(other)
        if into != from_:
            parents[from_] = into
            sizes[into] += sizes[from_]
        most = max(most, sizes[into])
        found.append(most)
    return np.array(found, np.int64)


def _path(store: Store, scores: ScoreSet) -> Path:
    key = [version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id, "radii"]
    return cache_folder(store, scores, "neighbours") / f"radii-{short_hash(key, 20)}.parquet"
