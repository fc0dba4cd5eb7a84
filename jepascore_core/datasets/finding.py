"""Find the tables of a folder that describe its images, their path column, and why other tables do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from jepascore_core.datasets.candidates import NO_COLUMN, Question, SourceOptions, UnusedTable
from jepascore_core.datasets.layout import Layout, split_word
from jepascore_core.datasets.listing import has_image_name, has_images, is_skipped
from jepascore_core.datasets.locating import ImageTree, Locator, common_folders
from jepascore_core.datasets.table_columns import LABEL_NAMES, PATH_NAMES, find_columns, usual_names
from jepascore_core.datasets.table_files import is_table
from jepascore_core.datasets.table_samples import TableSample, table_sample
from jepascore_core.datasets.uris import Roots
from jepascore_core.errors import SourceError

#: Names of columns that are taken as paths if their cells refer to images.
WEAK_PATH_NAMES = (
    "image_name", "imagename", "img_name", "image_id", "imageid", "img_id", "id_code", "id", "name", "key",
)  # fmt: skip
METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

_MAX_SUB_FOLDERS = 20
_MAX_CLASSES_SHARE = 0.5
_MANY_ROWS = 20
_SUBMISSION = re.compile(r"submi", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageTable:
    """A table that lists images: where it is, its path column, and the split that its name stands for, if any."""

    path: Path
    path_column: str
    locator: Locator
    has_label: bool
    split: str | None = None
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class TableSearch:
    """The tables that describe the images below a root, those that do not and why, and the guesses to confirm."""

    root: str
    used: tuple[ImageTable, ...] = ()
    unused: tuple[UnusedTable, ...] = ()
    questions: tuple[Question, ...] = field(default=())


def find_tables(folder: Path, layout: Layout, allowed: Roots, options: SourceOptions) -> TableSearch:
    """Search the tables of a folder: beside its images, in a wrapper folder, or in a folder without images.

    Raises:
        SourceError: if a given table or column does not exist.
    """
    if options.table == NO_COLUMN:
        return TableSearch(str(folder))
    root = options_root(options) or str(folder)
    tree = ImageTree(root, allowed)
    listing, unused = [], []
    refused: SourceError | None = None
    for path in _tables(folder, layout, allowed, options):
        try:
            listing.append(image_table(path, tree, allowed, options))
        except SourceError as error:
            refused = refused or error
            unused.append(UnusedTable(str(path), str(error)))
    is_told = options.path_column or options.table or (options.told() and not layout.splits)
    if refused is not None and not listing and is_told:
        raise refused
    used, questions, others = _choose(listing, folder)
    unused += others
    asked = tuple(question for one in used for question in one.questions)
    return TableSearch(root, used, tuple(unused), asked + questions)


def given_table(path: Path, allowed: Roots, options: SourceOptions) -> TableSearch:
    """Search a table that is itself the source, even if none of its paths refers to an image.

    Raises:
        SourceError: if it cannot be read, or has no such columns.
    """
    root = options_root(options) or str(path.parent)
    tree = ImageTree(root, allowed)
    sample = table_sample(path, options.encoding)
    strong, weak = _path_columns(sample, options)
    found = None if not strong and not weak else _leading_table(path, sample, tree, allowed, options)
    if found is None:
        columns = find_columns(sample.names, options, path, sample.embedded)
        locator = Locator(root, allowed, tree)
        found = ImageTable(path, columns.path, locator, columns.label is not None)
    return TableSearch(root, (found,), questions=found.questions)


def options_root(options: SourceOptions) -> str | None:
    """Return the given root as an absolute path."""
    return str(Path(options.root).expanduser().absolute()) if options.root else None


def _tables(folder: Path, layout: Layout, allowed: Roots, options: SourceOptions) -> list[Path]:
    if options.table:
        path = folder / options.table
        if not path.is_file() or not is_table(path):
            raise SourceError(f"{folder} has no table {options.table!r}: give the name of one in it, or leave it out.")
        return [path]
    wrappers = layout.prefix.split("/")[:-1]
    places = [folder, *(folder.joinpath(*wrappers[:length]) for length in range(1, len(wrappers) + 1))]
    around = {entry.name for entry in places}
    for place in list(places):
        below = [entry for entry in sorted(place.iterdir()) if entry.is_dir() and not is_skipped(entry.name)]
        below = [entry for entry in below if entry.name not in around and not entry.is_symlink()]
        if len(below) <= _MAX_SUB_FOLDERS:
            places += [entry for entry in below if not has_images(str(entry), allowed)]
    found = [entry for place in places for entry in sorted(place.iterdir()) if is_table(entry)]
    return [entry for entry in found if not is_skipped(entry.name) and entry.is_file()]


def image_table(path: Path, tree: ImageTree, allowed: Roots, options: SourceOptions) -> ImageTable:
    """Read a table whose path column refers to images.

    Raises:
        SourceError: if there is none, or a given column does not exist.
    """
    sample = table_sample(path, options.encoding)
    found = _leading_table(path, sample, tree, allowed, options)
    if found is None:
        columns = find_columns(sample.names, options, path, sample.embedded)  # raises if the column does not exist
        raise SourceError(f"Its paths (column {columns.path}) do not refer to any image.")
    return found


def _leading_table(
    path: Path, sample: TableSample, tree: ImageTree, allowed: Roots, options: SourceOptions
) -> ImageTable | None:
    """Return the table with the first column that refers to images, or None."""
    locator = Locator(options_root(options) or str(path.parent), allowed, tree)
    strong, weak = _path_columns(sample, options)
    num_rows = max(1, len(sample.rows))
    for name in [*strong, *weak]:
        found = _num_found(sample, name, locator, tree)
        if found and (name in strong or found * 10 >= num_rows):
            break
    else:
        return None
    columns = find_columns(sample.names, replace(options, path_column=name), path)
    locator.is_trusted = all(map(locator.is_as_written, sample.cells(name)))
    questions = []
    if options.path_column is None and name not in strong[:1]:
        text = f"Column {name} of {path.name} is used as the image paths, since its cells refer to images."
        questions.append(
            Question("path_column", text, (name, *(other for other in sample.names if other != name)), name)
        )
    if options.label_column is None:
        questions += _label_questions(sample, columns.label, (name, columns.split), path.name)
    return ImageTable(path, name, locator, columns.label is not None, questions=tuple(questions))


def _path_columns(sample: TableSample, options: SourceOptions) -> tuple[list[str], list[str]]:
    """Return the columns whose name says that they contain paths, and those that might."""
    if options.path_column is not None:
        return ([options.path_column] if options.path_column in sample.names else []), []
    strong = usual_names(sample.names, PATH_NAMES)
    weak = [name for name in usual_names(sample.names, WEAK_PATH_NAMES) if name not in strong]
    others = [
        name
        for name in sample.names
        if name not in strong
        and name not in weak
        and sum(map(has_image_name, sample.cells(name))) * 2 > len(sample.rows)
    ]
    return strong, weak + others


def _num_found(sample: TableSample, column: str, locator: Locator, tree: ImageTree) -> int:
    """Count a column's cells that refer to images; all cells of a fully read table are checked if necessary."""
    cells = sample.cells(column)
    locator.common = common_folders(cells)
    found = sum(map(locator.leads_to_an_image, cells))
    others = (cell for cell in sample.all_cells(column) if tree.may_hold(cell))
    return found or int(any(map(locator.leads_to_an_image, others)))


