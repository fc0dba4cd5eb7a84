"""Sources of many files with images inside: one file, a folder of them, or a pattern with braces that names several."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from jepascore_core.datasets.layout import is_split_name, split_word
from jepascore_core.datasets.listing import is_skipped
from jepascore_core.datasets.uris import Roots, clean_text
from jepascore_core.errors import SourceError

#: The most files that a pattern may name.
MAX_FILES = 1_000_000

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class Shard:
    """A file with images inside: its path without symlinks, and its name below the source. Has a problem, or is read.

    `split` is that which its name or a folder stands for.
    """

    path: str
    name: str
    split: str | None
    problem: str | None = None


def is_pattern(source: str | Path) -> bool:
    """Return whether a source is a pattern with braces, and not a file whose name has some."""
    text = str(source)
    return any(_alternatives(found[1]) for found in _BRACES.finditer(text)) and not os.path.lexists(text)


def source_exists(source: str | Path) -> bool:
    """Return whether a source exists, or any file that a pattern names."""
    return any(map(os.path.exists, expanded(str(source)))) if is_pattern(source) else os.path.exists(source)  # noqa: PTH110


def expanded(pattern: str) -> Iterator[str]:
    """Yield the paths of a pattern, as bash and webdataset do: `{000..012}` counts with zeros, `{a,b}` lists."""
    found = next((found for found in _BRACES.finditer(pattern) if _alternatives(found[1])), None)
    if found is None:
        yield pattern
        return
    for text in _alternatives(found[1]):
        yield from expanded(f"{pattern[: found.start()]}{text}{pattern[found.end() :]}")


def _alternatives(inner: str) -> Sequence[str]:
    """Return what braces stand for; nothing for those that are part of a name."""
    counted = _RANGE.fullmatch(inner)
    if counted is None:
        return inner.split(",") if "," in inner else ()
    first, last = counted.groups()
    width = len(first) if first.startswith("0") or len(first) == len(last) else 0
    step = 1 if int(first) <= int(last) else -1
    return [f"{number:0{width}}" for number in itertools.islice(range(int(first), int(last) + step, step), MAX_FILES)]


def joined(paths: Sequence[str]) -> str:
    """Return one source for several files, as a shell makes of a pattern: themselves in braces, below their folder.

    Raises:
        SourceError: if they are folders, or a name has a comma or brace.
    """
    if len(paths) == 1:
        return paths[0]
    full = [os.path.abspath(Path(path).expanduser()) for path in paths]  # noqa: PTH100 - symlinks keep their names
    folder = os.path.commonpath([os.path.dirname(path) for path in full])  # noqa: PTH120
    names = [os.path.relpath(path, folder) for path in full]
    wrong = next((name for name in names if re.search("[{},]", name) or Path(folder, name).is_dir()), None)
    if wrong is not None:
        raise SourceError(
            f"Several sources must be files without commas and braces in their names, and {wrong} is not: "
            "give the folder that contains them."
        )
    return os.path.join(folder, f"{{{','.join(names)}}}")  # noqa: PTH118


def find_shards(source: Path, endings: tuple[str, ...], allowed: Roots) -> list[Shard]:
    """List the files of a source with these endings, of a folder also those below, sorted.

    Raises:
        SourceError: if the source is a pattern of files none of which exists, or of too many.
    """
    if source.is_dir():
        return [_shard(path, str(source), allowed) for path in files_below(source, endings)]
    if not is_pattern(source):
        return [Shard(str(source), source.name, _split_of(source.name))]
    paths = list(itertools.islice(expanded(str(source)), MAX_FILES + 1))
    if len(paths) > MAX_FILES or not any(map(os.path.exists, paths)):
        problem = "names too many files" if len(paths) > MAX_FILES else f"names no existing file, such as {paths[0]}"
        raise SourceError(f"The pattern {source} {problem}: correct it, or give the folder.")
    root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    return [_shard(path, root, None) for path in dict.fromkeys(paths)]


def files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of files with these endings in and below a folder, each folder sorted, hidden ones left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        for name in sorted(names):
            if name.lower().endswith(endings) and not is_skipped(name):
                yield f"{place.rstrip('/')}/{name}"


def _shard(path: str, root: str, allowed: Roots | None) -> Shard:
    name, real = os.path.relpath(path, root), os.path.realpath(path)
    problem = None
    if allowed is not None and not allowed.contain(real):
        problem = (
            f"The symlink points outside the source, to {clean_text(real)}: copy the file, or give the folder that "
            "contains it as root."
        )
    elif not os.path.isfile(real):  # noqa: PTH113
        problem = "The file does not exist: restore it, or correct the source."
    return Shard(real, name, _split_of(name), problem)


def _split_of(name: str) -> str | None:
    """Return the split that a file's name below the source says, by a folder or else by a word: train-0003.tar."""
    *folders, file = PurePath(name).parts
    return next(
        (clean_text(part) for part in reversed(folders) if is_split_name(part)), split_word(PurePath(file).stem)
    )
