"""Write folders of images: a tree by class, Hugging Face's imagefolder, FiftyOne's classification dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from jepascore_core.exporters.context import Batches, ExportContext
from jepascore_core.exporters.images import Fetched, fetch_image, place_image
from jepascore_core.exporters.marks import flat
from jepascore_core.exporters.places import PathAllocator, file_name
from jepascore_core.exporters.writers import json_line
from jepascore_core.storage.spreadsheets import write_csv

#: Top folders of a tree or zip of all samples, by verdict.
VERDICT_FOLDERS = {"keep": "kept", "drop": "dropped", "unscored": "unscored"}

#: A folder with more entries than this is slow to list.
FILES_A_FOLDER = 1000


def write_tree(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write images under their sample keys, below a folder per label: what torchvision's ImageFolder reads.

    An export of all samples has the top folders kept, dropped and unscored.
    """
    target.mkdir()
    places = PathAllocator()
    for row in rows_of(batches):
        image = fetch_image(row, context.link)
        place_image(image, target / place_of(image, places, context), context.link)


def place_of(image: Fetched, places: PathAllocator, context: ExportContext) -> str:
    """Return the path of an image in a tree or zip."""
    row = image.row
    above = VERDICT_FOLDERS[row["verdict"]] if context.which == "all" else ""
    name = file_name(row["sample_key"], row["uri"], context.base)
    return places.of(name, row["class_label"], image.suffix, above)


def write_imagefolder(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write images, and `metadata.jsonl` with a line for each: what `datasets.load_dataset("imagefolder")` reads.

    Images have numbers for names: `datasets` would take words such as "test" in a path for the name of a split. The
    sample key is a column.
    """
    target.mkdir()
    with (target / "metadata.jsonl").open("wb") as sink:
        for number, row in enumerate(rows_of(batches)):
            image = fetch_image(row, context.link)
            name = numbered(number, image.suffix, "images")
            place_image(image, target / name, context.link)
            sink.write(json_line({"file_name": name, **columns_of(row, context)}).encode("ascii"))


def numbered(number: int, suffix: str, folder: str) -> str:
    """Return a path of digits: "images/000012/000012345.jpg"."""
    return f"{folder}/{number // FILES_A_FOLDER:06d}/{number:09d}{suffix}"


def write_imagefolder_csv(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write an imagefolder with `metadata.csv`, for training: texts are unchanged, even formulas."""
    target.mkdir()
    numbers = iter(range(10**9))
    columns_of_csv = ["file_name", *context.schema.names]

    def placed() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            names = []
            for row in batch.to_pylist():
                image = fetch_image(row, context.link)
                names.append(numbered(next(numbers), image.suffix, "images"))
                place_image(image, target / names[-1], context.link)
            columns = [pa.array(names, pa.string()), *flat(batch.select(context.schema.names)).columns]
            yield pa.RecordBatch.from_arrays(columns, names=columns_of_csv)

    with (target / "metadata.csv").open("wb") as sink:
        write_csv(sink, columns_of_csv, placed(), for_spreadsheets=False)


def write_fiftyone(target: Path, batches: Batches, context: ExportContext) -> None:
    """Write FiftyOne's FiftyOneImageClassificationDataset: `data/` and a `labels.json` with scores as attributes.

    Samples without a label get an empty one: FiftyOne would turn null into the class "None".
    """
    (target / "data").mkdir(parents=True)
    with (target / "labels.json").open("wb") as sink:
        sink.write(b'{"classes": null,\n"labels": {\n')
        for number, row in enumerate(rows_of(batches)):
            image = fetch_image(row, context.link)
            path = target / "data" / f"{number:09d}{image.suffix}"
            place_image(image, path, context.link)
            columns = columns_of(row, context)
            columns |= {"original_label": row["label"]} if row["class_label"] != row["label"] else {}
            del columns["label"]
            label = {"label": row["class_label"] or "", "attributes": columns}
            text = f"{json.dumps(path.stem)}: {json.dumps(label, allow_nan=False)}"
            sink.write(((",\n" if number else "") + text).encode("ascii"))
        sink.write(b"\n}}\n")


def rows_of(batches: Batches) -> Iterator[dict[str, Any]]:
    """Yield the rows as dictionaries."""
    for batch in batches:
        yield from batch.to_pylist()


def columns_of(row: dict[str, Any], context: ExportContext) -> dict[str, Any]:
    """Return the columns of a table export of a row, but its place."""
    return {name: row[name] for name in context.schema.names if name != "uri"}
