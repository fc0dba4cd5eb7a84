"""The formats of an export as a table: title, suffix, content, and what each supports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ExportFormat = Literal[
    "txt", "csv", "jsonl", "parquet", "yolo", "coco", "uids", "indices",
    "zip", "tree", "imagefolder", "imagefolder_csv", "datasets", "webdataset", "fiftyone",
]  # fmt: skip
Which = Literal["kept", "dropped", "unscored", "all"]
Link = Literal["copy", "symlink", "hardlink"]
#: The labels that folders and class numbers go by, where some were corrected.
Labels = Literal["original", "corrected"]
#: Columns that only some table exports have, by what they are about.
ExtraColumns = Literal["quality", "labels"]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
WHICH: tuple[Which, ...] = get_args(Which)
LINKS: tuple[Link, ...] = get_args(Link)
LABELS: tuple[Labels, ...] = get_args(Labels)
EXTRA_COLUMNS: tuple[ExtraColumns, ...] = get_args(ExtraColumns)


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """One format.

    `suffix` is that of a file, "" for a folder; `has_verdicts` says whether it can hold all samples, `is_table` whether
    it can have more columns, `has_classes` whether folders or numbers stand for classes.
    """

    name: ExportFormat
    title: str
    suffix: str
    mime: str
    has_images: bool
    has_verdicts: bool
    links: bool = False
    is_table: bool = False
    has_classes: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether the result is a folder."""
        return not self.suffix


_JSON, _TEXT, _NPY = "application/json", "text/plain", "application/octet-stream"

SPECS: dict[ExportFormat, FormatSpec] = {
    spec.name: spec
    for spec in (
        FormatSpec("txt", "Text list", ".txt", _TEXT, has_images=False, has_verdicts=False),
        FormatSpec("csv", "CSV", ".csv", "text/csv", has_images=False, has_verdicts=True, is_table=True),
        FormatSpec(
            "jsonl", "JSON lines", ".jsonl", "application/jsonl", has_images=False, has_verdicts=True, is_table=True
        ),
        FormatSpec(
            "parquet",
            "Parquet",
            ".parquet",
            "application/vnd.apache.parquet",
            has_images=False,
            has_verdicts=True,
            is_table=True,
        ),
        FormatSpec("yolo", "YOLO image list", ".txt", _TEXT, has_images=False, has_verdicts=False),
        FormatSpec("coco", "COCO image list", ".json", _JSON, has_images=False, has_verdicts=True, has_classes=True),
        FormatSpec("uids", "DataComp uids", ".npy", _NPY, has_images=False, has_verdicts=False),
        FormatSpec("indices", "PyTorch Subset indices", ".npy", _NPY, has_images=False, has_verdicts=False),
        FormatSpec(
            "zip", "Zip of images", ".zip", "application/zip", has_images=True, has_verdicts=True, has_classes=True
        ),
        FormatSpec(
            "tree", "Folder of images", "", "", has_images=True, has_verdicts=True, links=True, has_classes=True
        ),
        FormatSpec("imagefolder", "Hugging Face imagefolder", "", "", has_images=True, has_verdicts=True, links=True),
        FormatSpec(
            "imagefolder_csv", "Hugging Face imagefolder (CSV)", "", "", has_images=True, has_verdicts=True, links=True
        ),
        FormatSpec("datasets", "Hugging Face datasets", "", "", has_images=True, has_verdicts=True),
        FormatSpec("webdataset", "WebDataset shards", "", "", has_images=True, has_verdicts=True, has_classes=True),
        FormatSpec(
            "fiftyone", "FiftyOne dataset", "", "", has_images=True, has_verdicts=True, links=True, has_classes=True
        ),
    )
}
