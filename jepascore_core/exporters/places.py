"""Make file names for an export from sample keys and labels, which are hostile, and keep them inside the export."""

from __future__ import annotations

import os
import posixpath
import re

from jepascore_core.datasets.item_uris import is_item
from jepascore_core.datasets.signatures import suffix_of_content
from jepascore_core.datasets.uris import FILE_PREFIX, uri_to_path
from jepascore_core.errors import ExportError

#: Characters that some file system rejects in a name.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
MAX_NAME_BYTES = 120
#: Suffix of the key of a row that repeats the image of an earlier one.
_REPEAT = re.compile(r"#[0-9]+$")

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif"}
#: Equivalent suffixes of one format, each of which may stay.
_FAMILIES = (
    *({suffix} for suffix in IMAGE_SUFFIXES), {".jpg", ".jpeg"}, {".tif", ".tiff"}, {".ppm", ".pgm"},
)  # fmt: skip
#: Other suffixes of these formats, which tools that read an export do not know.
_ALIASES = {".jpe": ".jpg", ".jfif": ".jpg", ".mpo": ".jpg", ".apng": ".png", ".pnm": ".ppm", ".pbm": ".ppm"}


def safe_name(text: str) -> str:
    """Return a name valid on every file system, without path separators: "../a:b" -> ".._a_b"."""
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
    """Return the suffix for an image's file, with the dot.

    It is detected from the first bytes, because names may lack one, as in the caches of Hugging Face, DVC and
    git-annex; otherwise it is taken from the uri.
    """
    known = suffix_of_content(beginning)
    if known is not None:
        return known
    found = os.path.splitext(uri_to_path(uri))[1].lower()  # noqa: PTH122
    found = _ALIASES.get(found, found)
    return found if found in IMAGE_SUFFIXES else ".img"


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with this suffix: unchanged if it has one of the same format, else replaced or appended."""
    stem, found = os.path.splitext(name)  # noqa: PTH122
    if found.lower() not in IMAGE_SUFFIXES:
        return name + suffix
    return name if any({found.lower(), suffix} <= family for family in _FAMILIES) else stem + suffix


class PathAllocator:
    """Give every sample its own path; paths that would collide (also where case is ignored) get numbers."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str, label: str | None, suffix: str, above: str = "") -> str:
        """Return a relative path with this suffix, below a folder of the label unless the name is in one."""
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
    """Return the path of a sample's file; of a symlink its own path, whose name says more than that of its target."""
    path, name = uri_to_path(uri), file_name(key, uri, base)
    if base is None or path == name or path.endswith(f"/{name}") or uri.startswith(FILE_PREFIX) or is_item(uri):
        return path
    own = os.path.join(base, name)  # noqa: PTH118
    return own if os.path.lexists(own) else path


def below(key: str, uri: str, root: str, base: str | None = None) -> str:
    """Return the path of an image relative to a root folder, with forward slashes.

    Raises:
        ExportError: if the image is not below it.
    """
    if is_item(uri):
        raise ExportError(f"{uri} is not a separate file, so it has no path below {root}. Leave the root out.")
    found = path_of(key, uri, base)
    for path in dict.fromkeys((found, uri_to_path(uri))):
        relative = os.path.relpath(path, root)
        if not relative.startswith(".."):
            return relative.replace(os.sep, "/")
    raise ExportError(f"{found} is not below {root}. Choose a root that holds every image.")


def file_name(key: str, uri: str, base: str | None) -> str:
    """Return the path of a sample's file below its source, with forward slashes: usually the sample key itself.

    A row that repeats a path has a number appended to its key, a path may have been written as "./a.png", and a table
    may omit the extension: the result is an existing file, if it is below `base`.
    """
    if is_item(uri):
        return key
    path = uri_to_path(uri).replace(os.sep, "/")
    names = [_normal(name) for name in (key, _REPEAT.sub("", key))]
    if not uri.startswith(FILE_PREFIX):
        found = next((name for name in names if path == name or path.endswith(f"/{name}")), None)
        # A symlink has its own name, which is what the loader of a folder sees.
        found = found or next((name for name in names if base and os.path.lexists(os.path.join(base, name))), None)  # noqa: PTH118
        if found is not None:
            return found
    if base is not None and path.startswith(f"{base.rstrip('/')}/"):
        return path.removeprefix(f"{base.rstrip('/')}/")
    return names[-1]


def _normal(name: str) -> str:
    return posixpath.normpath(name) if name.startswith("./") or "//" in name or "/." in name else name
