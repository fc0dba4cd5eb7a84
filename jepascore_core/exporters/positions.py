"""Positions of samples as a loader of the source counts them: in a folder, a table, or an idx file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.row_numbers import row_numbers
from jepascore_core.datasets.sources import SourceOptions
from jepascore_core.datasets.uris import sample_key
from jepascore_core.errors import ExportError, SourceError
from jepascore_core.records.datasets import DatasetRecord

#: Suffixes of the files that torchvision.datasets.ImageFolder loads.
TORCHVISION_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
IMAGE_FOLDER = "torchvision.datasets.ImageFolder"
SORTED_FILES = "image files of the source sorted by path, from 0, unreadable ones included"
#: Kinds of sources whose images are numbered in a file, and those without a folder that sample keys start from.
_ONE_FILE = ("idx", "npz")
_WITHOUT_FOLDER = ("zip", "tar", "parquet", "datasets", *_ONE_FILE)
ITEMS = "items of the {kind} file"


@dataclass(frozen=True, slots=True)
class Positions:
    """`order` describes what is counted; `place` returns the position of a sample (key, uri)."""

    order: str
    place: Callable[[str, str], int]


def base_of(dataset: DatasetRecord) -> str | None:
    """Return the folder that sample keys start from; an archive has no permanent one."""
    if dataset.kind in _WITHOUT_FOLDER:
        return None
    if dataset.kind == "table" and dataset.options.get("root"):
        return str(dataset.options["root"])
    path = Path(dataset.source)
    return str(path if path.is_dir() else path.parent)


def positions_of(dataset: DatasetRecord, keys: Callable[[], Iterable[str]]) -> Positions:
    """Return how the samples of a dataset are counted.

    Args:
        dataset: the dataset.
        keys: returns the sample keys of all its images, including unreadable ones.

    Raises:
        ExportError: if its source is no longer readable.
    """
    if dataset.kind in _ONE_FILE:
        return Positions(ITEMS.format(kind=dataset.kind), _in_one_file())
    if dataset.kind == "imagefolder" and Path(dataset.source).is_dir():
        return _in_image_folder(dataset.source)
    if dataset.kind == "table":
        return _in_table(dataset)
    return Positions(SORTED_FILES, _looked_up({key: place for place, key in enumerate(sorted(keys()))}))


def _in_one_file() -> Callable[[str, str], int]:
    files: set[str] = set()

    def place(_key: str, uri: str) -> int:
        file, _, item = uri.rpartition("#")
        files.add(file)
        if len(files) > 1:
            raise ExportError(
                "Positions are unavailable: they count within one file, and these samples come from several. "
                "Keep one split, for example with "
                'the rule split = "train".'
            )
        return int(item)

    return place


def _looked_up(places: dict[str, int], table: str | None = None) -> Callable[[str, str], int]:
    def place(key: str, _uri: str) -> int:
        if key not in places and table is not None:
            raise ExportError(f"{key} has no row in {table}, so it has no position. Drop it, or export a list.")
        if key not in places:
            raise ExportError(f"{key} is no longer in the source. Add the dataset again.")
        return places[key]

    return place


def _in_table(dataset: DatasetRecord) -> Positions:
    try:
        table, numbers = row_numbers(Path(dataset.source), SourceOptions.from_dict(dataset.options))
    except (SourceError, OSError) as error:
        problem = f"{dataset.source} cannot be read: {error}. Restore it, or add the dataset again."
        raise ExportError(problem) from error
    return Positions(f"rows of {table.name}, from 0, the header not counted", _looked_up(numbers, table.name))


def _in_image_folder(source: str) -> Positions:
    # By key, because two samples may be links to one file.
    root = f"{source.rstrip('/')}/"
    places = {sample_key(path.removeprefix(root)): place for place, path in enumerate(image_folder_files(source))}

    def place(key: str, _uri: str) -> int:
        try:
            return places[key]
        except KeyError as error:
            raise ExportError(_not_in_image_folder(key, source)) from error

    return Positions(IMAGE_FOLDER, place)


def _not_in_image_folder(key: str, source: str) -> str:
    if not key.lower().endswith(TORCHVISION_SUFFIXES):
        suffix = os.path.splitext(key)[1]  # noqa: PTH122
        return (
            f"ImageFolder does not read {key}, so it has no position. Keep only files that it reads, for example with "
            f'the rule not key like "*{suffix}", or export a tree.'
        )
    if "/" not in key:
        return f"{key} is not in a class folder, so it has no position in ImageFolder. Drop it, or export a tree."
    return f"{key} is no longer in {source}. Add the dataset again."


def image_folder_files(root: str) -> list[str]:
    """Return the absolute paths of the files of a torchvision ImageFolder, in its order."""
    try:
        classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except OSError as error:
        raise ExportError(f"{root} cannot be read: {error.strerror}. Restore it, or add the dataset again.") from error
    found = []
    for name in classes:
        for folder, _, files in sorted(os.walk(f"{root.rstrip('/')}/{name}", followlinks=True)):
            found += [f"{folder}/{file}" for file in sorted(files) if file.lower().endswith(TORCHVISION_SUFFIXES)]
    return found
