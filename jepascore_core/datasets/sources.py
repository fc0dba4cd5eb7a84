"""Turn a source into candidates: recognise its kind, then use the reader of that kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from jepascore_core.datasets.archives import content_root, unpack
from jepascore_core.datasets.candidates import KINDS, NO_COLUMN, Candidate, ScanPlan, SourceOptions
from jepascore_core.datasets.finding import TableSearch, find_tables, given_table
from jepascore_core.datasets.folders import scan_folder
from jepascore_core.datasets.idx import is_idx_images, plan_idx
from jepascore_core.datasets.layout import FOLDER_MEANINGS, Layout, find_layout
from jepascore_core.datasets.listing import PassedOver, has_image_name, has_images, is_image, is_skipped
from jepascore_core.datasets.npz import plan_npz
from jepascore_core.datasets.parquets import PARQUET_ENDINGS, folder_holds_images, holds_images, plan_parquet
from jepascore_core.datasets.saved_datasets import is_saved_dataset, plan_saved
from jepascore_core.datasets.shards import expanded, files_below, is_pattern
from jepascore_core.datasets.split_metadata import find_metadata
from jepascore_core.datasets.table_files import is_table
from jepascore_core.datasets.tables import plan_tables
from jepascore_core.datasets.tar_members import TAR_ENDINGS, check_tar, is_tar_name
from jepascore_core.datasets.tars import plan_tars
from jepascore_core.datasets.uris import Roots
from jepascore_core.datasets.zip_names import known_encoding
from jepascore_core.errors import SourceError, unknown
from jepascore_core.records.datasets import SampleFailure

__all__ = ["KINDS", "ScanPlan", "SourceOptions", "detect_kind", "scan", "source_path"]

#: Also matches after conversion to a path, which merges the two slashes.
_WEB_ADDRESS = re.compile(r"(^|/)(https?|ftp|s3|gs|hf):/")
_WANTED = (
    "a folder of images, a CSV, TSV, JSONL or Parquet table, a zip archive, tars (WebDataset), Parquet "
    "files with images inside, a folder saved by `datasets`, a NumPy .npz file, or MNIST idx files"
)


def source_path(source: str | Path) -> Path:
    """Return the full path of a source, whether it exists or not.

    Raises:
        SourceError: for an empty text, which is probably an unset variable rather than the current folder.
    """
    if not str(source).strip():
        raise SourceError(f"The source is empty. Give {_WANTED}; the current folder is called `.`.")
    try:
        return Path(source).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(f"{source} is not a valid path ({error}). Give {_WANTED}.") from error


def detect_kind(source: str | Path, options: SourceOptions | None = None) -> str:
    """Return the kind of a source: one of `KINDS`. Opens no image; stops at the first.

    Raises:
        SourceError: if the source does not exist, or is of none of these kinds.
    """
    path, options = _located(source), options or SourceOptions()
    return _recognise_folder(path, options).kind if path.is_dir() else _file_kind(path, options)


def _file_kind(path: Path, options: SourceOptions) -> str:
    if is_pattern(path):
        return _pattern_kind(path)
    if is_table(path):
        return "parquet" if path.suffix.lower() in PARQUET_ENDINGS and holds_images(path, options) else "table"
    if is_idx_images(path):
        return "idx"
    if path.suffix.lower() == ".zip":
        return "zip"
    if path.suffix.lower() == ".npz":
        return "npz"
    if is_tar_name(path):
        check_tar(path)
        return "tar"
    if has_image_name(path.name):
        raise SourceError(f"{path} is a single image: give the folder that contains it.")
    raise SourceError(
        f"{path} is not a supported kind of source: give {_WANTED}. Other archives: unpack them and give the folder."
    )


def _pattern_kind(path: Path) -> str:
    names = list(expanded(str(path)))
    if all(name.lower().endswith(TAR_ENDINGS) for name in names):
        return "tar"
    if all(name.lower().endswith(PARQUET_ENDINGS) for name in names):
        return "parquet"
    raise SourceError(f"{path} is a pattern with braces, which names tars or Parquet files: give such, or {_WANTED}.")


def scan(
    source: str | Path,
    options: SourceOptions,
    workspace: Path,
    on_tick: Callable[[], None] = lambda: None,
    max_rows: int | None = None,
) -> ScanPlan:
    """Recognise a source and plan its samples; the walk happens while the plan's items are taken.

    `workspace` is where archives are unpacked; `on_tick` is called regularly meanwhile, and may raise. At
    most `max_rows` rows of a table are read.

    Raises:
        SourceError: if the source as a whole cannot be read.
        UnsafeArchiveError: for an archive that is not to be trusted.
    """
    path = _located(source)
    if options.root and not Path(options.root).expanduser().is_dir():
        raise SourceError(f"The root {options.root} is not a folder: give one that exists, or leave it out.")
    if options.folders not in (None, *FOLDER_MEANINGS):
        raise unknown("meaning of folders", options.folders, FOLDER_MEANINGS, SourceError)
    if options.encoding:
        options = replace(options, encoding=known_encoding(options.encoding))
    if options.kind not in (None, *KINDS):
        raise unknown("kind of source", options.kind, KINDS, SourceError, hint="Without one it is detected.")
    try:
        return _plan(path, options, workspace, on_tick, max_rows)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}): check its permissions and the disk.") from error


def _plan(
    path: Path, options: SourceOptions, workspace: Path, on_tick: Callable[[], None], max_rows: int | None
) -> ScanPlan:
    found = _recognise_folder(path, options) if path.is_dir() else None
    kind = found.kind if found else options.kind or _file_kind(path, options)
    if kind == "zip":
        return _scan_zip(path, options, workspace, on_tick)
    if kind == "idx":
        _refuse_columns(path, options, "idx files")
        return plan_idx(path)
    if kind == "npz":
        _refuse_columns(path, options, "a NumPy archive")
        return plan_npz(path)
    if kind == "tar":
        return plan_tars(path, options, _roots(path if found else path.parent, options))
    if kind == "parquet":
        return plan_parquet(path, options, _roots(path if found else path.parent, options))
    if kind == "datasets":
        return plan_saved(path, options, _roots(path, options))
    if kind == "table":
        return _scan_table(path, options, found, max_rows)
    if found is None:
        raise SourceError(f"{path} is not a folder, so it cannot be read as {kind}: choose another kind, or none.")
    return _scan_folder(path, options, found)


def _scan_folder(path: Path, options: SourceOptions, found: _Folder) -> ScanPlan:
    root, allowed, ignored = str(path), _roots(path, options), PassedOver()
    unused = list(found.search.unused)
    if found.kind == "flat":
        _refuse_columns(path, options)
        items = scan_folder(root, allowed, ignored, Layout(has_classes=False), recursive=False)
        return ScanPlan(found.kind, items, ignored, unused=unused)
    questions = list(found.layout.questions)
    metadata = find_metadata(root, found.layout.split_folders, allowed, options)
    if metadata is None:
        _refuse_columns(path, options)
        items = _as_told(scan_folder(root, allowed, ignored, found.layout), options)
        return ScanPlan(found.kind, items, ignored, questions=questions, unused=unused)
    items = scan_folder(root, allowed, ignored, found.layout, tables=metadata.files)
    plan = ScanPlan(found.kind, iter(()), ignored, metadata.types, questions, list(metadata.used), unused)
    plan.items = _as_told(metadata.describe(items, plan.tally), options)
    return plan


def _as_told(items: Iterable[Candidate | SampleFailure], options: SourceOptions) -> Iterator[Candidate | SampleFailure]:
    """Remove the folders' labels and splits where the options exclude them."""
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
    if is_pattern(path):
        return path.resolve()
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        if _WEB_ADDRESS.search(str(source)):
            raise SourceError(f"Web addresses are not fetched: download it, then give {_WANTED}.") from error
        raise SourceError(f"{path} does not exist or cannot be reached: check the path. Give {_WANTED}.") from error


