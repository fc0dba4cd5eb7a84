"""Zip archives, unpacked under limits. Only images, tables and idx files are extracted, and only into the folder.

An extraction is named after the archive's path, size and time. Members are written one by one to a `.part` folder, in
which an interrupted attempt resumes, and which is renamed when it is complete. The previous extraction is kept for
readers of the index that was built from it; older ones are deleted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import lzma
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jepascore_core.atomic import atomic_path, put_in_place
from jepascore_core.datasets.candidates import scan_failure
from jepascore_core.datasets.idx import is_idx_name
from jepascore_core.datasets.layout import is_split_name
from jepascore_core.datasets.listing import PassedOver, extension, has_image_name, is_skipped
from jepascore_core.datasets.reading import MAX_FILE_BYTES
from jepascore_core.datasets.signatures import format_of
from jepascore_core.datasets.table_files import TABLE_EXTENSIONS
from jepascore_core.datasets.uris import clean_text, path_to_uri, sample_key
from jepascore_core.datasets.zip_names import ZipNames, zip_names
from jepascore_core.errors import SourceError, UnsafeArchiveError
from jepascore_core.records.canonical import short_hash
from jepascore_core.records.datasets import SampleFailure

_RECORD = ".unpacked.json"
_CHUNK_BYTES = 2**20
_SPARE_BYTES = 256 * 2**20
_DRIVE = re.compile(r"[A-Za-z]:")

#: Errors of a damaged member: they concern this member only.
_MEMBER_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)
#: Errors of a member name that this file system does not support: likewise.
_NAME_ERRNOS = frozenset(
    (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EILSEQ, errno.ENOTEMPTY)
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may unpack to; sizes in bytes.

    `ratio` is unpacked over packed size and counts from `ratio_from` unpacked bytes. It is 1 for photographs, up to
    about 100 for bitmaps and masks, and 1000 or more for a decompression bomb.
    """

    members: int = 5_000_000
    member_bytes: int = MAX_FILE_BYTES
    total_bytes: int = 500 * 2**30
    ratio: float = 250.0
    ratio_from: int = 64 * 2**20


class Unpacked(NamedTuple):
    """An extracted archive: its folder, members skipped, members that could not be extracted, and the names."""

    folder: Path
    ignored: PassedOver
    failures: list[SampleFailure]
    names: ZipNames


class ArchiveMember(NamedTuple):
    """A member to extract, and where to."""

    info: zipfile.ZipInfo
    path: PurePosixPath


def unpack(
    archive: Path,
    workspace: Path,
    on_tick: Callable[[], None],
    limits: ArchiveLimits | None = None,
    encoding: str | None = None,
) -> Unpacked:
    """Extract an archive below `workspace`, or return the existing extraction. `on_tick` is called before every member.

    `encoding` is that of names whose encoding the archive does not state; None guesses it.

    Raises:
        UnsafeArchiveError: before anything is written, if a member would leave the folder, is a symlink or encrypted,
            or the limits are exceeded.
        SourceError: if it is not a readable zip archive, or if the disk is full.
    """
    try:
        found = archive.stat()
        source = short_hash(str(archive))
        with zipfile.ZipFile(archive) as opened:
            names = zip_names(opened.infolist(), str(archive), encoding)
            state = [found.st_size, found.st_mtime_ns, *([names.encoding] if names.encoding else [])]
            folder = workspace / f"{source}-{short_hash(state)}"
            if not folder.is_dir():
                _extract(opened, names, archive, folder, on_tick, limits or ArchiveLimits())
                _remove_older(workspace, source, folder)
        return _read_record(folder, names)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(f"{archive} is not a readable zip archive ({error}): download or pack it again.") from error
    except OSError as error:
        raise SourceError(
            f"{archive} cannot be unpacked to {workspace} ({error}): check permissions and disk."
        ) from error


