"""The manifest at rest: Parquet parts of samples and failures in one folder, and the index that opens them.

A part is written under a temporary name, flushed and renamed: a reader sees all of it or none. The columns are the
fields of `records.Sample` and of `records.ImageQuality`, which parts of earlier releases lack; user columns are
`meta.<name>`, typed, and null where a sample does not have them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image
from ulid import ULID

from jepascore_core.atomic import atomic_path
from jepascore_core.datasets.columns import as_type, cast, common_type, from_values
from jepascore_core.datasets.content import content_id
from jepascore_core.datasets.decoding import decode
from jepascore_core.datasets.reading import read_bytes
from jepascore_core.errors import DatasetNotReadyError, FileChangedError, StoreError, unknown
from jepascore_core.records.datasets import Sample, SampleFailure
from jepascore_core.records.quality import QUALITY_NUMBERS, ImageQuality

META = "meta."
_ROWS_AT_ONCE = 4096

_SAMPLE_SCHEMA = pa.schema(
    [
        ("sample_key", pa.string()),
        ("uri", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("content_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_bytes", pa.int64()),
        ("modified_ns", pa.int64()),
    ]
)
#: Image quality, null in all columns or in none.
QUALITY_SCHEMA = pa.schema(
    [
        *((name, pa.float32()) for name in QUALITY_NUMBERS),
        ("phash", pa.uint64()),
        ("quality_version", pa.int16()),
        ("phash_mirrored", pa.uint64()),
    ]
)
MANIFEST_SCHEMA = pa.schema([*_SAMPLE_SCHEMA, *QUALITY_SCHEMA])

FAILURES_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("sample_key", "uri", "stage", "error_class", "message", "content_id")]
)


def write_part(
    folder: Path,
    samples: Sequence[Sample],
    failures: Sequence[SampleFailure],
    metadata_types: Mapping[str, pa.DataType] | None = None,
) -> None:
    """Append one part. Failures are written first: after a crash in between, samples are redone but nothing is lost.

    `metadata_types` names the user columns and their types; None takes them from the samples.

    Raises:
        StoreError: if the part cannot be written.
    """
    if failures:
        rows = [failure.to_dict() for failure in failures]
        write_table(folder / f"failures-{ULID()}.parquet", pa.Table.from_pylist(rows, FAILURES_SCHEMA))
    if samples:
        write_table(folder / f"manifest-{ULID()}.parquet", _to_table(samples, metadata_types))


def write_table(path: Path, table: pa.Table) -> None:
    """Write or replace one Parquet file, all of it or nothing.

    Raises:
        StoreError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as sink:
            pq.write_table(table, sink, compression="zstd")
    except OSError as error:
        raise StoreError(f"Cannot write {path} ({error}): free some space, then resume.") from error


def write_empty_part(folder: Path, metadata_types: Mapping[str, pa.DataType]) -> None:
    """Write a manifest without rows, for an index in which no image could be read: readers find its columns."""
    write_table(folder / f"manifest-{ULID()}.parquet", _to_table([], metadata_types))


def manifest_parts(folder: Path) -> list[Path]:
    """List the manifest files of an index, in the order in which they were written."""
    return sorted(folder.glob("manifest-*.parquet"))


def failure_parts(folder: Path) -> list[Path]:
    """List the failure files of an index, in the order in which they were written."""
    return sorted(folder.glob("failures-*.parquet"))


def count_rows(folder: Path) -> tuple[int, int]:
    """Count samples and failures of an index, without reading them.

    Raises:
        StoreError: if a file of the index is damaged.
    """
    return _num_rows(manifest_parts(folder)), _num_rows(failure_parts(folder))


def read_manifest(folder: Path) -> pa.Table:
    """Read all samples of an index; a user column whose type differs between parts becomes text.

    Raises:
        StoreError: if a file of the index is damaged.
    """
    return _joined([read_part(path) for path in manifest_parts(folder)], MANIFEST_SCHEMA)


def read_failures(folder: Path) -> pa.Table:
    """Read all failures of an index: the columns of `records.SampleFailure`.

    Raises:
        StoreError: if a file of the index is damaged.
    """
    return _joined([read_part(path) for path in failure_parts(folder)], FAILURES_SCHEMA)


