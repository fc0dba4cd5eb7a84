"""Similarity of images to a query: cosines of their embeddings with one vector, and the vectors of queries on disk.

Vectors of words, and of pictures that somebody dropped on a page, are kept; a picture itself only until it is embedded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jepascore_core.atomic import atomic_path, write_atomically
from jepascore_core.embeddings.files import stream_embeddings, stream_materialized
from jepascore_core.embeddings.index import Floats, Progress, no_progress, unit
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.storage.store import Store

#: Cosines are rounded to this many decimals: half precision rounds them more.
DECIMALS = 6
#: A picture that nobody embedded goes after so long.
LEFT_SECONDS = 3600.0
_PICTURE, _BYTES = "picture ", ".picture"
SIMILARITY_SCHEMA = pa.schema([("content_id", pa.string()), ("value", pa.float64())])


def similarities(
    store: Store,
    dataset: DatasetRecord,
    key: MeasurementKey,
    query: Floats,
    vectors: Path | None = None,
    progress: Progress = no_progress,
) -> pa.Table:
    """Return the cosine of each image of a dataset with a query [K], -1 to 1, as rows of `SIMILARITY_SCHEMA`.

    `vectors` is the folder of the materialized embeddings, None = they are read from the shards.

    Raises:
        StoreError, OSError: if a file cannot be read.
    """
    direction = unit(query[None])[0]
    parts: list[pa.Table] = []
    for content_ids, units in _units(store, dataset, key, vectors):
        progress(0.0)
        cosines = np.clip(np.round((units @ direction).astype(np.float64), DECIMALS), -1.0, 1.0)
        parts.append(pa.table([content_ids, cosines], schema=SIMILARITY_SCHEMA))
    found = pa.concat_tables(parts) if parts else SIMILARITY_SCHEMA.empty_table()
    first = found.group_by("content_id", use_threads=False).aggregate([("value", "min")])
    return pa.table([first["content_id"], first["value_min"]], schema=SIMILARITY_SCHEMA)


def _units(
    store: Store, dataset: DatasetRecord, key: MeasurementKey, vectors: Path | None
) -> Iterator[tuple[pa.Array, Floats]]:
    if vectors is not None:
        yield from stream_materialized(vectors)
        return
    for content_ids, embeddings in stream_embeddings(store, dataset, key):
        yield content_ids, unit(embeddings)


def words_vector(store: Store, backbone_id: str, words: str) -> Floats | None:
    """Return the embedding [K] of words by the text tower of a backbone; None if it was not computed yet."""
    try:
        found: Floats = np.load(_words_path(store, backbone_id, words), allow_pickle=False)
    except (OSError, ValueError):
        return None
    return found


def keep_words_vector(store: Store, backbone_id: str, words: str, vector: npt.NDArray[np.float32]) -> None:
    """Cache the embedding [K] of words.

    Raises:
        OSError: if it cannot be written.
    """
    path = _words_path(store, backbone_id, words)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, is_durable=False) as temporary, temporary.open("wb") as file:
        np.save(file, np.asarray(vector, np.float32), allow_pickle=False)


def picture_query(content_id: str) -> str:
    """Return what stands for a dropped picture in a rule, by the content id of its bytes."""
    return f"{_PICTURE}{content_id}"


def is_picture(query: str) -> bool:
    """Return whether a query stands for a dropped picture."""
    return query.startswith(_PICTURE)


def hand_over_picture(store: Store, backbone_id: str, query: str, data: bytes) -> None:
    """Leave the bytes of a picture for the worker, which deletes them as soon as it has read them.

    Raises:
        OSError: if they cannot be written.
    """
    path = _words_path(store, backbone_id, query).with_suffix(_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"*{_BYTES}"):
        if time.time() - left.stat().st_mtime > LEFT_SECONDS:
            left.unlink(missing_ok=True)  # nobody embedded it: the request was cancelled
    write_atomically(path, data, is_durable=False)


def take_picture(store: Store, backbone_id: str, query: str) -> bytes | None:
    """Return the bytes of a picture that was handed over, and delete them; None if there are none."""
    path = _words_path(store, backbone_id, query).with_suffix(_BYTES)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    path.unlink(missing_ok=True)
    return data


def _words_path(store: Store, backbone_id: str, words: str) -> Path:
    return store.home / "words" / backbone_id / f"{short_hash([words], 20)}.npy"
