"""Resolve the path cells of a table to files: as written, or by the end of the path, whatever its slashes and accents.

The path as written is tried first. Only if there is no such file, the images below the table's folder are searched for
one whose path ends like the cell: with leading folders omitted or added, backslashes for slashes, another Unicode
normal form or case, or without the extension. If several match, the row is a failure that names them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from jepascore_core.datasets.listing import extension, has_image_name, is_image, list_folder
from jepascore_core.datasets.uris import FILE_PREFIX, Roots, clean_text, uri_to_path
from jepascore_core.errors import SampleError

#: At most this many files are searched for images that a table does not name by their exact paths.
MAX_FILES = 2_000_000

_PARENTS_KEPT = 10_000
_WEB_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")


class Located(NamedTuple):
    """An absolute path without symlinks; `relative` is the path below the tree's root if the cell differs from it."""

    path: str
    relative: str | None = None


class ImageTree:
    """The images below a folder, looked up by the end of their paths. They are listed at the first lookup."""

    def __init__(self, root: str, allowed: Roots, max_files: int = MAX_FILES) -> None:
        self.root = root
        self._allowed = allowed
        self._max_files = max_files

    def find(self, cell: str, common: Sequence[str] = ()) -> list[str]:
        """Return the paths below the root that end like a cell, only the best matches.

        A cell may begin with folders that the path lacks, if they are among those in `common`, with which all cells of
        the table begin.
        """
        parts = split_cell(cell)
        if not parts or ".." in parts:
            return []
        folded = [_folded(part) for part in parts]
        named = self._by_name.get(folded[-1]) or (
            [] if has_image_name(parts[-1]) else self._by_stem.get(folded[-1], [])
        )
        matches = {relative: _matched(relative, folded, len(common)) for relative in named}
        best = max(matches.values(), default=0)
        found = [relative for relative, matched in matches.items() if matched == best > 0]
        exact = [relative for relative in found if composed(relative).endswith(composed("/".join(parts[-best:])))]
        return exact or found

    def may_hold(self, cell: str) -> bool:
        """Return whether any image has the file name of a cell; cheaper than finding it."""
        name = _folded(cell.strip().replace("\\", "/").rpartition("/")[2])
        return name in self._by_name or name in self._by_stem

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for number, relative in enumerate(self._walk()):
            if number >= self._max_files:
                break
            names.setdefault(_folded(relative.rpartition("/")[2]), []).append(relative)
        return names

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        for name, paths in self._by_name.items():
            ending = extension(name)
            if ending:
                stems.setdefault(name[: -len(ending)], []).extend(paths)
        return stems

    def _walk(self) -> Iterable[str]:
        pending, seen = [("", self.root)], {self.root}
        while pending:
            relative, path = pending.pop()
            try:
                listing = list_folder(path)
            except OSError:
                continue
            yield from (relative + name for name in listing.images)
            below = [(f"{relative}{name}/", f"{path}/{name}") for name in listing.folders]
            for name in listing.links:
                target = os.path.realpath(f"{path}/{name}")
                if not self._allowed.contain(target):
                    continue
                if os.path.isdir(target) and target not in seen:  # noqa: PTH112
                    seen.add(target)
                    below.append((f"{relative}{name}/", target))
                elif os.path.isfile(target) and is_image(name, target):  # noqa: PTH113
                    yield relative + name
            pending += sorted(below, reverse=True)


def split_cell(cell: str) -> list[str]:
    """Split a path into parts, as it may be written on any system."""
    parts = [part for part in cell.strip().replace("\\", "/").split("/") if part not in ("", ".")]
    return parts[1:] if parts and _DRIVE.fullmatch(parts[0]) else parts


def common_folders(cells: Iterable[str]) -> list[str]:
    """Return the folders that all cells begin with."""
    paths = [[_folded(part) for part in split_cell(cell)[:-1]] for cell in cells]
    if not paths:
        return []
    first, last = min(paths), max(paths)
    length = next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), None)
    return first[: min(len(first), len(last)) if length is None else length]


