"""Embeddings that were computed elsewhere: read a file, check it, and find the images that its rows are about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import SampleError, SourceError, did_you_mean
from jepascore_core.formatting import plural
from jepascore_core.records.datasets import DatasetRecord
from jepascore_core.storage.store import Store

SUFFIXES = (".npy", ".parquet")
#: Rows that a message names.
NUM_EXAMPLES = 3
#: Embeddings are stored in half precision.
_LARGEST = float(np.finfo(np.float16).max)

#: Names of rows, a text file with one a line, or None: rows are in order of the sample keys.
Keys = Sequence[str] | Path | None
_Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VectorFile:
    """Vectors [n, K], and what names their rows: each text column of a table, the keys of a file, or nothing."""

    vectors: _Vectors
    names: dict[str, list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedVectors:
    """What an import would store, and what it would leave out.

    `content_ids` [n] are those of `vectors` [n, K], each once. `matched_by` says what named the rows; `num_unmatched`
    of `num_rows` name nothing in the dataset (`examples`), `num_repeated` an image that an earlier row is about.
    """

    content_ids: list[str]
    vectors: _Vectors = field(repr=False)
    matched_by: str
    num_rows: int
    num_unmatched: int
    num_repeated: int
    num_images: int
    examples: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Hash of what is stored, 12 characters."""
        order = np.argsort(self.content_ids)
        found = hashlib.sha256("\n".join(self.content_ids[place] for place in order).encode())
        found.update(np.ascontiguousarray(self.vectors[order], np.float16).tobytes())
        return found.hexdigest()[:12]

    @property
    def text(self) -> str:
        """What was matched, in sentences."""
        dimension = self.vectors.shape[1]
        parts = [
            f"{plural(self.num_rows, 'row')} of {dimension} numbers, matched by {self.matched_by}: "
            f"{len(self.content_ids):,} of {plural(self.num_images, 'image')} have an embedding."
        ]
        if self.num_unmatched:
            named = ", ".join(map(repr, self.examples))
            parts.append(f"{plural(self.num_unmatched, 'row')} not in the dataset are left out, for example {named}.")
        if self.num_repeated:
            parts.append(f"{plural(self.num_repeated, 'row')} about the same image as an earlier row are left out.")
        return " ".join(parts)


