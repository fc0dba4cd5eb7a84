"""Describe how a source would be read: what, by which names, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.candidates import Question
from jepascore_core.datasets.preview import Left, Named, ReadingReport
from jepascore_core.formatting import plural

#: Classes, files and the like that are listed; the others are counted.
MAX_NAMED = 5

_KINDS = {
    "imagefolder": "a folder of images in folders",
    "flat": "a flat folder of images",
    "table": "a table of images",
    "zip": "a zip archive",
    "idx": "MNIST idx files",
    "npz": "a NumPy archive of images",
    "tar": "tars (WebDataset)",
    "parquet": "Parquet files of images",
    "datasets": "a folder saved by `datasets`",
}


#: Kinds whose tables hold the images.
_WITH_IMAGES = ("parquet", "datasets")


@dataclass(frozen=True, slots=True)
class ReadingText:
    """Three lines: what is read, its labels and splits, what is left out; and a warning for each uncertain guess."""

    what: str
    names: str
    left: str
    warnings: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, str, str]:
        """The three lines."""
        return self.what, self.names, self.left


def reading_text(report: ReadingReport) -> ReadingText:
    """Return a report as sentences."""
    return ReadingText(_what(report), _names(report), _left(report), tuple(map(_warning, report.questions)))


def named_text(items: Sequence[Named], number: int | None = None) -> str:
    """Name the largest few with their counts: "cat 4, dog 2 and 10 more"."""
    total = len(items) if number is None else number
    named = ", ".join(f"{item.name} {item.count:,}" for item in items[:MAX_NAMED])
    return f"{named} and {total - MAX_NAMED:,} more" if total > MAX_NAMED else named


def left_text(left: Left) -> str:
    """Return one reason with its number and example: "4 .txt (labels/0.txt)"."""
    example = f" ({left.example})" if left.example else ""
    return f"{left.count:,} {left.reason}{example}"


def _what(report: ReadingReport) -> str:
    found = plural(report.num_samples, "sample")
    if report.is_beginning:
        found = f"the first {found} (the rest was not read)"
    tables = ""
    if report.tables:
        names = ", ".join(Path(table.path).name for table in report.tables[:MAX_NAMED])
        columns = ", ".join(sorted({table.path_column for table in report.tables}))
        are_images = report.kind in _WITH_IMAGES
        tables = f", {'in' if are_images else 'described by'} {names} ({_role(report).lower()}: column {columns})"
    encoding = f", names in {report.encoding}" if report.encoding else ""
    first = f"; first {report.first_keys[0]}" if report.first_keys else ""
    return f"Reads {report.source} as {_KINDS[report.kind]} ({report.kind}){tables}{encoding}: {found}{first}."


def _role(report: ReadingReport) -> str:
    """Return what the column that is most important in a report's tables holds."""
    return "Images" if report.kind in _WITH_IMAGES else "Keys" if report.kind == "tar" else "Paths"


def _names(report: ReadingReport) -> str:
    splits = f"{report.splits_from}: {named_text(report.splits)}" if report.splits else report.splits_from
    return f"Labels: {_labels(report)}. Splits: {splits}."


def _labels(report: ReadingReport) -> str:
    if not report.num_labels:
        return report.labels_from
    named = named_text(report.labels, report.num_labels)
    missing = f"; {report.num_unlabelled:,} without a label" if report.num_unlabelled else ""
    return f"{report.labels_from}, {plural(report.num_labels, 'class')}: {named}{missing}"


def _left(report: ReadingReport) -> str:
    parts = []
    if report.passed_over:
        some = "; ".join(map(left_text, report.passed_over[:MAX_NAMED]))
        parts.append(f"Skipped: {some}.")
    for path, reason in report.unused_tables[:MAX_NAMED]:
        parts.append(f"Table {Path(path).name} is not used: {reason.rstrip('.')}.")
    if report.num_without_row:
        parts.append(f"{plural(report.num_without_row, 'image')} without a row in the table.")
    if report.failures:
        some = "; ".join(
            f"{left.count:,}, such as {left.example}: {left.reason}" for left in report.failures[:MAX_NAMED]
        )
        parts.append(f"Unreadable: {some}.")
    return " ".join(parts) or "No files are skipped."


def _failing(left: Left) -> str:
    return f"{left.count:,}, such as {left.example}: {left.reason}"


def reading_rows(report: ReadingReport) -> tuple[tuple[str, str], ...]:
    """Return a report as pairs of title and text, without empty ones."""
    number = plural(report.num_samples, "sample")
    rows = (
        ("Read as", _KINDS[report.kind]),
        ("Samples", f"the first {number}, the rest was not read" if report.is_beginning else number),
        ("First", ", ".join(report.first_keys)),
        (_role(report), "; ".join(f"column {table.path_column} of {Path(table.path).name}" for table in report.tables)),
        ("Labels", _labels(report)),
        ("Splits", f"{report.splits_from}: {named_text(report.splits)}" if report.splits else report.splits_from),
        ("Without a row", plural(report.num_without_row, "image") if report.num_without_row else ""),
        ("Encoding", report.encoding or ""),
        ("Skipped", "; ".join(map(left_text, report.passed_over[:MAX_NAMED]))),
        ("Tables not used", "; ".join(f"{Path(path).name}: {reason}" for path, reason in report.unused_tables)),
        ("Unreadable", "; ".join(map(_failing, report.failures[:MAX_NAMED]))),
    )
    return tuple((title, text) for title, text in rows if text)


def _warning(question: Question) -> str:
    choices = ", ".join(question.choices[: MAX_NAMED + 1])
    return f"{question.text} If that is wrong, set {question.flag} (one of {choices})."
