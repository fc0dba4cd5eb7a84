"""Writers of the list formats: batches of `ROW_SCHEMA` in, bytes out, the same bytes for the same rows."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jepascore_core.curation.recipes import Recipe
from jepascore_core.curation.saved_recipes import differing_samples
from jepascore_core.datasets.item_uris import is_item
from jepascore_core.errors import ExportError
from jepascore_core.exporters.context import Batches, ExportContext
from jepascore_core.exporters.marks import CORRECTED_LABEL, TAGS, flat
from jepascore_core.exporters.places import below, file_name, path_of
from jepascore_core.storage import spreadsheets
from jepascore_core.storage.store import Store

ROW_GROUP = 65_536
#: What is written last but received earlier is buffered in memory up to this size.
SPOOLED_BYTES = 32_000_000

_UID = re.compile(r"[0-9a-f]{32}")
_UID_PAIR = np.dtype("u8,u8")


def write_txt(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    r"""Write paths of the images below the source (or the root) in UTF-8, each once, one per line, each ended by "\n".

    Raises:
        ExportError: if a path contains a line break of any kind: a reader would split it.
    """
    lines = _Lines(sink, context.has_repeats)
    for batch in batches:
        lines.write(_paths(batch, context))


def write_yolo(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write paths of images, each once, one per line, as `train:` of a YOLO data file expects them.

    Below a root they start with "./", which Ultralytics resolves relative to the folder of the list.

    Raises:
        ExportError: if an image is not a separate file.
    """
    lines = _Lines(sink, context.has_repeats)
    for batch in batches:
        if context.root is not None:
            lines.write([f"./{path}" for path in _paths(batch, context)])
            continue
        uris = batch["uri"].to_pylist()
        if any(is_item(uri) for uri in uris):
            raise ExportError(
                "These images are not separate files, so YOLO cannot list them. Export a folder of images instead."
            )
        keys = batch["sample_key"].to_pylist()
        lines.write([path_of(key, uri, context.base) for key, uri in zip(keys, uris, strict=True)])


def _paths(batch: pa.RecordBatch, context: ExportContext) -> list[str]:
    """Return the paths of the images of a batch, below the root or the dataset's own folder."""
    rows = list(zip(batch["sample_key"].to_pylist(), batch["uri"].to_pylist(), strict=True))
    if context.root is not None:
        return [below(key, uri, context.root, context.base) for key, uri in rows]
    return [file_name(key, uri, context.base) for key, uri in rows]


