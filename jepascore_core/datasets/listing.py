"""Entries of a folder, by name: images, folders, symlinks and skipped files."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jepascore_core.datasets.signatures import format_of
from jepascore_core.datasets.uris import Roots, clean_text

#: Extensions of files that are decoded.
IMAGE_EXTENSIONS = frozenset(
    """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .tif .tiff .avif .ppm .pgm .pbm .pnm .pfm
    """.split()  # noqa: SIM905 - forty quoted names are not easier to read
)

#: Extensions of image formats that are not supported: these files are reported as failures, not silently skipped.
FOREIGN_EXTENSIONS = frozenset(
    """
    .heic .heif .jp2 .j2k .jpf .jpx .jxl .psd .xcf .tga .ico .cur .icns .dib .svg .eps .wmf .emf .dds .qoi .pcx .sgi
    .xbm .xpm .exr .hdr .fits .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf
    """.split()  # noqa: SIM905
)

_LONGEST_EXTENSION = 10
_SKIPPED_FOLDERS = frozenset(("__MACOSX",))


def extension(name: str) -> str:
    """Return the lower-case extension with its dot, or ""."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def has_image_name(name: str) -> bool:
    """Return whether the name says that the file is an image."""
    found = extension(name)
    return found in IMAGE_EXTENSIONS or found in FOREIGN_EXTENSIONS


def is_skipped(name: str) -> bool:
    """Return whether an entry is skipped silently: hidden files and metadata that archive tools add."""
    return name.startswith(".") or name in _SKIPPED_FOLDERS


class PassedOver(Counter[str]):
    """Skipped files, by extension ("(other)" for none or a strange one), with an example for each."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.examples: dict[str, str] = {}

    def note(self, relative: str) -> None:
        """Count a file; `relative` is its path in the source."""
        found = extension(relative.rpartition("/")[2])
        reason = clean_text(found) if 0 < len(found) <= _LONGEST_EXTENSION else "(other)"
        self[reason] += 1
        self.examples.setdefault(reason, clean_text(relative))

    def add(self, others: PassedOver) -> None:
        """Add the counts of another tally."""
        self.update(others)
        self.examples = {**others.examples, **self.examples}


@dataclass(slots=True)
class Listing:
    """A folder's entries, sorted: names only, since there may be a million. `others` are skipped."""

    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def list_folder(path: str) -> Listing:
    """List the entries of one folder, except those that are skipped silently.

    Raises:
        OSError: if the folder cannot be listed.
    """
    listing = Listing()
    with os.scandir(path) as entries:
        for entry in entries:
            if not is_skipped(entry.name):
                _list_of(entry, listing).append(entry.name)
    for names in (listing.images, listing.folders, listing.special, listing.links, listing.others):
        names.sort()
    return listing


def _list_of(entry: os.DirEntry[str], listing: Listing) -> list[str]:
    if entry.is_symlink():
        return listing.links
    if entry.is_dir(follow_symlinks=False):
        return listing.folders
    if entry.is_file(follow_symlinks=False):
        return listing.images if is_image(entry.name, entry.path) else listing.others
    return listing.special if has_image_name(entry.name) else listing.others


def is_image(name: str, path: str) -> bool:
    """Return whether a file is an image: by its name, or by its first bytes if the name has no extension."""
    return has_image_name(name) or (not extension(name) and _begins_like_an_image(path))


def _begins_like_an_image(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            return stat.S_ISREG(os.fstat(descriptor).st_mode) and format_of(stream.read(16)) is not None
    except OSError:
        return False


def has_images(folder: str, allowed: Roots | None = None) -> bool:
    """Whether there is an image, or a symlink with an image's name, in the folder or below it; stops at the first.

    Symlinks to folders are followed if `allowed` permits their target.
    """
    pending, seen = [folder], {os.path.realpath(folder)}
    while pending:
        try:
            below = _folders_unless_image(pending.pop(), allowed, seen)
        except OSError:
            continue
        if below is None:
            return True
        pending += reversed(below)
    return False


def _folders_unless_image(path: str, allowed: Roots | None, seen: set[str]) -> list[str] | None:
    """Return None if there is an image in a folder, otherwise its sub-folders."""
    below = []
    with os.scandir(path) as entries:
        for entry in entries:
            if is_skipped(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
                target = os.path.realpath(entry.path)
                if allowed is not None and allowed.contain(target) and target not in seen:
                    seen.add(target)
                    below.append(target)
            elif is_image(entry.name, entry.path) and (entry.is_symlink() or entry.is_file()):
                return None
    return sorted(below)
