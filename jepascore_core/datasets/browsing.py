"""Look through the folders of this machine for images: what is in each, counted as far as a moment allows.

Only folders below some roots are listed, whatever path is asked for, with symlinks resolved.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jepascore_core.datasets.listing import has_image_name, is_skipped
from jepascore_core.datasets.saved_datasets import is_saved_dataset
from jepascore_core.datasets.table_files import is_table
from jepascore_core.datasets.uris import Roots, clean_text, is_text
from jepascore_core.errors import SourceError

#: Names the roots, separated as in PATH. Without it they are the home folder of the user, and where datasets are.
ROOTS_VARIABLE = "JEPASCORE_DATA"

#: A count ends here, or when the time for all counts of a folder is up.
MOST_IMAGES = 100_000
COUNT_SECONDS = 1.0
#: Sub-folders, and files that can be added by themselves, that are listed.
MAX_FOLDERS = 500
MAX_FILES = 100
_SOURCE_ENDINGS = (".zip", ".npz", ".tar")


@dataclass(frozen=True, slots=True)
class FolderCount:
    """A folder and the images in it and below it; with `is_least` there may be more, None = it cannot be read."""

    name: str
    path: str
    num_images: int | None
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class FolderView:
    """What is in a folder.

    Attributes:
        path: of the folder; None for the list of roots.
        above: the folders that it is in, as (name, path), from its root down to itself.
        folders: sub-folders in order of their names, or the roots.
        num_images: images in the folder itself, without those below.
        files: tables and archives in it that can be added by themselves, as (name, path).
        num_more: sub-folders that are not listed.
        num_more_files: files that can be added and are not listed, such as most of a thousand shards.
        is_empty: whether there is nothing in it that could be added.
    """

    path: str | None
    above: tuple[tuple[str, str], ...]
    folders: tuple[FolderCount, ...]
    num_images: int
    files: tuple[tuple[str, str], ...]
    num_more: int = 0
    num_more_files: int = 0
    is_empty: bool = False


def data_roots(known: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the folders below which people may look for images.

    `known` are the sources of datasets: the folders that they are in are roots, too, unless `JEPASCORE_DATA` is set.
    """
    configured = os.environ.get(ROOTS_VARIABLE)
    if configured:
        wanted = [Path(part).expanduser() for part in configured.split(os.pathsep) if part]
    else:
        wanted = [Path.home(), *map(_folder_of, known)]
    found = dict.fromkeys(os.path.realpath(folder) for folder in wanted if folder.is_dir())
    # One that lies in another is reached through it.
    return tuple(path for path in found if not any(Roots([other]).contain(path) for other in found if other != path))


def _folder_of(source: str) -> Path:
    """Return the folder that a source is in, or itself where that is all of the machine."""
    path = Path(source)
    return path if path.parent == path.parent.parent else path.parent


def look_into(path: str | None, roots: Iterable[str], seconds: float = COUNT_SECONDS) -> FolderView:
    """Return what is in a folder; None stands for the roots themselves.

    Raises:
        SourceError: if it is not a folder below one of the roots, or cannot be read.
    """
    allowed, until = Roots(roots), time.monotonic() + seconds
    if path is None:
        counts = tuple(_counted(root, root, until) for root in allowed.folders)
        return FolderView(None, (), counts, 0, ())
    real = os.path.realpath(Path(path).expanduser())
    if not allowed.contain(real):
        listed = ", ".join(allowed.folders) or "none"
        raise SourceError(
            f"{clean_text(path)} is not below a folder that may be looked through ({listed}). Type its path, or name "
            f"its folder in {ROOTS_VARIABLE}."
        )
    folders, files, num_images = _entries(real, allowed)
    counts = tuple(_counted(name, place, until) for name, place in folders[:MAX_FOLDERS])
    is_empty = not (num_images or folders or files or is_saved_dataset(Path(real)))
    more = max(0, len(folders) - MAX_FOLDERS), max(0, len(files) - MAX_FILES)
    return FolderView(real, _above(real, allowed), counts, num_images, tuple(files[:MAX_FILES]), *more, is_empty)


def _entries(folder: str, allowed: Roots) -> tuple[list[tuple[str, str]], list[tuple[str, str]], int]:
    """Return sub-folders and files that can be added, as (name, path), and the number of images.

    Names that are not text are left out: no form could name them.
    """
    folders, files, num_images = [], [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_skipped(entry.name) or not is_text(entry.name):
                    continue
                if entry.is_dir():
                    if not entry.is_symlink() or allowed.contain(os.path.realpath(entry.path)):
                        folders.append((entry.name, entry.path))
                elif has_image_name(entry.name):
                    num_images += 1
                elif is_table(Path(entry.name)) or entry.name.lower().endswith(_SOURCE_ENDINGS):
                    files.append((entry.name, entry.path))
    except OSError as error:
        raise SourceError(f"{clean_text(folder)} cannot be read: {error.strerror}. Choose another folder.") from error
    return sorted(folders), sorted(files), num_images


def _counted(name: str, folder: str, until: float) -> FolderCount:
    """Count the images in and below a folder by their names; symlinks to folders are not followed."""
    pending, num_images, is_first = [folder], 0, True
    while pending:
        if num_images >= MOST_IMAGES or time.monotonic() > until:
            return FolderCount(name, folder, num_images, is_least=True)
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if is_skipped(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        num_images += has_image_name(entry.name)
        except OSError:
            if is_first:
                return FolderCount(name, folder, None)
        is_first = False
    return FolderCount(name, folder, num_images)


def _above(folder: str, allowed: Roots) -> tuple[tuple[str, str], ...]:
    root = next(root for root in allowed.folders if Roots([root]).contain(folder))
    found = [(root, root)]
    for name in Path(folder).relative_to(root).parts:
        found.append((name, os.path.join(found[-1][1], name)))  # noqa: PTH118
    return tuple(found)
