"""Names for files of an export: made of sample keys and labels, which are hostile, and yet inside the export."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from jepascore_core.datasets.reading import IDX_PREFIX
from jepascore_core.datasets.uris import uri_to_path
from jepascore_core.errors import ExportError

#: What some file system would not take in a name.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
MAX_NAME_BYTES = 120

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif"}
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


def suffix_of(uri: str) -> str:
    """How the file of an image should end, with the dot: that of its uri, ".pgm" for an item of an idx file."""
    if uri.startswith(IDX_PREFIX):
        return ".pgm"
    found = os.path.splitext(uri_to_path(uri))[1].lower()  # noqa: PTH122
    found = _ALIASES.get(found, found)
    return found if found in IMAGE_SUFFIXES else ".img"


class Places:
    """Gives every sample its own place; two that would share one (also where case does not count) get numbers."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, sample_key: str, label: str | None, uri: str, above: str = "") -> str:
        """A relative path with forward slashes: the sample key, below a folder of its label unless it is in one."""
        parts = [safe_name(part) for part in sample_key.split("/") if part not in ("", ".", "..")] or ["_"]
        if label is not None and safe_name(label) not in parts[:-1]:
            parts.insert(0, safe_name(label))
        if PurePosixPath(parts[-1]).suffix.lower() not in IMAGE_SUFFIXES:
            parts[-1] += suffix_of(uri)
        return self._free("/".join([above, *parts] if above else parts))

    def _free(self, path: str) -> str:
        stem, suffix = os.path.splitext(path)  # noqa: PTH122
        free, number = path, 1
        while free.casefold() in self._taken:
            number += 1
            free = f"{stem} ({number}){suffix}"
        self._taken.add(free.casefold())
        return free


def below(uri: str, root: str) -> str:
    """The path of an image relative to a root folder, with forward slashes.

    Raises:
        ExportError: if the image is not below it.
    """
    if uri.startswith(IDX_PREFIX):
        raise ExportError(f"{uri} is not a file of its own and has no path below {root}. Leave the root out.")
    path = os.path.relpath(uri_to_path(uri), root)
    if path.startswith(".."):
        raise ExportError(f"{uri_to_path(uri)} is not below {root}. Choose a root that holds every image.")
    return path.replace(os.sep, "/")
