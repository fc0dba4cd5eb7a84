"""Embeddings of a large dataset in one file that is searched from end to end in a fraction of a second.

Shards keep an embedding beside everything else of its image, as a list of numbers: reading a million of them takes half
a minute. After a run they are laid out once more, in a folder beside the score table: `embeddings.f16` has rows of
length 1 as 16-bit numbers, `images.parquet` their content ids and what their lengths were, in the same order. It can
be deleted at any time.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jepascore_core.atomic import atomic_path
from jepascore_core.embeddings.index import Floats, unit
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.records.measurement_key import MeasurementKey
from jepascore_core.storage.measurement_sql import MEASUREMENT_SCHEMA, parquet_sql
from jepascore_core.storage.store import Store

#: Embeddings in memory at a time: 12 MB at K = 384 as they are stored, 25 MB as 32-bit numbers.
BATCH_ROWS = 16_384
#: Former folders stay for those who are just reading them.
KEEP_SECONDS = 600.0

_EMBEDDINGS, _IMAGES = "embeddings.f16", "images.parquet"
_SCHEMA = pa.schema([("content_id", pa.string()), ("norm", pa.float64())])

#: Of lengths: far above rounding noise, so that one is the same whether it is read here or worked out from a shard.
NORM_DECIMALS = 9


def vector_folder(table: Path) -> Path:
    """Where the embeddings behind a score table belong."""
    return table.with_suffix(".vectors")


def find_vectors(table: Path | None) -> Path | None:
    """Find the embeddings of a score table, or else those of a previous one, which lack the newest images; or None.

    `table` itself need not be there.
    """
    if table is None or vector_folder(table).is_dir():
        return table and vector_folder(table)
    layout = table.stem.rpartition("-")[2]
    former = [(path.stat().st_mtime, path) for path in table.parent.glob(f"*-{layout}.vectors")]
    return max(former)[1] if former else None


def stream_embeddings(
    store: Store, dataset: DatasetRecord, key: MeasurementKey
) -> Iterator[tuple[pa.Array, npt.NDArray[np.float16]]]:
    """Content ids [n] and embeddings [n, K] of the dataset's measured images, from the shards, in bounded memory.

    Raises:
        StoreError: if a file of the home folder cannot be read.
    """
    # A join would hold every embedding before it lets the first one pass. Ids are hashes; so are these, of 64 bits.
    wanted = store.query(f"SELECT DISTINCT hash(content_id) AS id FROM ({store.manifest_sql(dataset)})")["id"]
    known = np.sort(wanted.to_numpy())
    measured = store.measurements_sql(key)
    batches = store.stream(f"SELECT content_id, hash(content_id) AS id, embedding FROM ({measured})", rows=BATCH_ROWS)
    for batch in batches:
        is_wanted = pa.array(_is_among(known, batch.column("id").to_numpy()))
        batch = batch.filter(pc.and_(is_wanted, batch.column("embedding").is_valid()))
        if batch.num_rows:
            yield batch.column("content_id"), to_matrix(batch.column("embedding"))


def to_matrix(embeddings: pa.Array) -> npt.NDArray[Any]:
    """Return a column of embeddings, none of them NULL, as a matrix [n, K] of their type; [0, 1] of none."""
    flat: npt.NDArray[Any] = embeddings.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(embeddings), -1 if len(embeddings) else 1)


def embedding_table(content_ids: pa.Array, embeddings: npt.NDArray[Any]) -> pa.Table:
    """Return a table of `MEASUREMENT_SCHEMA` that has embeddings [n, K] of images and nothing else."""
    number, dimension = embeddings.shape
    offsets = pa.array(np.arange(number + 1, dtype=np.int32) * dimension)
    values = pa.array(np.ascontiguousarray(embeddings, np.float16).ravel())
    found = {"content_id": content_ids, "embedding": pa.ListArray.from_arrays(offsets, values)}
    columns = [
        found[field.name] if field.name in found else pa.nulls(number, field.type) for field in MEASUREMENT_SCHEMA
    ]
    return pa.table(columns, schema=MEASUREMENT_SCHEMA)


def _is_among(known: npt.NDArray[np.uint64], values: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each value [n] is in a sorted array -> [n]."""
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found