class _Lines:
    """A text list; of repeated lines only the first is written."""

    def __init__(self, sink: BinaryIO, may_repeat: bool) -> None:
        self._sink = sink
        self._written: set[str] | None = set() if may_repeat else None

    def write(self, lines: list[str]) -> None:
        broken = next((line for line in lines if line.splitlines() != [line]), None)
        if broken is not None:
            raise ExportError(
                f"A text list cannot hold the path {broken!r}, which has a line break. Export as CSV, JSONL or Parquet."
            )
        if self._written is not None:
            lines = [line for line in dict.fromkeys(lines) if line not in self._written]
            self._written.update(lines)
        self._sink.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def write_csv(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write CSV in UTF-8 with a header, safe to open in a spreadsheet; several tags of a sample are separated by ";".

    Texts are quoted, numbers are not, and missing values are empty. Texts that a spreadsheet would run as a formula
    (starting with = + - @, tab or line break, but not a number such as -1) get a leading apostrophe, which
    `spreadsheets.restored` removes; for unchanged texts use JSONL or Parquet.
    """
    spreadsheets.write_csv(sink, context.schema.names, (flat(shown(batch, context)) for batch in batches))


def differing_csv(store: Store, dataset_id: str, first: Recipe, second: Recipe) -> bytes:
    """Return as such a CSV what two recipes judge differently; see `saved_recipes.differing_samples`."""
    return spreadsheets.table_csv(differing_samples(store, dataset_id, first, second))


def write_jsonl(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write one JSON object per line, in ASCII (other characters escaped), so that readers split lines correctly."""
    for batch in batches:
        sink.write("".join(map(json_line, shown(batch, context).to_pylist())).encode("ascii"))


def json_line(row: object) -> str:
    """Return one line of a JSON lines file."""
    return json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n"


def write_parquet(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write Parquet with zstd, in row groups of `ROW_GROUP`."""
    with pq.ParquetWriter(sink, context.schema, compression="zstd") as writer:
        for table in _in_row_groups((shown(batch, context) for batch in batches), context.schema):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _in_row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Regroup batches: their sizes depend on the number of threads, but the file must not."""
    waiting = schema.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()


def shown(batch: pa.RecordBatch, context: ExportContext) -> pa.RecordBatch:
    """Return the columns of a table export; with a root, uris are paths below it."""
    rows = batch.select(context.schema.names)
    if context.root is None:
        return rows
    paths = pa.array(_paths(batch, context), pa.string())
    return rows.set_column(rows.schema.get_field_index("uri"), "uri", paths)


def write_coco(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write COCO: an image per file, and for each labelled sample an annotation whose box is the whole image.

    An image that a table lists with two labels is one image with two annotations. Score and verdict are with the
    annotation and, for images without a label too, with the image.
    """
    numbers = {label: number for number, label in enumerate(context.labels, start=1)}
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    sink.write(b'{"info":{"description":"Curated with JEPA-SCORE"},"licenses":[],\n')
    sink.write(f'"categories":{json.dumps(categories)},\n"images":[\n'.encode("ascii"))
    images: dict[str, int] = {}
    seen: set[tuple[int, str, str]] = set()
    num_images = num_annotations = 0
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES) as annotations:
        for batch in batches:
            for row, name in zip(batch.to_pylist(), _paths(batch, context), strict=True):
                number = images.get(name)
                if number is None:
                    num_images = number = num_images + 1
                    if context.has_repeats:
                        images[name] = number
                    sink.write(_item(_coco_image(row, name, number), is_first=number == 1))
                annotated = (number, row["class_label"], row["verdict"])
                if row["class_label"] is not None and annotated not in seen:
                    num_annotations += 1
                    if context.has_repeats:
                        seen.add(annotated)
                    annotation = _coco_annotation(row, number, num_annotations, numbers[row["class_label"]])
                    annotations.write(_item(annotation, is_first=num_annotations == 1))
        sink.write(b'\n],\n"annotations":[\n')
        annotations.seek(0)
        shutil.copyfileobj(annotations, sink)
    sink.write(b"\n]}\n")


def _coco_image(row: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    wanted = ("width", "height", "label", "split", "score", "verdict", TAGS, CORRECTED_LABEL)
    return {"id": number, "file_name": name, **{column: row[column] for column in wanted if column in row}}


def _coco_annotation(row: dict[str, Any], image: int, number: int, category: int) -> dict[str, Any]:
    width, height = row["width"], row["height"]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [0, 0, width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": row["score"],
        "verdict": row["verdict"],
    }


def _item(value: dict[str, Any], is_first: bool) -> bytes:
    return (("" if is_first else ",\n") + json.dumps(value, allow_nan=False)).encode("ascii")


def write_uids(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write DataComp's subset file: uids of 128 bits as pairs of uint64, sorted, each once, in .npy.

    A uid is that of the dataset's own column `uid`, otherwise the content id.
    """
    found = [np.zeros(0, _UID_PAIR)]
    for batch in batches:
        uids = batch["uid"].to_pylist() if context.has_uids else batch["content_id"].to_pylist()
        wrong = next((uid for uid in uids if uid is None or not _UID.fullmatch(uid)), "")
        if wrong != "":
            raise ExportError(f"{wrong!r} is not a uid of 32 hexadecimal digits. Correct the column uid.")
        found.append(np.array([(int(uid[:16], 16), int(uid[16:], 16)) for uid in uids], _UID_PAIR))
    np.save(sink, np.unique(np.concatenate(found)))


def write_indices(sink: BinaryIO, batches: Batches, context: ExportContext) -> None:
    """Write positions for `torch.utils.data.Subset`, int64 in .npy; `context.positions` describes their order."""
    place, found = context.positions.place, []
    for batch in batches:
        rows = zip(batch["sample_key"].to_pylist(), batch["uri"].to_pylist(), strict=True)
        found += [place(key, uri) for key, uri in rows]
    np.save(sink, np.sort(np.array(found, np.int64)))
