"""Preview how a source would be read: kind, columns, splits, classes, and what is skipped.

The reader itself creates the report; of large sources it reads only the beginning. No image is opened, but for the few
pictures that are asked for.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from jepascore_core.datasets.archives import ArchiveMember, content_root, wanted_members
from jepascore_core.datasets.candidates import (
    NO_COLUMN,
    Candidate,
    Question,
    ScanPlan,
    SourceOptions,
    UnusedTable,
    UsedTable,
)
from jepascore_core.datasets.first_pictures import FirstOfClasses, FirstPicture, open_pictures
from jepascore_core.datasets.item_uris import is_item
from jepascore_core.datasets.listing import PassedOver, extension, has_image_name
from jepascore_core.datasets.reading import MAX_FILE_BYTES, read_bytes
from jepascore_core.datasets.sources import detect_kind, scan, source_path
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.datasets.zip_names import zip_names
from jepascore_core.errors import SampleError, SourceError
from jepascore_core.records.datasets import SampleFailure

#: Limits of a preview: samples, rows of a table and members of an archive; seconds.
MAX_ITEMS = 100_000
MAX_MEMBERS = 20_000
MAX_SECONDS = 4.0

_FIRST_KEYS = 5
_MAX_CHECKED = 1000
_MAX_NAMED = 200
_MAX_TABLE_BYTES = 64 * 2**20
_HEADER_BYTES = 32
_MISSING = "The file that a row of the table names does not exist"
_REASON_END = re.compile(r"[:(,]")
_LINE = re.compile(r"^Line \d+ of")


@dataclass(frozen=True, slots=True)
class Named:
    """A split or class and its samples."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is skipped or fails for one reason: how often, and an example."""

    reason: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """How a source would be read. With `is_beginning`, counts are those of its beginning.

    `labels_from` and `splits_from` say where they come from, in words; `labels` and `splits` are the largest ones,
    two hundred at most, of `num_labels`. `failures` are entries that are known to fail before any image is opened.
    `pictures` are the first of each class, if they were asked for.
    """

    source: str
    kind: str
    num_samples: int
    is_beginning: bool
    first_keys: tuple[str, ...]
    tables: tuple[UsedTable, ...]
    unused_tables: tuple[UnusedTable, ...]
    labels_from: str
    labels: tuple[Named, ...]
    num_labels: int
    num_unlabelled: int
    splits_from: str
    splits: tuple[Named, ...]
    num_without_row: int
    encoding: str | None
    passed_over: tuple[Left, ...]
    failures: tuple[Left, ...]
    questions: tuple[Question, ...]
    pictures: tuple[FirstPicture, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a plain dictionary, ready for JSON, without pictures."""
        flags = [question.flag for question in self.questions]
        values = dataclasses.asdict(self)
        for question, flag in zip(values["questions"], flags, strict=True):
            question["flag"] = flag
        values["tables"] = [dataclasses.asdict(table) for table in self.tables]
        values["unused_tables"] = [table._asdict() for table in self.unused_tables]
        del values["pictures"]
        return values


def reading_report(
    source: str | Path,
    options: SourceOptions | None = None,
    max_items: int = MAX_ITEMS,
    seconds: float = MAX_SECONDS,
    num_pictures: int = 0,
) -> ReadingReport:
    """Find out how a source would be read.

    Args:
        source: folder, table, zip archive or idx file.
        options: how to read it.
        max_items: samples, and rows of each table, to look at.
        seconds: after which to stop counting.
        num_pictures: to open, the first of each class before the second.

    Raises:
        SourceError: if the source as a whole cannot be read.
        UnsafeArchiveError: for an archive that is not safe to unpack.
    """
    options, path = options or SourceOptions(), source_path(source)
    with tempfile.TemporaryDirectory(prefix="jepascore-") as workspace:
        if (options.kind or detect_kind(path, options)) == "zip":
            return _report_of_zip(path, path, options, Path(workspace), (max_items, seconds, num_pictures))
        plan = scan(path, options, Path(workspace), max_rows=max_items + 1)
        return _counted(path, plan, False, options, (max_items, seconds, num_pictures))


def archive_report(
    archive: IO[bytes], name: str, options: SourceOptions | None = None, num_pictures: int = 0
) -> ReadingReport:
    """Find out how a zip archive in memory, such as an upload, would be read.

    Raises:
        SourceError: if it cannot be read.
        UnsafeArchiveError: if it is not safe to unpack.
    """
    options, path = options or SourceOptions(), Path(name)
    with tempfile.TemporaryDirectory(prefix="jepascore-") as workspace:
        return _report_of_zip(archive, path, options, Path(workspace), (MAX_ITEMS, MAX_SECONDS, num_pictures))


def _report_of_zip(
    archive: Path | IO[bytes], path: Path, options: SourceOptions, workspace: Path, limits: tuple[int, float, int]
) -> ReadingReport:
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise _not_a_zip(path, error) from error
    with opened:
        plan, is_beginning, members = _plan_of_zip(opened, path, options, workspace)
        return _counted(path, plan, is_beginning, options, limits, partial(_read_packed, opened, members))


def _counted(
    path: Path,
    plan: ScanPlan,
    is_beginning: bool,
    options: SourceOptions,
    limits: tuple[int, float, int],
    read: Callable[[str], bytes] = read_bytes,
) -> ReadingReport:
    max_items, seconds, num_pictures = limits
    count, until, first = _Count(path), time.monotonic() + seconds, FirstOfClasses(num_pictures)
    for number, item in enumerate(islice(plan.items, max_items)):
        count.add(item)
        if isinstance(item, Candidate):
            first.add(item)
        if number % 256 == 0 and time.monotonic() > until:
            is_beginning = True
            break
    is_beginning = is_beginning or next(iter(plan.items), None) is not None
    report = count.report(plan, is_beginning, options)
    return dataclasses.replace(report, pictures=open_pictures(first.chosen(), read))


class _Count:
    """Counts what a scan yields."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._num_samples = self._num_checked = 0
        self._first_keys: list[str] = []
        self._labels: Counter[str | None] = Counter()
        self._splits: Counter[str | None] = Counter()
        self._failures: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, item: Candidate | SampleFailure) -> None:
        if isinstance(item, SampleFailure):
            self._fail(_LINE.sub("A line of", _REASON_END.split(item.message)[0]), item.sample_key)
            return
        self._num_samples += 1
        self._labels[item.label] += 1
        self._splits[item.split] += 1
        if len(self._first_keys) < _FIRST_KEYS:
            self._first_keys.append(item.sample_key)
        # Files of a table may not exist; those of a walk do.
        if self._num_samples % 97 == 1 or self._num_samples < _MAX_CHECKED:
            self._check(item)

    def _check(self, item: Candidate) -> None:
        if self._num_checked < 2 * _MAX_CHECKED and not is_item(item.uri):
            self._num_checked += 1
            if not os.path.exists(uri_to_path(item.uri)):  # noqa: PTH110
                self._fail(_MISSING, item.sample_key)

    def _fail(self, reason: str, example: str) -> None:
        self._failures[reason] += 1
        self._examples.setdefault(reason, example)

    def report(self, plan: ScanPlan, is_beginning: bool, options: SourceOptions) -> ReadingReport:
        return ReadingReport(
            str(self._source),
            plan.kind,
            self._num_samples,
            is_beginning,
            tuple(self._first_keys),
            tuple(plan.tables),
            tuple(plan.unused),
            self._origin("label", plan, options),
            _named(self._labels),
            len(self._labels) - (None in self._labels),
            self._labels[None],
            self._origin("split", plan, options),
            _named(self._splits),
            plan.tally["without row"],
            plan.encoding,
            tuple(Left(name, count, plan.ignored.examples.get(name, "")) for name, count in plan.ignored.most_common()),
            tuple(self._left(name, count) for name, count in self._failures.most_common()),
            tuple(plan.questions),
        )

    def _left(self, reason: str, count: int) -> Left:
        is_part = reason == _MISSING and self._num_checked < self._num_samples
        words = f"{reason} (of {self._num_checked:,} checked)" if is_part else reason
        return Left(words, count, self._examples[reason])

    def _origin(self, what: str, plan: ScanPlan, options: SourceOptions) -> str:
        """Describe where labels or splits come from."""
        asked = options.label_column if what == "label" else options.split_column
        found = self._labels if what == "label" else self._splits
        columns = {getattr(table, f"{what}_column") for table in plan.tables} - {None}
        if columns:
            return f"column {', '.join(sorted(columns))}"
        if not any(name is not None for name in found):
            return "none, as asked" if asked == NO_COLUMN else "none"
        if plan.kind == "idx":
            return "the labels files" if what == "label" else "the files' names"
        if plan.kind == "npz":
            return "the array `labels`"
        if plan.kind == "tar":
            return "members and folders" if what == "label" else "names of files and folders"
        if plan.kind in ("parquet", "datasets"):
            return "the files' names"
        is_of_tables = what == "split" and len(plan.tables) > 1 and plan.kind != "imagefolder"
        return "the tables' names" if is_of_tables else "the folders' names"


