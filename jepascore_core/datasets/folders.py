"""Image folders: a walk in sorted order that costs one directory listing a folder, and no look at any file.

Paths are handled as text, not as `Path` objects, which would take several times as long for a million files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from jepascore_core.datasets.candidates import Candidate, scan_failure
from jepascore_core.datasets.listing import extension, has_image_name, is_skipped
from jepascore_core.datasets.uris import Roots, clean_text, path_to_uri, sample_key
from jepascore_core.errors import SourceError
from jepascore_core.records import SampleFailure

SPLIT_NAMES = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))
_LONGEST_EXTENSION = 10


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list: its path relative to the root ("" or ending in "/"), and what its images inherit."""

    relative: str
    path: str
    label: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class _Walk:
    """What one walk shares: `followed` holds the folders that must not be entered (again) through a symlink."""

    allowed: Roots
    ignored: Counter[str]
    recursive: bool
    followed: set[str]
    tables: frozenset[str]


@dataclass(slots=True)
class _Listing:
    """A folder's entries, sorted: names only, for a folder may hold a million of them."""

    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def is_split_name(name: str) -> bool:
    """Whether a folder of this name holds a split rather than a class."""
    return name.casefold() in SPLIT_NAMES


def has_images(folder: str) -> bool:
    """Whether a regular file with an image name lies in the folder or below it; stops at the first."""
    pending = [folder]
    while pending:
        path = pending.pop()
        try:
            listing = _list(path, Counter())
        except OSError:
            continue
        if listing.images:
            return True
        pending += [f"{path}/{name}" for name in reversed(listing.folders)]
    return False


def split_folders(root: str, allowed: Roots) -> list[str]:
    """Names of the folders of the first level if all of them are named like splits; else none.

    Raises:
        SourceError: if the root cannot be listed.
    """
    try:
        listing = _list(root, Counter())
    except OSError as error:
        raise _unlisted(root, error) from error
    names = [name for name in listing.folders if not has_image_name(name)]
    for name in listing.links:
        target = os.path.realpath(f"{root}/{name}")
        if allowed.contain(target) and os.path.isdir(target):  # noqa: PTH112
            names.append(name)
    return sorted(names) if all(map(is_split_name, names)) else []


def scan_folder(
    root: str, allowed: Roots, ignored: Counter[str], recursive: bool, tables: frozenset[str] = frozenset()
) -> Iterator[Candidate | SampleFailure]:
    """Images of a folder in a fixed order: those of a folder by name, then its sub-folders by name.

    The label is the first level of folders. If all folders of the first level are named like splits (train, val, test
    and their variants), they are the split and the label is the second level. Symlinks are followed only to targets in
    the allowed roots, and to each folder once. Without `recursive`, sub-folders are left alone. `tables` are paths that
    are not passed over, since they are read otherwise.

    Raises:
        SourceError: if the root itself cannot be listed.
    """
    walk = _Walk(allowed, ignored, recursive, followed={root}, tables=tables)
    pending = [_Folder("", root)]
    while pending:
        folder = pending.pop()
        try:
            listing = _list(folder.path, ignored, tables)
        except OSError as error:
            if not folder.relative:
                raise _unlisted(root, error) from error
            yield _failure(folder, "", f"The folder cannot be listed ({error.strerror}): change its permissions.")
            continue
        for name in listing.images:
            yield _candidate(folder, name, f"{folder.path}/{name}")
        for name in listing.special:
            yield _failure(folder, name, "This is a pipe, socket or device, not an image file: remove it.")
        pending += reversed((yield from _children(folder, listing, walk)))


def _unlisted(root: str, error: OSError) -> SourceError:
    return SourceError(f"The folder {root} cannot be listed ({error.strerror}): check it.")


def _children(
    folder: _Folder, listing: _Listing, walk: _Walk
) -> Generator[Candidate | SampleFailure, None, list[_Folder]]:
    """Yields what sub-folders and symlinks amount to; returns the folders to list next."""
    children: list[tuple[str, str]] = []
    for name in listing.folders:
        path = f"{folder.path}/{name}"
        if has_image_name(name) and not (walk.recursive and has_images(path)):
            yield _failure(folder, name, "This is a folder with the name of an image: rename it, or remove it.")
        else:
            children.append((name, path))
    for name in listing.links:
        found = _follow(folder, name, walk)
        if isinstance(found, str):
            children.append((name, found))
        elif found is not None:
            yield found
    return _sub_folders(folder, children) if walk.recursive else []


def _list(path: str, ignored: Counter[str], tables: frozenset[str] = frozenset()) -> _Listing:
    """Entries of one folder. `ignored` counts those that are not images, by extension, but not the `tables`.

    Raises:
        OSError: if the folder cannot be listed.
    """
    listing = _Listing()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if is_skipped(name):
                continue
            if entry.is_symlink():
                listing.links.append(name)
            elif entry.is_dir(follow_symlinks=False):
                listing.folders.append(name)
            elif not has_image_name(name):
                if f"{path}/{name}" not in tables:
                    _count_ignored(ignored, name)
            elif entry.is_file(follow_symlinks=False):
                listing.images.append(name)
            else:
                listing.special.append(name)
    for names in (listing.images, listing.folders, listing.special, listing.links):
        names.sort()
    return listing


def _count_ignored(ignored: Counter[str], name: str) -> None:
    found = extension(name)
    ignored[clean_text(found) if 0 < len(found) <= _LONGEST_EXTENSION else "(other)"] += 1


def _follow(folder: _Folder, name: str, walk: _Walk) -> Candidate | SampleFailure | str | None:
    """What a symlink stands for: an image, a failure, a folder (its path), or nothing of interest."""
    target = os.path.realpath(f"{folder.path}/{name}")
    if not walk.allowed.contain(target):
        message = f"The symlink leads out of the source, to {clean_text(target)}"
        return _failure(folder, name, f"{message}: copy the file, or give the folder that holds it as root.")
    if os.path.isdir(target):  # noqa: PTH112
        if target in walk.followed or f"{folder.path}/".startswith(f"{target}/"):
            return _failure(folder, name, "The symlink leads to a folder that is read already: remove the symlink.")
        walk.followed.add(target)
        return target
    if not os.path.isfile(target):  # noqa: PTH113
        return _failure(folder, name, "The symlink leads to no file: restore its target, or remove the symlink.")
    if not has_image_name(name):
        if f"{folder.path}/{name}" not in walk.tables:
            _count_ignored(walk.ignored, name)
        return None
    return _candidate(folder, name, target)


def _sub_folders(parent: _Folder, children: list[tuple[str, str]]) -> list[_Folder]:
    """The folders below one, with the label and split that their images inherit."""
    is_top = not parent.relative
    are_splits = is_top and all(is_split_name(name) for name, _ in children)
    folders = []
    for name, path in sorted(children):
        label, split = parent.label, parent.split
        if are_splits:
            split = clean_text(name)
        elif is_top or (split is not None and label is None):
            label = clean_text(name)
        folders.append(_Folder(f"{parent.relative}{name}/", path, label, split))
    return folders


def _candidate(folder: _Folder, name: str, path: str) -> Candidate:
    return Candidate(sample_key(folder.relative + name), path_to_uri(path), folder.label, folder.split)


def _failure(folder: _Folder, name: str, message: str) -> SampleFailure:
    key = (folder.relative + name).rstrip("/")
    return scan_failure(sample_key(key), path_to_uri(f"{folder.path}/{name}".rstrip("/")), message)
