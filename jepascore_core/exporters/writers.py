"""One writer a list format: batches of `EXPORT_SCHEMA` in, bytes out, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.recipe_book import differing_samples
from jepascore_core.curation.recipes import Recipe
from jepascore_core.datasets.reading import IDX_PREFIX
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import ExportError
from jepascore_core.exporters.job import EXPORT_SCHEMA, Batches, Job
from jepascore_core.exporters.places import below
from jepascore_core.store import Store

ROW_GROUP = 65_536

#: Where a spreadsheet would begin a formula: at the start of a cell, or behind what it may take for a separator.
_FORMULA = re.compile(r"(^|[;\t])(?=[=+\-@\t\r\n])")
_UID = re.compile(r"[0-9a-f]{32}")
_UID_PAIR = np.dtype("u8,u8")


def write_txt(sink: BinaryIO, batches: Batches, job: Job) -> None:
    r"""Sample keys (or paths below the root) in UTF-8, one a line, each line ended by "\n".

    Raises:
        ExportError: if a key holds a line break, of whatever kind: a reader would take it for two.
    """
    for batch in batches:
        keys = batch["sample_key"].to_pylist()
        if job.root is not None:
            keys = [below(uri, job.root) for uri in batch["uri"].to_pylist()]
        _write_lines(sink, keys)


def write_yolo(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """Paths of images, one a line, as `train:` of a YOLO data file takes them.

    When they are below a root they begin with "./", which Ultralytics takes for the folder that the list itself is in.

    Raises:
        ExportError: if an image is no file of its own.
    """
    for batch in batches:
        uris = batch["uri"].to_pylist()
        if job.root is not None:
            _write_lines(sink, [f"./{below(uri, job.root)}" for uri in uris])
            continue
        if any(uri.startswith(IDX_PREFIX) for uri in uris):
            raise ExportError("These images are no files of their own: export a folder of images instead.")
        _write_lines(sink, [uri_to_path(uri) for uri in uris])


def _write_lines(sink: BinaryIO, lines: list[str]) -> None:
    broken = [line for line in lines if line.splitlines() != [line]]
    if broken:
        raise ExportError(
            f"A text list cannot hold the sample key {broken[0]!r}, which has a line break. "
            "Export as CSV, JSONL or Parquet."
        )
    sink.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def write_csv(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """CSV in UTF-8 with a header, safe to open in a spreadsheet.

    Texts are quoted, numbers are not, and what is missing is an empty text. Texts that a spreadsheet would run as a
    formula (starting with = + - @, tab or line break) get a leading apostrophe; for exactly the same keys whatever they
    are, use JSONL or Parquet.
    """
    write_table_csv(sink, (shown(batch, job) for batch in batches))


def write_table_csv(sink: BinaryIO, batches: Iterable[pa.RecordBatch]) -> None:
    """Any batches as such a CSV; there is at least the schema's header."""
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    header = False
    for batch in batches:
        if not header:
            writer.writerow(batch.schema.names)
            header = True
        columns = [
            [None if value is None else neutralised(value) for value in column.to_pylist()]
            if pa.types.is_string(column.type)
            else column.to_pylist()
            for column in batch.columns
        ]
        writer.writerows(zip(*columns, strict=True))
    if not header:
        writer.writerow(EXPORT_SCHEMA.names)
    text.detach()


def differing_csv(store: Store, dataset_id: str, first: Recipe, second: Recipe) -> bytes:
    """What two recipes judge differently, as such a CSV; see `recipe_book.differing_samples`."""
    rows, sink = differing_samples(store, dataset_id, first, second), io.BytesIO()
    write_table_csv(sink, rows.to_batches() or [pa.RecordBatch.from_pylist([], rows.schema)])
    return sink.getvalue()


def neutralised(text: str) -> str:
    """The same text, with an apostrophe wherever a spreadsheet would begin a formula."""
    return _FORMULA.sub(r"\1'", text)


def write_jsonl(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """One JSON object a line, in ASCII (other letters escaped), so that no reader splits a line at a wrong place."""
    for batch in batches:
        sink.write("".join(map(json_line, shown(batch, job).to_pylist())).encode("ascii"))


def json_line(row: object) -> str:
    """One line of a JSON lines file."""
    return json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n"


def write_parquet(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """Parquet, zstd, in row groups of `ROW_GROUP`."""
    with pq.ParquetWriter(sink, EXPORT_SCHEMA, compression="zstd") as writer:
        for table in _in_row_groups(shown(batch, job) for batch in batches):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _in_row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Sizes of incoming batches depend on the number of threads; the file must not."""
    waiting = EXPORT_SCHEMA.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()


def shown(batch: pa.RecordBatch, job: Job) -> pa.RecordBatch:
    """The columns of a table export; with a root, uris are paths below it."""
    rows = batch.select(EXPORT_SCHEMA.names)
    if job.root is None:
        return rows
    paths = pa.array([below(uri, job.root) for uri in rows["uri"].to_pylist()], pa.string())
    return rows.set_column(rows.schema.get_field_index("uri"), "uri", paths)


def write_coco(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """COCO's `images` with size, label, score and verdict of each; no annotations, which are not ours to make."""
    categories = [{"id": number, "name": name} for number, name in enumerate(job.labels, start=1)]
    sink.write(b'{"info":{"description":"Curated with JEPA-SCORE"},"licenses":[],"annotations":[],\n')
    sink.write(f'"categories":{json.dumps(categories)},\n"images":[\n'.encode("ascii"))
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            image = {
                "id": number,
                "file_name": row["sample_key"] if job.root is None else below(row["uri"], job.root),
                **{name: row[name] for name in ("width", "height", "label", "split", "score", "verdict")},
            }
            sink.write(((",\n" if number > 1 else "") + json.dumps(image, allow_nan=False)).encode("ascii"))
    sink.write(b"\n]}\n")


def write_uids(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """DataComp's subset file: uids of 128 bits as pairs of uint64, sorted, in .npy.

    A uid is that of the dataset's own column `uid`, or else the content id.
    """
    found = [np.zeros(0, _UID_PAIR)]
    for batch in batches:
        uids = batch["uid"].to_pylist() if job.has_uids else batch["content_id"].to_pylist()
        wrong = next((uid for uid in uids if uid is None or not _UID.fullmatch(uid)), "")
        if wrong != "":
            raise ExportError(f"{wrong!r} is no uid of 32 hexadecimal digits: correct the column uid.")
        found.append(np.array([(int(uid[:16], 16), int(uid[16:], 16)) for uid in uids], _UID_PAIR))
    np.save(sink, np.sort(np.concatenate(found)))


def write_indices(sink: BinaryIO, batches: Batches, job: Job) -> None:
    """Positions for `torch.utils.data.Subset`, int64 in .npy; `job.positions` says in which order they count.

    Raises:
        ExportError: if they would count in several idx files.
    """
    positions, found, files = job.positions(), [], set()
    for batch in batches:
        keys, uris = batch["sample_key"].to_pylist(), batch["uri"].to_pylist()
        found += [positions(key, uri) for key, uri in zip(keys, uris, strict=True)]
        files |= {uri.rpartition("#")[0] for uri in uris if uri.startswith(IDX_PREFIX)}
    if len(files) > 1:
        raise ExportError(
            "Positions count within one idx file, and these samples are of several: keep one split, for example by the "
            'rule split = "train".'
        )
    np.save(sink, np.sort(np.array(found, np.int64)))
