"""Write images into files: zip, WebDataset shards, and the Arrow files of `datasets`."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from jepascore_core.exporters.context import Batches, ExportContext
from jepascore_core.exporters.folders import columns_of, place_of, rows_of
from jepascore_core.exporters.images import fetch_image
from jepascore_core.exporters.marks import flat
from jepascore_core.exporters.places import PathAllocator, file_name
from jepascore_core.exporters.writers import SPOOLED_BYTES, json_line
from jepascore_core.records.canonical import short_hash

#: One time for every member, so that the same samples give the same bytes. Zip has no earlier ones.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
SHARD_SAMPLES = 10_000
SHARD_BYTES = 1_000_000_000
ARROW_BYTES = 500_000_000
ARROW_ROWS = 256


def write_zip(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write images (stored, because they are already compressed) under the paths of a tree, and `metadata.jsonl`."""
    places = PathAllocator()
    with (
        zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive,
        tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as lines,
    ):
        for row in rows_of(batches):
            image = fetch_image(row)
            name = place_of(image, places, context)
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), image.data or b"")
            lines.write(json_line({"file_name": name, **columns_of(row, context)}).encode("ascii"))
        metadata = zipfile.ZipInfo("metadata.jsonl", _ZIP_TIME)
        metadata.compress_type = zipfile.ZIP_DEFLATED
        lines.seek(0)
        with archive.open(metadata, "w", force_zip64=True) as member:
            shutil.copyfileobj(lines, member)


def write_webdataset(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write tars of at most 10,000 samples and about 1 GB: image, `.json` row, and `.cls` with its label number."""
    target.mkdir()
    numbers = {label: number for number, label in enumerate(context.labels)}
    shard, samples, size = None, 0, 0
    with contextlib.ExitStack() as stack:
        for number, row in enumerate(rows_of(batches)):
            if shard is None or samples >= SHARD_SAMPLES or size >= SHARD_BYTES:
                stack.close()
                name = f"shard-{len(list(target.iterdir())):06d}.tar"
                shard = stack.enter_context(tarfile.open(target / name, "w", format=tarfile.USTAR_FORMAT))
                samples = size = 0
            image = fetch_image(row)
            data = image.data or b""
            key = f"{number:09d}"
            _add(shard, f"{key}{image.suffix}", data)
            _add(shard, f"{key}.json", json.dumps(columns_of(row, context), allow_nan=False).encode("ascii"))
            if row["class_label"] is not None:
                _add(shard, f"{key}.cls", str(numbers[row["class_label"]]).encode())
            samples, size = samples + 1, size + len(data)
        if shard is None:
            tarfile.open(target / "shard-000000.tar", "w").close()
    (target / "classes.json").write_text(json.dumps(list(context.labels)) + "\n", encoding="ascii")


def _add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    shard.addfile(member, io.BytesIO(data))


def write_datasets(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write what `datasets.load_from_disk` reads: Arrow streams of about 500 MB, `dataset_info.json`, `state.json`."""
    target.mkdir()
    features = _features(context)
    schema = _arrow_schema(features)
    parts = enumerate(_parts(batches, context, schema))
    sizes = [_write_arrow(target / f"part-{n}", schema, part) for n, part in parts]
    if not sizes:
        _write_arrow(target / "part-0", schema, iter([]))
        sizes = [0]
    names = [f"data-{n:05d}-of-{len(sizes):05d}.arrow" for n in range(len(sizes))]
    for n, name in enumerate(names):
        (target / f"part-{n}").rename(target / name)
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": short_hash([features, sizes, context.which], 16),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    (target / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
    (target / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")


def _features(context: ExportContext) -> dict[str, Any]:
    columns: dict[str, Any] = {"image": {"_type": "Image"}}
    for field in context.schema:
        if field.name != "uri":
            kind = "float64" if pa.types.is_floating(field.type) else "string"
            columns[field.name] = {"dtype": kind, "_type": "Value"}
    columns["label"] = {"names": list(context.labels), "_type": "ClassLabel"}
    return columns


def _arrow_schema(features: dict[str, Any]) -> pa.Schema:
    kinds = {"string": pa.string(), "float64": pa.float64()}
    special = {"Image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]), "ClassLabel": pa.int64()}
    fields = [(name, special.get(feature["_type"]) or kinds[feature["dtype"]]) for name, feature in features.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _parts(batches: Batches, context: ExportContext, schema: pa.Schema) -> Iterator[Iterator[pa.RecordBatch]]:
    """Group record batches into parts of about `ARROW_BYTES`."""
    records = _records(batches, context, schema)
    for first in records:
        yield _until_full(first, records)


def _until_full(first: pa.RecordBatch, records: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    size = first.nbytes
    yield first
    while size < ARROW_BYTES and (batch := next(records, None)) is not None:
        size += batch.nbytes
        yield batch


def _records(batches: Batches, context: ExportContext, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    numbers = {label: number for number, label in enumerate(context.labels)}
    waiting: list[dict[str, Any]] = []
    for row in rows_of(map(flat, batches)):
        found = fetch_image(row)
        name = PathAllocator().of(file_name(row["sample_key"], row["uri"], context.base), None, found.suffix)
        image = {"bytes": found.data, "path": name}
        waiting.append({**columns_of(row, context), "image": image, "label": numbers.get(row["label"])})
        if len(waiting) >= ARROW_ROWS:
            yield pa.RecordBatch.from_pylist(waiting, schema)
            waiting = []
    if waiting:
        yield pa.RecordBatch.from_pylist(waiting, schema)


def _write_arrow(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    rows = 0
    with path.open("wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
