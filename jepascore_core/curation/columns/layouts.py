"""Maps of a dataset: where each image lies, computed once for what is measured, then kept with the dataset."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.columns.cache import columns
from jepascore_core.curation.columns.kept_results import cache_folder, keep_table
from jepascore_core.curation.columns.measured import embedding_dimension, stored_embeddings
from jepascore_core.embeddings.index import Progress, no_progress
from jepascore_core.embeddings.layout import LAYOUT_VERSION, MAX_LANDMARKS, LayoutKind, find_layout
from jepascore_core.errors import StoreError
from jepascore_core.records.canonical import short_hash
from jepascore_core.scores.score_set import ScoreSet, manifest_sql, version_key
from jepascore_core.storage.store import Store

#: Maps of each kind that are kept: of what is measured now, and before.
KEPT = 3
#: Of reading an embedding, of arranging one image, and of putting one among landmarks, on two cores (K = 384).
READ_SECONDS, ARRANGE_SECONDS, PUT_SECONDS = 3e-5, 4.5e-4, 3e-5
MAP_IS_GONE = "This map was replaced by a newer one. Reload the page."
_FOLDER, _FACTS = "layouts", b"layout"
_SCHEMA = pa.schema([("content_id", pa.string()), ("x", pa.float32()), ("y", pa.float32())])


@dataclass(frozen=True, slots=True)
class KeptLayout:
    """A map on disk. `identity` is the same wherever the same images lie under the same measurements.

    `num_landmarks` of the `num_images` were arranged, the others put among them; `trustworthiness` as in `Layout`.
    """

    kind: LayoutKind
    identity: str
    num_images: int
    num_landmarks: int
    trustworthiness: float


@dataclass(frozen=True, slots=True)
class LayoutNeed:
    """What a map is of: how many images, which ones, and the estimated seconds of computing it."""

    kind: LayoutKind
    identity: str
    size: int
    seconds: float


def layout_need(store: Store, scores: ScoreSet, kind: LayoutKind) -> LayoutNeed:
    """Return what the map of everything that is measured now is of.

    Raises:
        UnknownNameError, DatasetNotReadyError: as `score_set.manifest_sql`.
    """
    number, images = _measured_images(store, scores)
    identity = short_hash([LAYOUT_VERSION, kind, scores.key.text, number, images], 16)
    return LayoutNeed(kind, identity, number, _seconds(store, scores, kind, number))


def known_layout(store: Store, scores: ScoreSet, kind: LayoutKind) -> KeptLayout | None:
    """Return the map of everything that is measured now, None if it is not computed yet."""
    return find_kept(store, scores, kind, layout_need(store, scores, kind).identity)


def last_layout(store: Store, scores: ScoreSet, kind: LayoutKind) -> KeptLayout | None:
    """Return the map that was computed last, of all images or of those that were measured then; None without any."""
    found = [(path.stat().st_mtime, path) for path in _folder(store, scores).glob(f"{kind}-*.parquet")]
    return _facts(max(found)[1]) if found else None


def find_kept(store: Store, scores: ScoreSet, kind: LayoutKind, identity: str) -> KeptLayout | None:
    """Return a map by its identity, None if it is not on disk."""
    return _facts(_path(store, scores, kind, identity))


def compute_layout(store: Store, scores: ScoreSet, kind: LayoutKind, progress: Progress = no_progress) -> KeptLayout:
    """Return the map of everything that is measured now, from disk if it is there.

    Raises:
        TooFewImagesError: as `find_layout`.
        UnknownNameError, DatasetNotReadyError: as `layout_need`.
    """
    need = layout_need(store, scores, kind)
    known = find_kept(store, scores, kind, need.identity)
    if known is not None:
        return known
    content_ids, embeddings = stored_embeddings(store, scores, progress)
    is_finite = np.isfinite(np.sum(embeddings, axis=1, dtype=np.float32))
    content_ids, embeddings = content_ids[is_finite], embeddings[is_finite]
    found = find_layout(kind, embeddings, progress=progress)
    kept = KeptLayout(kind, need.identity, len(content_ids), found.num_landmarks, round(found.trustworthiness, 4))
    arrays = [pa.array(content_ids.tolist(), pa.string()), *(pa.array(axis) for axis in found.places.T)]
    table = pa.table(arrays, schema=_SCHEMA.with_metadata({_FACTS: json.dumps(asdict(kept)).encode()}))
    keep_table(_path(store, scores, kind, need.identity), table, f"{kind}-*.parquet", KEPT)
    return kept


def read_places(store: Store, scores: ScoreSet, layout: KeptLayout) -> pa.Table:
    """Return the places of a map as rows (content_id, x, y).

    Raises:
        StoreError: if it is no longer there.
    """
    path = _path(store, scores, layout.kind, layout.identity)
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(MAP_IS_GONE) from error


def place_columns(store: Store, scores: ScoreSet, layout: KeptLayout) -> str:
    """Return the cached table of x and y of each sample in order of the keys, NULL where it is not on the map.

    Raises:
        StoreError: as `read_places`.
    """
    cache = columns(store)
    base = cache.base(store.catalogue.dataset(scores.dataset_id))
    key = ["layout", scores.dataset_id, layout.kind, layout.identity]
    table = cache.cache_computed(key, lambda: read_places(store, scores, layout))
    return cache.cache_query(
        [*key, base], f"SELECT x, y FROM {base} LEFT JOIN {table} USING (content_id) ORDER BY row_id"
    )


def _measured_images(store: Store, scores: ScoreSet) -> tuple[int, str]:
    """Return the number of different images with an embedding, and a text that stands for which they are."""
    halves = ", ".join(f"bit_xor(('0x' || content_id[{first}:{first + 14}])::BIGINT)" for first in (1, 16))
    sql = f"""SELECT count(*) AS n, coalesce(concat_ws(' ', {halves}), '') AS images FROM (
            SELECT DISTINCT content_id FROM ({store.measurements_sql(scores.key)})
            SEMI JOIN ({manifest_sql(store, scores.dataset_id)}) AS manifest USING (content_id)
            WHERE embedding IS NOT NULL)"""
    key = ["mapped images", version_key(store, scores), scores.dataset_id, scores.backbone_id, scores.spec_id]
    (row,) = store.query(f"SELECT * FROM {columns(store).cache_query(key, sql)}").to_pylist()
    return row["n"], row["images"]


def _seconds(store: Store, scores: ScoreSet, kind: LayoutKind, number: int) -> float:
    read = number * READ_SECONDS * (1 + embedding_dimension(store, scores) / 384)
    if kind == "pca":
        return read
    return read + min(number, MAX_LANDMARKS) * ARRANGE_SECONDS + max(0, number - MAX_LANDMARKS) * PUT_SECONDS


def _facts(path: Path) -> KeptLayout | None:
    try:
        return KeptLayout(**json.loads(pq.read_schema(path).metadata[_FACTS]))
    except (OSError, pa.ArrowException, TypeError, KeyError):
        return None


def _folder(store: Store, scores: ScoreSet) -> Path:
    return cache_folder(store, scores, _FOLDER)


def _path(store: Store, scores: ScoreSet, kind: LayoutKind, identity: str) -> Path:
    return _folder(store, scores) / f"{kind}-{identity}.parquet"
