"""From a source to its candidates: recognise the kind, then let that kind's reader walk it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from jepascore_core.datasets.archives import content_root, unpack
from jepascore_core.datasets.candidates import KINDS, NO_COLUMN, Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.folders import scan_folder
from jepascore_core.datasets.idx import is_idx_images, plan_idx
from jepascore_core.datasets.layout import FOLDER_MEANINGS, Layout, find_layout
from jepascore_core.datasets.listing import PassedOver, has_image_name, has_images, is_image, is_skipped
from jepascore_core.datasets.split_metadata import find_metadata
from jepascore_core.datasets.table_files import is_table
from jepascore_core.datasets.tables import find_table, plan_table
from jepascore_core.datasets.uris import Roots
from jepascore_core.errors import SourceError
from jepascore_core.records import SampleFailure

__all__ = ["KINDS", "ScanPlan", "SourceOptions", "detect_kind", "scan", "source_path"]

#: Also after a path was made of it, which leaves one stroke.
_WEB_ADDRESS = re.compile(r"(^|/)(https?|ftp|s3|gs|hf):/")
_WANTED = "a folder of images, a CSV, TSV, JSONL or Parquet table, a zip archive, or MNIST idx files"


def source_path(source: str | Path) -> Path:
    """Full path of a source, whether there is one or not.

    Raises:
        SourceError: for an empty text, which is no name of the current folder but a variable that was not set.
    """
    if not str(source).strip():
        raise SourceError(f"The source is empty. Give {_WANTED}; the current folder is called `.`.")
    try:
        return Path(source).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(f"{source} cannot be a path ({error}). Give {_WANTED}.") from error


def detect_kind(source: str | Path, options: SourceOptions | None = None) -> str:
    """Kind of a source: imagefolder, flat, table, zip or idx. Opens no image and walks until it finds the first.

    Raises:
        SourceError: if there is no such source, or it is none of these.
    """
    path = _located(source)
    if path.is_dir():
        return _folder_kind(path, options or SourceOptions())
    if is_table(path):
        return "table"
    if is_idx_images(path):
        return "idx"
    if path.suffix.lower() == ".zip":
        return "zip"
    if has_image_name(path.name):
        raise SourceError(f"{path} is a single image: give the folder that holds it.")
    raise SourceError(f"{path} is of no known kind: give {_WANTED}. Other archives: unpack them and give the folder.")


def scan(
    source: str | Path,
    options: SourceOptions,
    workspace: Path,
    on_tick: Callable[[], None] = lambda: None,
) -> ScanPlan:
    """Recognise a source and plan its samples; the walk happens while the plan's items are taken.

    `workspace` is where archives are unpacked; `on_tick` is called now and then while that goes on, and may raise.

    Raises:
        SourceError: if the source as a whole cannot be read.
        UnsafeArchiveError: for an archive that is not to be trusted.
    """
    path = _located(source)
    if options.root and not Path(options.root).expanduser().is_dir():
        raise SourceError(f"The root {options.root} is no folder: give one that exists, or leave it out.")
    if options.folders not in (None, *FOLDER_MEANINGS):
        raise SourceError(
            f"Folders cannot be {options.folders!r}: choose one of {', '.join(FOLDER_MEANINGS)}, or none."
        )
    kind = options.kind or detect_kind(path, options)
    if kind not in KINDS:
        raise SourceError(
            f"There is no kind of source {kind!r}: choose one of {', '.join(KINDS)}, or none to detect it."
        )
    try:
        if kind == "zip":
            return _scan_zip(path, options, workspace, on_tick)
        if kind == "idx":
            _refuse_columns(path, options, "idx files")
            return plan_idx(path)
        return _scan_table(path, options) if kind == "table" else _scan_folder(path, options, kind)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}): check its permissions and the disk.") from error


def _scan_folder(path: Path, options: SourceOptions, kind: str) -> ScanPlan:
    if not path.is_dir():
        raise SourceError(f"{path} is no folder, so it cannot be read as {kind}: choose another kind, or none.")
    root, allowed, ignored = str(path), _roots(path, options), PassedOver()
    if kind == "flat":
        _refuse_columns(path, options)
        layout = Layout(has_classes=False)
        return ScanPlan(kind, scan_folder(root, allowed, ignored, layout, recursive=False), ignored)
    layout = find_layout(root, allowed, options.folders)
    metadata = find_metadata(root, layout.split_folders, allowed, options)
    if metadata is None:
        _refuse_columns(path, options)
        items = _as_told(scan_folder(root, allowed, ignored, layout), options)
        return ScanPlan(kind, items, ignored, questions=list(layout.questions))
    items = scan_folder(root, allowed, ignored, layout, tables=metadata.files)
    described = _as_told(metadata.describe(items), options)
    return ScanPlan(kind, described, ignored, metadata.types, questions=list(layout.questions))


def _as_told(items: Iterable[Candidate | SampleFailure], options: SourceOptions) -> Iterator[Candidate | SampleFailure]:
    """The items of folders without the labels and splits that are not wanted."""
    has_labels, has_splits = options.label_column != NO_COLUMN, options.split_column != NO_COLUMN
    for item in items:
        if isinstance(item, Candidate) and not (has_labels and has_splits):
            yield replace(item, label=item.label if has_labels else None, split=item.split if has_splits else None)
        else:
            yield item


def _refuse_columns(path: Path, options: SourceOptions, read_as: str = "a folder of images") -> None:
    given = next(iter((*filter(None, [options.path_column]), *options.told())), None)
    if given:
        raise SourceError(
            f"{path} is read as {read_as}, without a column {given!r}: give the table that has it, "
            'or leave the columns out (a column that was given before: --label-column "").'
        )


def _located(source: str | Path) -> Path:
    path = Path(source).expanduser()
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        if _WEB_ADDRESS.search(str(source)):
            raise SourceError(f"Web addresses are not fetched: download it, then give {_WANTED}.") from error
        raise SourceError(f"{path} does not exist or cannot be reached: check the path. Give {_WANTED}.") from error


def _roots(folder: Path, options: SourceOptions) -> Roots:
    return Roots([folder, Path(options.root).expanduser()] if options.root else [folder])


def _folder_kind(folder: Path, options: SourceOptions) -> str:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_skipped(entry.name))
        if any(is_idx_images(entry) for entry in entries):
            return "idx"
        if find_table(folder, options) is not None:
            return "table"
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be listed ({error.strerror}): check its permissions.") from error
    allowed = _roots(folder, options)
    if any(entry.is_dir() and has_images(str(entry), allowed) for entry in entries):
        return "imagefolder"
    if any(is_image(entry.name, str(entry)) for entry in entries):
        return "flat"
    raise SourceError(f"The folder {folder} holds no image: give {_WANTED}.")


def _scan_table(path: Path, options: SourceOptions) -> ScanPlan:
    if not path.is_dir():
        return plan_table(path, options, _roots(path.parent, options))
    table = find_table(path, options)
    if table is None:
        raise SourceError(f"{path} does not hold exactly one table that lists its images: give the table's own path.")
    return plan_table(table, options, _roots(path, options))


def _scan_zip(path: Path, options: SourceOptions, workspace: Path, on_tick: Callable[[], None]) -> ScanPlan:
    if not path.is_file():
        raise SourceError(f"{path} is a folder, so it cannot be read as zip: choose another kind, or none.")
    unpacked = unpack(path, workspace, on_tick)
    root = content_root(unpacked.folder)
    try:
        plan = scan(root, replace(options, kind=None, root=None), workspace)
    except SourceError as error:  # where it is unpacked is nobody's business
        raise SourceError(str(error).replace(str(root), str(path))) from error
    plan.ignored.add(unpacked.ignored)
    return replace(plan, kind="zip", items=chain(unpacked.failures, plan.items))
