"""Which samples an export lists, in which format, and its suggested name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jepascore_core.errors import ExportError, one_of
from jepascore_core.exporters.formats import (
    EXTRA_COLUMNS,
    FORMATS,
    LABELS,
    LINKS,
    SPECS,
    WHICH,
    ExportFormat,
    ExtraColumns,
    Labels,
    Link,
    Which,
)

#: The default format of a suffix.
_BY_SUFFIX: dict[str, ExportFormat] = {
    ".txt": "txt", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".zip": "zip", ".json": "coco",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, and how.

    `root`: folder that paths are relative to; `link`: how images are placed in folders; `columns`: more columns of a
    table, "quality" for image quality and "labels" for label issues; `labels`: which ones folders and class numbers go
    by, where some were corrected.
    """

    which: Which = "kept"
    root: str | None = None
    link: Link = "copy"
    columns: tuple[ExtraColumns, ...] = ()
    labels: Labels = "original"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `dataclasses.asdict`, also from JSON and of requests made before there were more columns."""
        return cls(**{**values, "columns": tuple(values.get("columns", ()))})


def checked_format(file_format: str, options: ExportOptions) -> ExportFormat:
    """Return the format with this name.

    Raises:
        ExportError: if there is none, or if it does not support the options.
    """
    one_of(options.which, WHICH, "list of samples", ExportError)
    one_of(options.link, LINKS, "way to place images", ExportError)
    chosen = one_of(file_format, FORMATS, "export format", ExportError)
    if options.which == "all" and not SPECS[chosen].has_verdicts:
        raise ExportError(
            f"{SPECS[chosen].title} cannot hold verdicts. Choose kept, dropped or unscored, or another format."
        )
    if options.link != "copy" and not SPECS[chosen].links:
        raise ExportError(f"{SPECS[chosen].title} cannot link images. Leave --link out, or choose copy.")
    one_of(options.labels, LABELS, "kind of labels", ExportError)
    if options.labels != "original" and not SPECS[chosen].has_classes:
        raise ExportError(
            f"{SPECS[chosen].title} has no folders or numbers for classes. Leave --labels out: corrected labels are in "
            "the column corrected_label."
        )
    for name in options.columns:
        one_of(name, EXTRA_COLUMNS, "group of columns", ExportError)
    if options.columns and not SPECS[chosen].is_table:
        tables = ", ".join(spec.title for spec in SPECS.values() if spec.is_table)
        raise ExportError(
            f"{SPECS[chosen].title} cannot have more columns. Leave them out, or choose one of: {tables}."
        )
    return chosen


def format_of_path(path: Path) -> str:
    """Return the format of a path's suffix.

    Raises:
        ExportError: if it has no suffix, or one that several formats share.
    """
    suffix = path.suffix.lower()
    fitting = [spec.name for spec in SPECS.values() if suffix and spec.suffix == suffix and suffix not in _BY_SUFFIX]
    if not suffix or fitting:
        choice = f"{' or '.join(fitting)} (--format)" if fitting else "one (--format), or a suffix"
        raise ExportError(f"The format of {path.name} is unclear from its suffix. Choose {choice}.")
    return _BY_SUFFIX.get(suffix, suffix.removeprefix("."))


def suggested_name(dataset_name: str, which: Which, file_format: ExportFormat) -> str:
    """Return a file name that is valid everywhere: ("My / data", "kept", "csv") -> "My-data-kept.csv"."""
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", dataset_name).strip("-.")[:60] or "dataset"
    special = f"-{file_format}" if file_format in ("yolo", "coco", "uids", "indices") else ""
    return f"{stem}-{which}{special}{SPECS[file_format].suffix or f'-{file_format}'}"