def _roots(folder: Path, options: SourceOptions) -> Roots:
    return Roots([folder, Path(options.root).expanduser()] if options.root else [folder])


@dataclass(frozen=True, slots=True)
class _Folder:
    """A recognised folder: its kind, the meaning of its sub-folders, and its tables."""

    kind: str
    layout: Layout
    search: TableSearch


def _recognise_folder(folder: Path, options: SourceOptions) -> _Folder:
    allowed = _roots(folder, options)
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_skipped(entry.name))
        if options.kind in ("idx", "zip", "npz", "tar", "parquet", "datasets") or (
            options.kind is None and any(map(is_idx_images, entries))
        ):
            return _Folder(options.kind or "idx", Layout(), TableSearch(str(folder)))
        if options.kind == "flat":
            return _Folder("flat", Layout(has_classes=False), TableSearch(str(folder)))
        inside = _images_inside(folder, options, allowed) if options.kind is None else None
        if inside is not None:
            return _Folder(inside, Layout(), TableSearch(str(folder)))
        layout = find_layout(str(folder), allowed, options.folders)
        search = find_tables(folder, layout, allowed, options)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be listed ({error.strerror}): check its permissions.") from error
    if options.kind is not None or search.used:
        return _Folder(options.kind or "table", layout, search)
    if any(entry.is_dir() and has_images(str(entry), allowed) for entry in entries):
        return _Folder("imagefolder", layout, search)
    if any(is_image(entry.name, str(entry)) for entry in entries):
        return _Folder("flat", layout, search)
    tables = f" {search.unused[0].reason}" if search.unused else ""
    raise SourceError(f"The folder {folder} contains no image: give {_WANTED}.{tables}")


