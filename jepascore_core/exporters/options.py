"""Which samples an export lists, in which format, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.errors import ExportError, one_of
from jepascore_core.exporters.formats import FORMATS, LINKS, SPECS, WHICH, ExportFormat, Link, Which

#: The format that a suffix stands for where none is named.
_BY_SUFFIX: dict[str, ExportFormat] = {
    ".txt": "txt", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".zip": "zip", ".json": "coco",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, and how. `root`: folder that paths are relative to; `link`: how folders get their images."""

    which: Which = "kept"
    root: str | None = None
    link: Link = "copy"


def checked_format(file_format: str, options: ExportOptions) -> ExportFormat:
    """The format of this name.

    Raises:
        ExportError: if there is none, or if it cannot do what the options ask for.
    """
    one_of(options.which, WHICH, "list of samples", ExportError)
    one_of(options.link, LINKS, "way to place images", ExportError)
    chosen = one_of(file_format, FORMATS, "export format", ExportError)
    if options.which == "all" and not SPECS[chosen].has_verdicts:
        raise ExportError(
            f"{SPECS[chosen].title} has no verdicts: choose kept, dropped or unscored, or another format."
        )
    if options.link != "copy" and not SPECS[chosen].links:
        raise ExportError(f"{SPECS[chosen].title}: nothing is linked there. Leave --link out, or choose copy.")
    return chosen


def format_of_path(path: Path) -> str:
    """Return the format that the suffix of a path stands for.

    Raises:
        ExportError: if it has none, or one that several formats have.
    """
    suffix = path.suffix.lower()
    fitting = [spec.name for spec in SPECS.values() if suffix and spec.suffix == suffix and suffix not in _BY_SUFFIX]
    if not suffix or fitting:
        choice = f"{' or '.join(fitting)} (--format)" if fitting else "one (--format), or a suffix"
        raise ExportError(f"The name {path.name} does not say which format is meant: choose {choice}.")
    return _BY_SUFFIX.get(suffix, suffix.removeprefix("."))


def suggested_name(dataset_name: str, which: Which, file_format: ExportFormat) -> str:
    """A name that is safe everywhere: ("My / data", "kept", "csv") -> "My-data-kept.csv"."""
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", dataset_name).strip("-.")[:60] or "dataset"
    special = f"-{file_format}" if file_format in ("yolo", "coco", "uids", "indices") else ""
    return f"{stem}-{which}{special}{SPECS[file_format].suffix or f'-{file_format}'}"
