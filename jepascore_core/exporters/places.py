"""Names for files of an export: made of sample keys and labels, which are hostile, and yet inside the export."""

from __future__ import annotations

import os
import posixpath
import re

from jepascore_core.datasets.reading import IDX_PREFIX
from jepascore_core.datasets.signatures import suffix_of_content
from jepascore_core.datasets.uris import FILE_PREFIX, uri_to_path
from jepascore_core.errors import ExportError

#: What some file system would not take in a name.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
MAX_NAME_BYTES = 120
#: What the key of a row has behind the path if a row above names the same image.
_REPEAT = re.compile(r"#[0-9]+$")

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif"}
#: Endings of one format, any of which may stay.
_FAMILIES = (
    *({suffix} for suffix in IMAGE_SUFFIXES), {".jpg", ".jpeg"}, {".tif", ".tiff"}, {".ppm", ".pgm"},
)  # fmt: skip
#: Other names of these formats, which the tools that read an export do not know.
_ALIASES = {".jpe": ".jpg", ".jfif": ".jpg", ".mpo": ".jpg", ".apng": ".png", ".pnm": ".ppm", ".pbm": ".ppm"}


def safe_name(text: str) -> str:
    """One name that every file system takes, without a way up or down: "../a:b" -> ".._a_b"."""
    name = _UNSAFE.sub("_", text).replace("/", "_").rstrip(" .")
    if not name.strip(" .") or _RESERVED.fullmatch(name):
        name = f"_{name.strip(' .')}"
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    suffix = suffix if len(suffix.encode()) <= 10 else ""
    return stem.encode()[: MAX_NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def suffix_of(uri: str, beginning: bytes) -> str:
    """How the file of an image should end, with the dot: by its first bytes, for its name may say nothing, as in the
    caches of Hugging Face, DVC and git-annex; else by its uri."""
    known = suffix_of_content(beginning)
    if known is not None or uri.startswith(IDX_PREFIX):
        return known or ".pgm"
    found = os.path.splitext(uri_to_path(uri))[1].lower()  # noqa: PTH122
    found = _ALIASES.get(found, found)
    return found if found in IMAGE_SUFFIXES else ".img"


def with_suffix(name: str, suffix: str) -> str:
    """A name of this ending: as it is if that is of the same format, in the place of another one, or behind it."""
    stem, found = os.path.splitext(name)  # noqa: PTH122
    if found.lower() not in IMAGE_SUFFIXES:
        return name + suffix
    return name if any({found.lower(), suffix} <= family for family in _FAMILIES) else stem + suffix


class PathAllocator:
    """Gives every sample its own place; two that would share one (also where case does not count) get numbers."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str, label: str | None, suffix: str, above: str = "") -> str:
        """A relative path with forward slashes that ends in the suffix: the name, below a folder of the label unless it
        is in one."""
        parts = [safe_name(part) for part in name.split("/") if part not in ("", ".", "..")] or ["_"]
        if label is not None and safe_name(label) not in parts[:-1]:
            parts.insert(0, safe_name(label))
        parts[-1] = with_suffix(parts[-1], suffix)
        return self._free("/".join([above, *parts] if above else parts))

    def _free(self, path: str) -> str:
        stem, suffix = os.path.splitext(path)  # noqa: PTH122
        free, number = path, 1
        while free.casefold() in self._taken:
            number += 1
            free = f"{stem} ({number}){suffix}"
        self._taken.add(free.casefold())
        return free


def path_of(key: str, uri: str, base: str | None) -> str:
    """Where a sample's file is: of a symlink its own path, whose name says more than that of what it leads to."""
    path, name = uri_to_path(uri), file_name(key, uri, base)
    if base is None or path == name or path.endswith(f"/{name}") or uri.startswith((IDX_PREFIX, FILE_PREFIX)):
        return path
    own = os.path.join(base, name)  # noqa: PTH118
    return own if os.path.lexists(own) else path


def below(key: str, uri: str, root: str, base: str | None = None) -> str:
    """The path of an image relative to a root folder, with forward slashes.

    Raises:
        ExportError: if the image is not below it.
    """
    if uri.startswith(IDX_PREFIX):
        raise ExportError(f"{uri} is not a file of its own and has no path below {root}. Leave the root out.")
    found = path_of(key, uri, base)
    for path in dict.fromkeys((found, uri_to_path(uri))):
        relative = os.path.relpath(path, root)
        if not relative.startswith(".."):
            return relative.replace(os.sep, "/")
    raise ExportError(f"{found} is not below {root}. Choose a root that holds every image.")


def file_name(key: str, uri: str, base: str | None) -> str:
    """The path of a sample's file below its source, with forward slashes: mostly the sample key itself.

    A row that repeats a path has a number behind it in its key, a path may have been written as "./a.png", and a table
    may name an image without its extension: what comes out is a file that there is, if it lies below `base`.
    """
    if uri.startswith(IDX_PREFIX):
        return key
    path = uri_to_path(uri).replace(os.sep, "/")
    names = [_normal(name) for name in (key, _REPEAT.sub("", key))]
    if not uri.startswith(FILE_PREFIX):
        found = next((name for name in names if path == name or path.endswith(f"/{name}")), None)
        # A symlink has a name of its own, which is the one that the loader of a folder sees.
        found = found or next((name for name in names if base and os.path.lexists(os.path.join(base, name))), None)  # noqa: PTH118
        if found is not None:
            return found
    if base is not None and path.startswith(f"{base.rstrip('/')}/"):
        return path.removeprefix(f"{base.rstrip('/')}/")
    return names[-1]


def _normal(name: str) -> str:
    return posixpath.normpath(name) if name.startswith("./") or "//" in name or "/." in name else name
