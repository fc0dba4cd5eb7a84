"""Image folders: a walk in sorted order that lists each folder once and opens no file.

Paths are handled as text, not as `Path` objects, which would take several times as long for a million files.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from jepascore_core.datasets.candidates import Candidate, scan_failure
from jepascore_core.datasets.layout import NOTHING_SAID, Layout, Said
from jepascore_core.datasets.listing import Listing, PassedOver, has_image_name, has_images, is_image, list_folder
from jepascore_core.datasets.uris import Roots, clean_text, path_to_uri, sample_key
from jepascore_core.errors import SourceError
from jepascore_core.records.datasets import SampleFailure


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list: its path relative to the root ("" or ending in "/"), its location, and what its name means."""

    relative: str
    path: str
    said: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class _Walk:
    """State of one walk: `followed` has the folders that must not be entered (again) through a symlink."""

    allowed: Roots
    ignored: PassedOver
    recursive: bool
    layout: Layout
    followed: set[str]
    tables: frozenset[str]


def scan_folder(
    root: str,
    allowed: Roots,
    ignored: PassedOver,
    layout: Layout,
    recursive: bool = True,
    tables: frozenset[str] = frozenset(),
) -> Iterator[Candidate | SampleFailure]:
    """Yield the images of a folder in a fixed order: first its own by name, then those of sub-folders by name.

    Label and split follow from `layout`. Symlinks are followed only to targets in the allowed roots, and to each folder
    once. Without `recursive`, sub-folders are not read. `tables` are paths that do not count as skipped, since they are
    read separately.

    Raises:
        SourceError: if the root itself cannot be listed.
    """
    walk = _Walk(allowed, ignored, recursive, layout, followed={root}, tables=tables)
    pending = [_Folder("", root)]
    while pending:
        folder = pending.pop()
        try:
            listing = list_folder(folder.path)
        except OSError as error:
            if not folder.relative:
                raise _unlisted(root, error) from error
            yield _failure(folder, "", f"The folder cannot be listed ({error.strerror}): change its permissions.")
            continue
        for name in listing.images:
            yield _candidate(folder, name, f"{folder.path}/{name}")
        for name in listing.special:
            yield _failure(folder, name, "This is a pipe, socket or device, not an image file: remove it.")
        for name in listing.others:
            _pass_over(folder, name, walk)
        pending += reversed((yield from _children(folder, listing, walk)))


def _unlisted(root: str, error: OSError) -> SourceError:
    return SourceError(f"The folder {root} cannot be listed ({error.strerror}): check it.")


def _children(
    folder: _Folder, listing: Listing, walk: _Walk
) -> Generator[Candidate | SampleFailure, None, list[_Folder]]:
    """Yield images and failures of sub-folders and symlinks; return the folders to list next."""
    children: list[tuple[str, str]] = []
    for name in listing.folders:
        path = f"{folder.path}/{name}"
        if has_image_name(name) and not (walk.recursive and has_images(path, walk.allowed)):
            yield _failure(folder, name, "This is a folder with the name of an image: rename it, or remove it.")
        else:
            children.append((name, path))
    for name in listing.links:
        found = _follow(folder, name, walk)
        if isinstance(found, str):
            children.append((name, found))
        elif found is not None:
            yield found
    return [_sub_folder(folder, name, path, walk) for name, path in sorted(children)] if walk.recursive else []


def _pass_over(folder: _Folder, name: str, walk: _Walk) -> None:
    if f"{folder.path}/{name}" not in walk.tables:
        walk.ignored.note(folder.relative + name)


def _follow(folder: _Folder, name: str, walk: _Walk) -> Candidate | SampleFailure | str | None:
    """Resolve a symlink to an image, a failure, a folder (its path), or None if it is irrelevant."""
    target = os.path.realpath(f"{folder.path}/{name}")
    if not walk.allowed.contain(target):
        message = f"The symlink points outside the source, to {clean_text(target)}"
        return _failure(folder, name, f"{message}: copy the file, or give the folder that contains it as root.")
    if os.path.isdir(target):  # noqa: PTH112
        if target in walk.followed or f"{folder.path}/".startswith(f"{target}/"):
            return _failure(folder, name, "The symlink points to a folder that is already read: remove the symlink.")
        walk.followed.add(target)
        return target
    if not os.path.isfile(target):  # noqa: PTH113
        return _failure(folder, name, "The symlink is broken: restore its target, or remove the symlink.")
    if not is_image(name, target):
        _pass_over(folder, name, walk)
        return None
    return _candidate(folder, name, target)


def _sub_folder(parent: _Folder, name: str, path: str, walk: _Walk) -> _Folder:
    relative = f"{parent.relative}{name}/"
    return _Folder(relative, path, walk.layout.of(relative))


def _candidate(folder: _Folder, name: str, path: str) -> Candidate:
    return Candidate(sample_key(folder.relative + name), path_to_uri(path), *folder.said)


def _failure(folder: _Folder, name: str, message: str) -> SampleFailure:
    key = (folder.relative + name).rstrip("/")
    return scan_failure(sample_key(key), path_to_uri(f"{folder.path}/{name}".rstrip("/")), message)