def _named(counts: Counter[str | None]) -> tuple[Named, ...]:
    named = [Named(name, count) for name, count in counts.items() if name is not None]
    return tuple(sorted(named, key=lambda item: (-item.count, item.name))[:_MAX_NAMED])


def _plan_of_zip(
    opened: zipfile.ZipFile, path: Path, options: SourceOptions, workspace: Path
) -> tuple[ScanPlan, bool, dict[str, zipfile.ZipInfo]]:
    """Plan an archive without unpacking it, as a folder with empty files for its images, and its tables.

    Also return which member each file stands for.
    """
    packed: dict[str, zipfile.ZipInfo] = {}
    try:
        names, ignored = zip_names(opened.infolist(), str(path), options.encoding), PassedOver()
        members = wanted_members(opened, names, path, ignored)
        for member in islice(members, MAX_MEMBERS):
            _sketch(opened, member, workspace)
            packed[str(workspace / member.path)] = member.info
        is_beginning = next(members, None) is not None
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise _not_a_zip(path, error) from error
    inner = dataclasses.replace(options, kind=None, root=None, encoding=None if names.encoding else options.encoding)
    root = content_root(workspace)
    try:
        plan = scan(root, inner, workspace)
    except SourceError as error:
        raise SourceError(str(error).replace(str(root), str(path))) from error
    plan.ignored.add(ignored)
    plan.tables = [dataclasses.replace(table, path=_inside(table.path, root)) for table in plan.tables]
    plan.unused = [
        UnusedTable(_inside(table.path, root), table.reason.replace(f"{root}/", "")) for table in plan.unused
    ]
    plan.kind, plan.encoding, plan.questions = "zip", names.encoding, [*names.questions, *plan.questions]
    return plan, is_beginning, packed