def _label_questions(
    sample: TableSample, label: str | None, taken: Sequence[str | None], where: str
) -> Iterator[Question]:
    if label is not None:
        others = [name for name in usual_names(sample.names, LABEL_NAMES[:-1]) if name not in (label, *taken)]
        cells = sample.cells(label)
        if not others and len(cells) >= _MANY_ROWS and len(set(cells)) > _MAX_CLASSES_SHARE * len(cells):
            counts = f"{len(set(cells))} values in {len(cells)} rows"
            text = f"Column {label} of {where} is used as the label, but has {counts}."
            yield Question("label_column", text, (label, NO_COLUMN), label)
        if others:
            text = f"Column {label} of {where} is used as the label; {', '.join(others)} could be one, too."
            yield Question("label_column", text, (label, *others, NO_COLUMN), label)
        return
    others = [name for name in sample.names if name not in taken and _may_be_classes(sample, name)]
    if others:
        text = f"No column of {where} has a usual name for labels, so there are none; {others[0]} could be one."
        yield Question("label_column", text, (NO_COLUMN, *others[:20]), NO_COLUMN)


def _may_be_classes(sample: TableSample, column: str) -> bool:
    """Return whether a column has few distinct values, each repeated."""
    cells = sample.cells(column)
    has_words = all(any(letter.isalpha() for letter in cell) and len(cell) <= 60 for cell in cells)
    return has_words and 2 <= len(set(cells)) <= _MAX_CLASSES_SHARE * len(cells)


def _choose(
    listing: Sequence[ImageTable], folder: Path
) -> tuple[tuple[ImageTable, ...], tuple[Question, ...], list[UnusedTable]]:
    """Choose among the tables that list images: those of splits together, or the most informative one."""
    serious = [one for one in listing if not _SUBMISSION.search(one.path.stem)]
    unused = [UnusedTable(str(one.path), "it is a template for predictions") for one in listing if one not in serious]
    if len(serious) < 2:
        return tuple(serious), (), unused
    ranked = sorted(serious, key=lambda one: (not one.has_label, one.path.name not in METADATA_NAMES, str(one.path)))
    by_split: dict[str, ImageTable] = {}
    for one in ranked:
        if (split := split_word(one.path.stem)) is not None:
            by_split.setdefault(split, replace(one, split=split))
    used = list(by_split.values()) if len(by_split) > 1 else ranked[:1]
    paths = {one.path for one in used}
    rest = [one for one in ranked if one.path not in paths]
    names = ", ".join(sorted(path.name for path in paths))
    unused += [UnusedTable(str(one.path), f"{names} describes the images") for one in rest]
    rivals = [one for one in rest if one.has_label == used[0].has_label and len(by_split) < 2]
    if not rivals:
        return tuple(sorted(used, key=lambda one: str(one.path))), (), unused
    names_of = [str(one.path.relative_to(folder)) for one in (*used, *rivals)]
    text = f"{len(names_of)} tables list images: {', '.join(names_of[:5])}. The first is used."
    return tuple(used), (Question("table", text, (*names_of, NO_COLUMN), names_of[0]),), unused
