"""Paths as text: uris, sample keys and labels that are valid UTF-8 whatever bytes a file name holds, and allowed roots.

A file name is bytes; Parquet, JSON and HTML need text. A path that is valid UTF-8 is its own uri. Any other becomes
`file://` with percent escapes, which decodes to exactly the same bytes.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

FILE_PREFIX = "file://"


def is_text(name: str) -> bool:
    """Return whether `name` can be encoded as UTF-8, that is, has no lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean_text(text: str) -> str:
    r"""Show bytes that are not UTF-8 as `\xff`; other text is unchanged."""
    if is_text(text):
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def path_to_uri(path: str) -> str:
    """Return the uri of an absolute local path; `uri_to_path` is its exact inverse."""
    return path if is_text(path) else FILE_PREFIX + urllib.parse.quote(os.fsencode(path))


def uri_to_path(uri: str) -> str:
    """Return the local path that a uri stands for."""
    if uri.startswith(FILE_PREFIX):
        return os.fsdecode(urllib.parse.unquote_to_bytes(uri.removeprefix(FILE_PREFIX)))
    return uri


def sample_key(relative: str) -> str:
    r"""Return the sample key of a path relative to the source root; different paths have different keys.

    Names that are not UTF-8 are shown with `\xff` escapes behind a leading `./`, which no other key begins with.
    """
    return relative if is_text(relative) else "./" + clean_text(relative.replace("\\", "\\\\"))


class Roots:
    """The folders that a source may read from, symlinks resolved."""

    def __init__(self, folders: Iterable[str | Path]) -> None:
        self.folders = tuple(os.path.realpath(folder) for folder in folders)
        self._prefixes = tuple(folder.rstrip(os.sep) + os.sep for folder in self.folders)

    def contain(self, real_path: str) -> bool:
        """Return whether a path without symlinks is in one of the folders."""
        return real_path in self.folders or real_path.startswith(self._prefixes)