def _images_inside(folder: Path, options: SourceOptions, allowed: Roots) -> str | None:
    """Return the kind of a folder whose files have images inside, if it has no images of its own; else None."""
    if is_saved_dataset(folder):
        return "datasets"
    if has_images(str(folder), allowed):
        return None
    if any(files_below(folder, TAR_ENDINGS)):
        return "tar"
    return "parquet" if folder_holds_images(folder, options) else None


def table_search(path: Path, options: SourceOptions) -> TableSearch:
    """Search the tables of a source of kind table: itself, or those in its folder.

    Raises:
        SourceError: if it cannot be read.
    """
    if path.is_dir():
        return _recognise_folder(path, options).search
    return given_table(path, _roots(path.parent, options), options)


def _scan_table(path: Path, options: SourceOptions, found: _Folder | None, max_rows: int | None) -> ScanPlan:
    if found is None:
        return plan_tables(table_search(path, options), options, max_rows=max_rows)
    if not found.search.used:
        raise SourceError(f"{path} does not contain a table that lists its images: give the table's own path.")
    ignored, allowed = PassedOver(), _roots(path, options)

    def walk(tables: frozenset[str]) -> Iterator[Candidate | SampleFailure]:
        return scan_folder(str(path), allowed, ignored, found.layout, tables=tables)

    plan = plan_tables(found.search, options, found.layout, walk, max_rows)
    return replace(plan, ignored=ignored, questions=[*found.layout.questions, *plan.questions])


def _scan_zip(path: Path, options: SourceOptions, workspace: Path, on_tick: Callable[[], None]) -> ScanPlan:
    if not path.is_file():
        raise SourceError(f"{path} is a folder, so it cannot be read as zip: choose another kind, or none.")
    unpacked = unpack(path, workspace, on_tick, encoding=options.encoding)
    root, names = content_root(unpacked.folder), unpacked.names
    # The encoding of names does not apply to the text of tables.
    inner = replace(options, kind=None, root=None, encoding=None if names.encoding else options.encoding)
    try:
        plan = scan(root, inner, workspace)
    except SourceError as error:  # do not show where it is unpacked
        raise SourceError(str(error).replace(str(root), str(path))) from error
    plan.ignored.add(unpacked.ignored)
    items = chain(unpacked.failures, plan.items)
    questions = [*names.questions, *plan.questions]
    return replace(plan, kind="zip", items=items, questions=questions, encoding=names.encoding)