def read_vectors(path: Path, keys: Keys = None, column: str | None = None) -> VectorFile:
    """Read vectors from a .npy file, whose rows `keys` may name, or from a .parquet table.

    `column` is the one with the vectors, needed only where several columns hold lists.

    Raises:
        SourceError: if a file cannot be read, or does not hold vectors of one length that are finite and not zero.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(f"{path} is neither .npy nor .parquet. Save the vectors as one of these.")
    if path.suffix.lower() == ".npy":
        if column is not None:
            raise SourceError("A .npy file has no columns: leave the name of the column out.")
        return as_vectors(_read_npy(path), keys)
    if keys is not None:
        raise SourceError("A .parquet table names its rows in a column: leave the keys out.")
    return _checked(*_read_parquet(path, column))


def as_vectors(vectors: npt.NDArray[Any], keys: Keys = None) -> VectorFile:
    """Return vectors [n, K] with the names of their rows: `keys`, or the lines of that file.

    Raises:
        SourceError: as `read_vectors`.
    """
    listed = _read_lines(keys) if isinstance(keys, Path) else keys
    return _checked(_two_dimensional(vectors, "The array"), {} if listed is None else {"keys": list(listed)})


def _checked(vectors: _Vectors, names: dict[str, list[str]]) -> VectorFile:
    for title, values in names.items():
        if len(values) != len(vectors):
            raise SourceError(
                f"{plural(len(values), 'name')} in {title} for {plural(len(vectors), 'row')}: give one each."
            )
    _check(vectors)
    return VectorFile(vectors, names)


def match_vectors(
    store: Store, dataset: DatasetRecord, file: VectorFile, keys_column: str | None = None
) -> MatchedVectors:
    """Find the image of each row: by sample key, path, or content id; without names by the order of the samples.

    Of several text columns the one that matches most rows is used, unless `keys_column` names one.

    Raises:
        SourceError: if nothing matches, the column does not exist, or the number of rows is not that of the samples.
        DatasetNotReadyError: if the dataset has no index yet.
    """
    sql = f"SELECT sample_key, uri, content_id FROM ({store.manifest_sql(dataset)}) ORDER BY sample_key, uri"
    samples = store.query(sql)
    content_ids = samples["content_id"].to_pylist()
    num_images = len(set(content_ids))
    if not file.names:
        if len(file.vectors) != len(samples):
            rows, number = plural(len(file.vectors), "row"), plural(len(samples), "sample")
            raise SourceError(
                f"The file has {rows}, {dataset.name} has {number}. "
                "Without keys there must be one row per sample, in order of the sample keys: give a file of keys, "
                "or a Parquet table with a column of keys."
            )
        return _matched(list(content_ids), file, "the order of the sample keys", [], num_images)
    if keys_column is not None and keys_column not in file.names:
        hint = did_you_mean(keys_column, tuple(file.names))
        raise SourceError(f"There is no text column {keys_column!r}. {hint}".strip())
    known = _known_names(samples)
    wanted = file.names if keys_column is None else {keys_column: file.names[keys_column]}
    found = {title: [known.get(name) for name in names] for title, names in wanted.items()}
    title = max(found, key=lambda name: sum(item is not None for item in found[name]))
    if not any(found[title]):
        raise SourceError(
            f"No row matches a sample of {dataset.name}: rows are named like {wanted[title][0]!r}, samples like "
            f"{samples['sample_key'][0].as_py()!r}. Name rows by sample key, absolute path or content id."
        )
    return _matched(found[title], file, f"the column {title}" if title != "keys" else "keys", wanted[title], num_images)


def _known_names(samples: pa.Table) -> dict[str, str]:
    """Return everything that may name an image, with its content id; a sample key before a path of the same text."""
    content_ids = samples["content_id"].to_pylist()
    known = dict(zip(content_ids, content_ids, strict=True))
    for uri, content_id in zip(samples["uri"].to_pylist(), content_ids, strict=True):
        known[uri] = content_id
        try:
            known[str(uri_to_path(uri))] = content_id
        except (SampleError, ValueError):
            continue  # inside an archive
    return known | dict(zip(samples["sample_key"].to_pylist(), content_ids, strict=True))


def _matched(
    found: Sequence[str | None], file: VectorFile, by: str, names: Sequence[str], num_images: int
) -> MatchedVectors:
    rows: dict[str, int] = {}
    for row, content_id in enumerate(found):
        if content_id is not None:
            rows.setdefault(content_id, row)
    unmatched = [row for row, content_id in enumerate(found) if content_id is None]
    return MatchedVectors(
        content_ids=list(rows),
        vectors=file.vectors[list(rows.values())],
        matched_by=by,
        num_rows=len(found),
        num_unmatched=len(unmatched),
        num_repeated=len(found) - len(unmatched) - len(rows),
        num_images=num_images,
        examples=tuple(names[row] for row in unmatched[:NUM_EXAMPLES]),
    )


def _read_npy(path: Path) -> npt.NDArray[Any]:
    try:
        found: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}.") from error
    return found


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}. Write one key per line, in UTF-8.") from error


def _read_parquet(path: Path, column: str | None) -> tuple[_Vectors, dict[str, list[str]]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read: {error}.") from error
    lists = [item.name for item in table.schema if _is_list(item.type)]
    texts = [item.name for item in table.schema if pa.types.is_string(item.type) or pa.types.is_large_string(item.type)]
    if column is None:
        if len(lists) != 1:
            listed = f": name one of {', '.join(lists)}" if lists else ""
            raise SourceError(f"{path} has {plural(len(lists), 'column')} of lists, where one is needed{listed}.")
        column = lists[0]
    if column not in lists:
        raise SourceError(f"{path} has no column of lists {column!r}. {did_you_mean(column, tuple(lists))}".strip())
    if not texts:
        raise SourceError(f"{path} has no text column: add one with sample keys, absolute paths or content ids.")
    found = table[column].combine_chunks()
    if found.null_count:
        raise SourceError(f"{plural(found.null_count, 'row')} of {column} are empty. Leave them out.")
    flat = found.flatten().to_numpy(zero_copy_only=False)
    if len(table) == 0 or len(flat) % len(table) or not _is_regular(found):
        raise SourceError(f"The vectors of {column} differ in length, or there are none. Give all K numbers of each.")
    vectors = _two_dimensional(flat.reshape(len(table), -1), f"{path}, {column}")
    return vectors, {name: [value or "" for value in table[name].to_pylist()] for name in texts}


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_regular(found: pa.Array) -> bool:
    if pa.types.is_fixed_size_list(found.type):
        return True
    lengths = np.diff(found.offsets.to_numpy())
    return bool((lengths == lengths[0]).all())


def _two_dimensional(found: npt.NDArray[Any], where: str) -> _Vectors:
    if found.ndim != 2 or 0 in found.shape:
        raise SourceError(f"{where} has the shape {list(found.shape)}. Vectors have [rows, K] numbers.")
    if not np.issubdtype(found.dtype, np.floating) and not np.issubdtype(found.dtype, np.integer):
        raise SourceError(f"{where} holds values of type {found.dtype}. Vectors are numbers.")
    return found.astype(np.float32)


def _check(vectors: _Vectors) -> None:
    for title, is_bad in (
        ("that are not finite (NaN or infinity)", ~np.isfinite(vectors).all(axis=1)),
        (
            f"above {_LARGEST:,.0f}, which half precision cannot hold: divide all vectors by one number",
            _is_large(vectors),
        ),
        ("that are all 0, which have no direction", ~vectors.any(axis=1)),
    ):
        if is_bad.any():
            raise SourceError(
                f"{plural(int(is_bad.sum()), 'row')} hold values {title}. The first is row {int(is_bad.argmax()) + 1}: "
                "correct or leave them out."
            )


def _is_large(vectors: _Vectors) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(vectors).max(axis=1) > _LARGEST)