def read_part(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file of an index.

    Raises:
        StoreError: if it is damaged.
    """
    with _whole(path):
        return pq.read_table(path, columns=columns, partitioning=None)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is damaged ({error}): remove the file and add the dataset again.") from error


def _num_rows(parts: Sequence[Path]) -> int:
    number = 0
    for path in parts:
        with _whole(path):
            number += pq.read_metadata(path).num_rows
    return number


def to_samples(table: pa.Table) -> Iterator[Sample]:
    """Convert the rows of a manifest to records; null user cells are left out."""
    names = [name.removeprefix(META) for name in table.column_names if name.startswith(META)]
    for first in range(0, len(table), _ROWS_AT_ONCE):
        rows = table.slice(first, _ROWS_AT_ONCE)
        fields = [rows[name].to_pylist() for name in _SAMPLE_SCHEMA.names]
        cells = [rows[META + name].to_pylist() for name in names]
        metadata = zip(*cells, strict=True) if cells else ((),) * len(rows)
        for *values, extra, quality in zip(*fields, metadata, _qualities(rows), strict=True):
            present = {name: value for name, value in zip(names, extra, strict=True) if value is not None}
            yield Sample(**dict(zip(_SAMPLE_SCHEMA.names, values, strict=True)), metadata=present, quality=quality)


def _qualities(rows: pa.Table) -> list[ImageQuality | None]:
    if not set(QUALITY_SCHEMA.names) <= set(rows.column_names):
        return [None] * len(rows)
    columns = [rows[name].to_pylist() for name in QUALITY_SCHEMA.names]
    return [None if values[-1] is None else ImageQuality(*values) for values in zip(*columns, strict=True)]


class Dataset:
    """An opened index: samples, images, failures. Iterating reads part by part, so that not all are in memory."""

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`.

        Raises:
            DatasetNotReadyError: if there is none.
        """
        self.folder = folder
        self._parts = manifest_parts(folder)
        if not self._parts and not failure_parts(folder):
            raise DatasetNotReadyError(f"{folder} contains no index: add the dataset, or wait until it is indexed.")

    def __len__(self) -> int:
        return _num_rows(self._parts)

    def __iter__(self) -> Iterator[Sample]:
        for path in self._parts:
            yield from to_samples(read_part(path))

    def sample(self, sample_key: str) -> Sample:
        """Return the sample with this key.

        Raises:
            UnknownNameError: if there is none.
        """
        position = pc.index(self.table()["sample_key"], sample_key).as_py()
        if position < 0:
            raise unknown("sample", sample_key, self.table()["sample_key"].to_pylist(), where=str(self.folder))
        return next(to_samples(self.table().slice(position, 1)))

    def image(self, sample: Sample | str) -> Image.Image:
        """Read the decoded RGB image of a sample, or of a sample key.

        Raises:
            SampleError: stage "read" or "decode", if its file is no longer what was indexed.
        """
        row = self.sample(sample) if isinstance(sample, str) else sample
        data = read_bytes(row.uri)
        if content_id(data) != row.content_id:
            raise FileChangedError()
        return decode(data)

    def failures(self) -> list[SampleFailure]:
        """List the samples that could not be read, and why."""
        return [SampleFailure(**row) for row in read_failures(self.folder).to_pylist()]

    def table(self) -> pa.Table:
        """Return the whole manifest."""
        return self._table

    @cached_property
    def _table(self) -> pa.Table:
        return read_manifest(self.folder)


def _to_table(samples: Sequence[Sample], metadata_types: Mapping[str, pa.DataType] | None) -> pa.Table:
    columns = {
        field.name: pa.array([getattr(row, field.name) for row in samples], field.type) for field in _SAMPLE_SCHEMA
    }
    for field in QUALITY_SCHEMA:
        columns[field.name] = pa.array([getattr(row.quality, field.name, None) for row in samples], field.type)
    names = metadata_types or dict.fromkeys(name for row in samples for name in row.metadata)
    for name in names:
        values = [row.metadata.get(name) for row in samples]
        wanted = metadata_types[name] if metadata_types else common_type([from_values(values).type])
        columns[META + name] = as_type(values, wanted)
    return pa.table(columns)


def _joined(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    if not tables:
        return schema.empty_table()
    types: dict[str, list[pa.DataType]] = {name: [kind] for name, kind in zip(schema.names, schema.types, strict=True)}
    for table in tables:
        for name in table.column_names:
            if name not in schema.names:
                types.setdefault(name, []).append(table.schema.field(name).type)
    wanted = {name: common_type(found) for name, found in types.items()}
    return pa.concat_tables(
        pa.table(
            {
                name: cast(table[name], kind) if name in table.column_names else pa.nulls(len(table), kind)
                for name, kind in wanted.items()
            }
        )
        for table in tables
    )