def write_vectors(store: Store, dataset: DatasetRecord, key: MeasurementKey, folder: Path) -> None:
    """Lay out the embeddings of a dataset; visible in whole or not at all. Former folders beside it go.

    Raises:
        OSError: if it cannot be written. Nothing depends on it but speed.
        StoreError: if a shard cannot be read.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        with (temporary / _EMBEDDINGS).open("wb") as sink, pq.ParquetWriter(temporary / _IMAGES, _SCHEMA) as images:
            for content_ids, embeddings in stream_embeddings(store, dataset, key):
                sink.write(unit(embeddings).astype(np.float16).tobytes())
                norms = np.linalg.norm(embeddings.astype(np.float64), axis=1).round(NORM_DECIMALS)
                images.write_table(pa.table({"content_id": content_ids, "norm": norms}, schema=_SCHEMA))
    for former in folder.parent.glob("*.vectors"):
        if former != folder and time.time() - former.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(former, ignore_errors=True)


def norms_sql(folder: Path) -> str:
    """SELECT of content_id and `norm`, the length of its embedding."""
    return f"SELECT content_id, norm FROM ({parquet_sql([folder / _IMAGES])})"


def count_vectors(folder: Path) -> int:
    """Count the images whose embeddings are materialized.

    Raises:
        OSError: if the file cannot be read.
    """
    return int(pq.read_metadata(folder / _IMAGES).num_rows)


def stream_materialized(folder: Path) -> Iterator[tuple[pa.Array, Floats]]:
    """Content ids [n] and materialized embeddings [n, K] of length 1, in bounded memory.

    Raises:
        OSError: if the files cannot be read.
    """
    number = count_vectors(folder)
    if not number:
        return
    row_bytes = (folder / _EMBEDDINGS).stat().st_size // number
    with (folder / _EMBEDDINGS).open("rb") as file, pq.ParquetFile(folder / _IMAGES) as images:
        for batch in images.iter_batches(BATCH_ROWS, ["content_id"]):
            found = np.frombuffer(file.read(batch.num_rows * row_bytes), np.float16)
            yield batch.column("content_id"), found.reshape(batch.num_rows, -1).astype(np.float32)


def some_embeddings(store: Store, folder: Path, number: int) -> Floats:
    """Embeddings [n, K] of the first images by content id, at most `number`, with the lengths that they had.

    Raises:
        OSError, StoreError: if the files cannot be read.
    """
    images = parquet_sql([folder / _IMAGES], "file_row_number = true")
    chosen = store.query(f"SELECT file_row_number AS row, norm FROM ({images}) ORDER BY content_id LIMIT {int(number)}")
    row_bytes = (folder / _EMBEDDINGS).stat().st_size // max(1, count_vectors(folder))
    found = np.empty((len(chosen), row_bytes // 2), np.float16)
    with (folder / _EMBEDDINGS).open("rb") as file:
        for place, row in enumerate(chosen["row"].to_pylist()):
            file.seek(row * row_bytes)
            found[place] = np.frombuffer(file.read(row_bytes), np.float16)
    embeddings: Floats = found.astype(np.float32) * chosen["norm"].to_numpy()[:, None].astype(np.float32)
    return embeddings


def nearest_in_file(folder: Path, query: Floats, number: int) -> dict[str, float]:
    """Content ids of the nearest images to a unit embedding [1, K] with their cosines.

    Embeddings of 16 bits round those by less than 1e-4 where K is in the hundreds.

    Raises:
        OSError: if the files cannot be read.
    """
    path, row_bytes = folder / _EMBEDDINGS, 2 * query.shape[1]
    num_rows, workers = path.stat().st_size // row_bytes, os.cpu_count() or 1
    size = max(BATCH_ROWS, -(-num_rows // workers))
    parts = [range(first, min(first + size, num_rows)) for first in range(0, num_rows, size)]
    if not parts:
        return {}
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(partial(_nearest_rows, path, query, number), parts))
    row, cosine = (np.concatenate(values) for values in zip(*found, strict=True))
    best = np.argsort(-cosine, kind="stable")[:number]
    names = _content_ids(folder / _IMAGES, row[best])
    return {name: float(value) for name, value in zip(names, cosine[best], strict=True)}


def _nearest_rows(path: Path, query: Floats, number: int, part: range) -> tuple[npt.NDArray[np.int64], Floats]:
    """Rows [n] of a part of the file with their cosines, the nearest of each batch."""
    import faiss

    # Faiss does not share out a single query: more threads than this one would only wait, with all their might.
    faiss.omp_set_num_threads(1)
    row_bytes = 2 * query.shape[1]
    codes = faiss.IndexScalarQuantizer(query.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    # Read into the memory of the index, which saves a copy of everything; not mapped, since that would count as memory.
    codes.codes.resize(min(BATCH_ROWS, len(part)) * row_bytes)
    batch = faiss.rev_swig_ptr(codes.codes.data(), codes.codes.size())
    rows: list[npt.NDArray[np.int64]] = []
    cosines: list[Floats] = []
    with path.open("rb") as file:
        file.seek(part.start * row_bytes)
        for first in range(part.start, part.stop, BATCH_ROWS):
            codes.ntotal = min(BATCH_ROWS, part.stop - first)
            file.readinto(batch[: codes.ntotal * row_bytes].data)
            found, places = codes.search(query, min(number, codes.ntotal))
            rows.append(first + places[0])
            cosines.append(found[0])
    return np.concatenate(rows), np.concatenate(cosines)


def _content_ids(path: Path, rows: npt.NDArray[np.int64]) -> list[str]:
    """Content ids of some rows, from the groups of rows that hold them."""
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = np.searchsorted(ends, rows, side="right")
        found = {int(group): file.read_row_group(int(group))["content_id"] for group in np.unique(groups)}
    firsts = ends - sizes
    return [found[int(group)][int(row - firsts[group])].as_py() for group, row in zip(groups, rows, strict=True)]