def _matched(relative: str, folded: Sequence[str], num_common: int) -> int:
    """Count the parts of a path and a cell that agree, from the end; 0 unless one of them ends in the whole other."""
    parts = _folded(relative).split("/")
    pairs = list(zip(reversed(parts), reversed(folded), strict=False))
    if any(one != other for one, other in pairs[1:]):
        return 0
    return len(pairs) if len(folded) - len(pairs) <= num_common else 0


def composed(text: str) -> str:
    """Return text with accented letters as single characters, as most systems except macOS write it."""
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return composed(text).casefold()


class Locator:
    """Resolves the path cells of a table to absolute paths without symlinks, inside the allowed roots."""

    def __init__(self, base: str, allowed: Roots, tree: ImageTree | None = None) -> None:
        """Resolve paths relative to `base`; without a tree, only as they are written."""
        self.base = base
        self.common: Sequence[str] = ()
        #: Whether paths without special characters exist; if so, they are not checked before they are read.
        self.is_trusted = False
        self._allowed = allowed
        self._tree = tree
        self._parents: dict[str, str] = {}

    def locate(self, text: str | None) -> Located:
        """Return the file that a cell refers to. Whether it exists is checked when it is read.

        Raises:
            SampleError: stage "scan", for an empty cell, a web address, a path outside the allowed roots, or an
            ambiguous
                one.
        """
        if not text:
            raise SampleError("The row has no path: fill it in, or remove the row.", "scan")
        if _WEB_ADDRESS.match(text) and not text.startswith(FILE_PREFIX):
            raise SampleError("Web addresses are not fetched: download the image and list its local path.", "scan")
        try:
            path = self._real(os.path.join(self.base, uri_to_path(text)))  # noqa: PTH118
            is_there = (self.is_trusted and _is_plain(text)) or os.path.exists(path)  # noqa: PTH110
        except (ValueError, OSError) as error:
            raise SampleError(f"This is not a valid path ({error}): correct the row.", "scan") from error
        found = None if is_there else self._elsewhere(text)
        if found is not None:
            return found
        if not self._allowed.contain(path):
            allowed = ", ".join(map(clean_text, self._allowed.folders))
            raise SampleError(
                f"The path points to {clean_text(path)}, outside the allowed folders ({allowed}): "
                "move the image there, or give the folder that contains it as root.",
                "scan",
            )
        return Located(path)

    def leads_to_an_image(self, text: str) -> bool:
        """Return whether a cell refers to a file, or could refer to several."""
        try:
            return os.path.isfile(self.locate(text).path)  # noqa: PTH113
        except SampleError as error:
            return isinstance(error, _AmbiguousError)

    def is_as_written(self, text: str) -> bool:
        """Return whether a cell refers to a file without any search."""
        try:
            path = os.path.join(self.base, uri_to_path(text))  # noqa: PTH118
            return os.path.isfile(path) and self._allowed.contain(self._real(path))  # noqa: PTH113
        except (ValueError, OSError):
            return False

    def _elsewhere(self, text: str) -> Located | None:
        found = self._tree.find(text, self.common) if self._tree else []
        if not found or self._tree is None:
            return None
        if len(found) > 1:
            names = ", ".join(map(clean_text, found[:3])) + (", ..." if len(found) > 3 else "")
            raise _AmbiguousError(
                f"The path matches {len(found)} images ({names}): write the folder and the extension into the row.",
                "scan",
            )
        return Located(self._real(f"{self._tree.root}/{found[0]}"), found[0])

    def _real(self, path: str) -> str:
        """Resolve symlinks; folders are resolved once, since a table repeats the same few."""
        parent, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if parent not in self._parents:
            if len(self._parents) >= _PARENTS_KEPT:
                self._parents.clear()
            self._parents[parent] = os.path.realpath(parent)
        path = os.path.join(self._parents[parent], name)  # noqa: PTH118
        return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114


class _AmbiguousError(SampleError):
    """The path matches several images."""


def _is_plain(text: str) -> bool:
    return text.isascii() and "\\" not in text and has_image_name(text)