def _not_a_zip(path: Path, error: Exception) -> SourceError:
    return SourceError(f"{path} is not a readable zip archive ({error}): download or pack it again.")


def _inside(path: str, root: Path) -> str:
    return path.removeprefix(f"{root}/")


def _sketch(opened: zipfile.ZipFile, member: ArchiveMember, workspace: Path) -> None:
    """Write a member as a file: the beginning of an image, the whole of a table."""
    target = workspace / member.path
    name = member.path.name
    if has_image_name(name):
        size = 0
    elif extension(name):
        size = _MAX_TABLE_BYTES if member.info.file_size <= _MAX_TABLE_BYTES else 0
    else:
        size = _MAX_TABLE_BYTES if "ubyte" in name else _HEADER_BYTES
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as sink:
            if size:
                with opened.open(member.info) as packed:
                    sink.write(packed.read(size))
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):  # reported as a failure when it is unpacked
        return


def _read_packed(opened: zipfile.ZipFile, packed: dict[str, zipfile.ZipInfo], uri: str) -> bytes:
    """Read an image out of the archive; `uri` is the file that stands for it."""
    member = None if is_item(uri) else packed.get(uri_to_path(uri))
    if member is None or member.file_size > MAX_FILE_BYTES:
        raise SampleError("It is shown once the archive is unpacked.", "read")
    try:
        return opened.read(member)
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise SampleError(f"It cannot be unpacked ({error}): pack the archive again.", "read") from error