def content_root(folder: Path) -> Path:
    """Return the folder where the dataset begins, below the wrapper folders that archive tools create."""
    while True:
        entries = [entry for entry in folder.iterdir() if not is_skipped(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir() or is_split_name(entries[0].name):
            return folder
        inner = [entry for entry in entries[0].iterdir() if not is_skipped(entry.name)]
        if not any(entry.is_dir() or not has_image_name(entry.name) for entry in inner):
            return folder
        folder = entries[0]


def _extract(
    opened: zipfile.ZipFile,
    names: ZipNames,
    archive: Path,
    folder: Path,
    on_tick: Callable[[], None],
    limits: ArchiveLimits,
) -> None:
    ignored = PassedOver()
    members = list(wanted_members(opened, names, archive, ignored))
    state = archive.stat()
    _check_limits([member.info for member in members], archive, state.st_size, limits)
    partial = folder.with_name(folder.name + ".part")
    partial.mkdir(parents=True, exist_ok=True)
    _check_space(members, archive, partial)
    failures = []
    taken: set[PurePosixPath] = set()
    for number, member in enumerate(members, start=1):
        on_tick()
        problem = "Another member has the same name" if member.path in taken else None
        problem = problem or _extract_member(opened, member, partial, state.st_mtime_ns)
        if problem:
            key = sample_key(str(member.path)) + (f"#member {number}" if member.path in taken else "")
            message = f"{problem}: pack the archive again with this file repaired or renamed."
            failures.append(scan_failure(key, path_to_uri(str(archive)), message))
        taken.add(member.path)
    record = {"ignored": ignored, "examples": ignored.examples, "failures": [failure.to_dict() for failure in failures]}
    (partial / _RECORD).write_text(json.dumps(record), encoding="utf-8")
    put_in_place(partial, folder)


def wanted_members(
    opened: zipfile.ZipFile, names: ZipNames, archive: Path, ignored: PassedOver
) -> Iterator[ArchiveMember]:
    """Members to extract, after a check of every member.

    Raises:
        UnsafeArchiveError: for a member that leaves the folder, is a symlink or encrypted.
    """
    for info, written in zip(opened.infolist(), names.names, strict=True):
        name = written.replace("\\", "/")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
            raise _unsafe(archive, name, "would be written outside the target folder")
        if info.is_dir() or name.endswith("/") or any(is_skipped(part) for part in path.parts) or not path.parts:
            continue
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _unsafe(archive, name, "is a symlink or device")
        is_known = has_image_name(path.name) or extension(path.name) in TABLE_EXTENSIONS or is_idx_name(path.name)
        if not (is_known or _begins_like_an_image(opened, info, path)):
            ignored.note(name)
            continue
        if info.flag_bits & 1:
            raise _unsafe(archive, name, "is encrypted")
        yield ArchiveMember(info, path)


def _begins_like_an_image(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: PurePosixPath) -> bool:
    if extension(path.name) or info.flag_bits & 1:
        return False
    try:
        with opened.open(info) as packed:
            return format_of(packed.read(16)) is not None
    except (*_MEMBER_ERRORS, OSError):
        return False


def _unsafe(archive: Path, name: str, what: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(
        f"{archive} is rejected: its member {clean_text(name)[:200]!r} {what}. Unpack it yourself, check its contents, "
        "and add the folder instead."
    )


def _check_limits(infos: list[zipfile.ZipInfo], archive: Path, archive_bytes: int, limits: ArchiveLimits) -> None:
    total = sum(info.file_size for info in infos)
    packed = max(1, min(archive_bytes, sum(info.compress_size for info in infos)))
    largest = max(infos, key=lambda info: info.file_size, default=None)
    if len(infos) > limits.members:
        problem = f"{len(infos)} members are more than the limit of {limits.members}"
    elif largest is not None and largest.file_size > limits.member_bytes:
        name = clean_text(largest.filename)[:200]
        problem = f"its member {name!r} has {largest.file_size} bytes, more than the limit of {limits.member_bytes}"
    elif total > limits.total_bytes:
        problem = f"it unpacks to {total} bytes, more than the limit of {limits.total_bytes}"
    elif total >= limits.ratio_from and total / packed > limits.ratio:
        problem = f"it unpacks to {total / packed:.0f} times its size, as decompression bombs do"
    else:
        return
    raise UnsafeArchiveError(f"{archive} is rejected: {problem}. Unpack it yourself and add the folder instead.")


def _check_space(members: list[ArchiveMember], archive: Path, partial: Path) -> None:
    needed = sum(member.info.file_size for member in members if not _is_extracted(member, partial))
    free = shutil.disk_usage(partial).free
    if needed + _SPARE_BYTES > free:
        raise SourceError(
            f"Unpacking {archive} in {partial.parent} needs {needed} more bytes, but only {free} are free: "
            "free some space, or unpack it elsewhere and add the folder."
        )


def _is_extracted(member: ArchiveMember, partial: Path) -> bool:
    try:
        return (partial / member.path).stat().st_size == member.info.file_size
    except OSError:
        return False


def _extract_member(opened: zipfile.ZipFile, member: ArchiveMember, partial: Path, modified_ns: int) -> str | None:
    """Extract one member under a temporary name, then rename it. Return the error, if any."""
    if _is_extracted(member, partial):
        return None
    target = partial / member.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target, temporary=partial / ".member.tmp", is_durable=False) as temporary:
            with opened.open(member.info) as packed, temporary.open("wb") as sink:
                shutil.copyfileobj(packed, sink, _CHUNK_BYTES)
            os.utime(temporary, ns=(modified_ns, modified_ns))
    except _MEMBER_ERRORS as error:
        return f"The archive member is damaged ({error})"
    except OSError as error:
        if error.errno not in _NAME_ERRNOS:
            raise
        return f"The archive member's name cannot be used here ({error.strerror})"
    return None


def _read_record(folder: Path, names: ZipNames) -> Unpacked:
    record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    failures = [SampleFailure.from_dict(failure) for failure in record["failures"]]
    ignored = PassedOver(record["ignored"])
    ignored.examples.update(record.get("examples", {}))
    return Unpacked(folder, ignored, failures, names)


def _remove_older(workspace: Path, source: str, current: Path) -> None:
    """Remove extractions of earlier states of the same archive, except the latest."""
    others = [path for path in workspace.glob(f"{source}-*") if path != current and path.is_dir()]
    complete = sorted((path for path in others if path.suffix != ".part"), key=lambda path: path.stat().st_mtime_ns)
    for path in others:
        if path not in complete[-1:]:
            with contextlib.suppress(OSError):
                shutil.rmtree(path)
